/**
 * Serves protocols of one small message and its answer (OCSP, RFC 3161) on node:http, before Koa: of the time that an
 * answer from memory takes, a framework for documents and JSON would be four fifths.
 *
 * Same order of work and same limits as in `app.ts`: id → rate limit → route → size → answer. What HTTP itself
 * refuses is a problem document; everything else is said in the words of the protocol.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CodedError } from '../../ca/errors.ts'
import type { HttpLog } from './app.ts'
import { problemOf } from './problem.ts'
import type { MessageAnswer, MessageEndpoint, RouteDefinition } from './route.ts'

/** What it is served with; the same as in `HttpDeps`. */
export interface MessageDeps {
  readonly routes: readonly RouteDefinition[]
  readonly baseUrl: string
  readonly trustedProxies: number
  readonly log: HttpLog
  /** @throws RATE_LIMITED */
  readonly rateLimit: (client: string) => void
  readonly observe: (operation: string, status: number, seconds: number) => void
}

interface Endpoint extends MessageEndpoint {
  readonly operationId: string
}

/** Endpoints by method; `rest` takes what follows the path. */
interface Place {
  readonly path: string
  readonly takesRest: boolean
  readonly methods: ReadonlyMap<string, Endpoint>
}

/** One request on its way. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
  readonly started: number
  operation: string
}

const NO_BYTES = new Uint8Array(0)

/** @returns takes a request if it is for one of these protocols, and says whether it did */
export function serveMessages(
  deps: MessageDeps,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const places = placesOf(deps.routes)
  const exact = new Map(places.filter(({ takesRest }) => !takesRest).map((place) => [place.path, place]))
  const prefixes = places.filter(({ takesRest }) => takesRest)
  const find = (path: string): Place | undefined =>
    exact.get(path) ?? prefixes.find((place) => path.startsWith(place.path))
  return (request, response) => {
    const { url = '' } = request
    const query = url.indexOf('?')
    const path = query < 0 ? url : url.slice(0, query)
    const place = find(path)
    if (!place) return false
    const exchange: Exchange = {
      request,
      response,
      requestId: randomUUID(),
      started: performance.now(),
      operation: 'none',
    }
    try {
      accept(deps, exchange, place, path)
    } catch (error) {
      refuse(deps, exchange, error)
    }
    return true
  }
}

function placesOf(routes: readonly RouteDefinition[]): Place[] {
  const places = new Map<string, Place & { readonly methods: Map<string, Endpoint> }>()
  for (const { path, method, operationId, message } of routes) {
    if (!message) continue
    const takesRest = path.endsWith('{rest}')
    const place = places.get(path) ?? {
      path: takesRest ? path.slice(0, -'{rest}'.length) : path,
      takesRest,
      methods: new Map<string, Endpoint>(),
    }
    places.set(path, place)
    const endpoint = { ...message, operationId }
    place.methods.set(method, endpoint)
    if (method === 'GET') place.methods.set('HEAD', endpoint)
  }
  return [...places.values()]
}

/** Everything that can be refused before the message is read. @throws {CodedError} */
function accept(deps: MessageDeps, exchange: Exchange, place: Place, path: string): void {
  const { request, response } = exchange
  deps.rateLimit(clientOf(request, deps.trustedProxies))
  const endpoint = place.methods.get(request.method ?? '')
  if (!endpoint) {
    response.setHeader('Allow', [...place.methods.keys()].join(', '))
    throw new CodedError('METHOD_NOT_ALLOWED', `${request.method} is not allowed on this path`)
  }
  exchange.operation = endpoint.operationId
  if (request.method !== 'POST') {
    respond(deps, exchange, endpoint, path.slice(place.path.length))
    return
  }
  const { 'content-encoding': encoding, 'content-length': length } = request.headers
  if (encoding !== undefined && encoding !== '' && encoding.toLowerCase() !== 'identity')
    throw new CodedError('MEDIA_TYPE_UNSUPPORTED', 'header Content-Encoding must be identity or absent')
  if (length !== undefined && Number(length) > endpoint.maxBytes) throw tooLarge(endpoint)
  readMessage(deps, exchange, endpoint)
}

