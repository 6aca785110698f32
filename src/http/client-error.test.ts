import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { onClientError } from './client-error.ts'

const answerTo = (code: string | undefined): Promise<string> => {
  const socket = new PassThrough()
  onClientError('https://ca.example')(
    Object.assign(new Error('TEST ONLY'), { code }),
    socket as unknown as Socket,
  )
  return text(socket)
}

test('each parser error has its status, and the length is that of the body', async (t) => {
  for (const [code, status] of [
    ['HPE_HEADER_OVERFLOW', 431],
    ['ERR_HTTP_REQUEST_TIMEOUT', 408],
    ['HPE_INVALID_METHOD', 400],
    [undefined, 400],
  ] as const) {
    const [head = '', body = ''] = (await answerTo(code)).split('\r\n\r\n')
    t.true(head.startsWith(`HTTP/1.1 ${status} `))
    t.true(head.includes(`Content-Length: ${Buffer.byteLength(body)}`))
    const type = 'https://ca.example/problems/REQUEST_INVALID'
    t.like(JSON.parse(body), { status, code: 'REQUEST_INVALID', type })
  }
})

test('a client that is gone gets nothing', (t) => {
  const socket = new PassThrough()
  onClientError('https://ca.example')(
    Object.assign(new Error('TEST ONLY'), { code: 'ECONNRESET' }),
    socket as unknown as Socket,
  )
  t.true(socket.destroyed)
})
