/**
 * Answers what is not a request at all: Node's parser refuses it before there is a request, and would close the
 * connection with a bare status line.
 */
import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { PROBLEMS } from './problem.ts'

const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

const DETAIL: Readonly<Record<number, string>> = {
  400: 'what arrived is not an HTTP request',
  408: 'the request did not arrive in time',
  431: 'the headers are larger than 16 KiB',
}

/** The whole answer, head and problem document. */
function clientErrorAnswer(code: string | undefined, baseUrl: string): string {
  const status = STATUS_OF[code ?? ''] ?? 400
  const requestId = randomUUID()
  const body = JSON.stringify({
    type: `${baseUrl}/problems/REQUEST_INVALID`,
    title: PROBLEMS.REQUEST_INVALID.title,
    status,
    code: 'REQUEST_INVALID',
    detail: DETAIL[status],
    instance: '',
    requestId,
  })
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Cache-Control: no-store',
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}

/** For the `clientError` event of a server. */
export const onClientError =
  (baseUrl: string) =>
  (error: NodeJS.ErrnoException, socket: Socket): void => {
    // Gone already, or in the middle of another answer: nothing that can be said would be understood.
    if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) socket.destroy()
    else socket.end(clientErrorAnswer(error.code, baseUrl))
  }