/** Address that the request comes from: that of the connection, or what our own proxies appended to X-Forwarded-For. */
function clientOf(request: IncomingMessage, trustedProxies: number): string {
  const forwarded = trustedProxies > 0 ? request.headers['x-forwarded-for'] : undefined
  const seen =
    typeof forwarded === 'string' ? forwarded.split(/\s*,\s*/).slice(-trustedProxies)[0] : undefined
  return seen || (request.socket.remoteAddress ?? '')
}

const tooLarge = ({ maxBytes }: MessageEndpoint): CodedError =>
  new CodedError('INPUT_TOO_LARGE', `request body is larger than ${maxBytes} bytes`, {
    extra: { limitBytes: maxBytes },
  })

/** A client that goes away before its message is whole gets no answer, and nothing of it is kept. */
function readMessage(deps: MessageDeps, exchange: Exchange, endpoint: Endpoint): void {
  const { request } = exchange
  let bytes: Uint8Array = NO_BYTES
  let isRefused = false
  request.on('data', (chunk: Uint8Array) => {
    if (isRefused) return
    if (bytes.length + chunk.length > endpoint.maxBytes) {
      isRefused = true
      refuse(deps, exchange, tooLarge(endpoint))
    } else bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
  })
  request.on('end', () => {
    if (!isRefused) respond(deps, exchange, endpoint, bytes)
  })
}

/** What was answered in memory goes out in the same turn of the event loop. */
function respond(
  deps: MessageDeps,
  exchange: Exchange,
  endpoint: Endpoint,
  message: Uint8Array | string,
): void {
  try {
    const answer = endpoint.answer(message)
    if (!(answer instanceof Promise)) {
      send(deps, exchange, endpoint, answer)
      return
    }
    answer
      .catch((error: unknown) => failureOf(deps, exchange, endpoint, error))
      .then((later) => send(deps, exchange, endpoint, later))
      .catch((error: unknown) =>
        deps.log.error({ requestId: exchange.requestId, err: error }, 'no answer was sent'),
      )
  } catch (error) {
    send(deps, exchange, endpoint, failureOf(deps, exchange, endpoint, error))
  }
}

/** A fault of ours; what can be foreseen was answered in the protocol's words before. */
function failureOf(
  deps: MessageDeps,
  { requestId }: Exchange,
  { failure }: Endpoint,
  error: unknown,
): MessageAnswer {
  deps.log.error({ requestId, code: 'INTERNAL', err: error }, 'request failed')
  return { der: failure, cacheControl: 'no-store' }
}

function send(deps: MessageDeps, exchange: Exchange, endpoint: Endpoint, answer: MessageAnswer): void {
  const { response, requestId } = exchange
  const { der, cacheControl, validators } = answer
  const head = [
    ...['Content-Type', endpoint.responseType, 'Content-Length', String(der.length)],
    ...['Cache-Control', cacheControl, 'X-Content-Type-Options', 'nosniff', 'X-Request-Id', requestId],
    ...(validators ?? []),
  ]
  response.writeHead(200, head)
  // As text, head and body leave in one write: a second one costs as much as everything above.
  response.end(Buffer.from(der.buffer, der.byteOffset, der.length).toString('latin1'), 'latin1')
  finish(deps, exchange, 200)
}

function refuse(deps: MessageDeps, exchange: Exchange, error: unknown): void {
  const { request, response, requestId } = exchange
  const { status, headers, document } = problemOf(error, request.url ?? '', requestId, deps)
  const body = JSON.stringify(document)
  response.setHeader('X-Request-Id', requestId)
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
  finish(deps, exchange, status)
}

function finish(
  deps: MessageDeps,
  { request, requestId, operation, started }: Exchange,
  status: number,
): void {
  const ms = performance.now() - started
  deps.observe(operation, status, ms / 1000)
  deps.log.info(
    { requestId, method: request.method, operation, status, ms: Math.round(ms * 10) / 10 },
    'request',
  )
}
