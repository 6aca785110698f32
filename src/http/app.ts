/**
 * The HTTP shell: routes come in as definitions, services stand behind their handlers.
 *
 * Order of work for each request: id → route → limits → principal → permission → shape → idempotency → handler.
 * An unknown error becomes 500 without detail; its cause goes to the log under the request id.
 */
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import Koa, { type Context } from 'koa'
import Router from '@koa/router'
import { CodedError } from '../../ca/errors.ts'
import { ANONYMOUS, type Caller } from '../services/tenancy.ts'
import type { Permission } from '../auth/permissions.ts'
import { type BodyLimits, bodyHash } from './body.ts'
import { readRequest } from './read-request.ts'
import { type ErrorPage, renderProblem } from './problem.ts'
import type { Reply, RequestContext, RouteDefinition } from './route.ts'
import { checkShape } from './validate.ts'

export interface HttpLog {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Stored answers for `Idempotency-Key` (services/idempotency.ts). */
export interface IdempotencyGate {
  run(
    claim: { caller: Caller; key: string; route: string; bodySha256: string },
    act: () => Promise<Reply>,
  ): Promise<Reply>
}

export interface HttpDeps {
  readonly routes: readonly RouteDefinition[]
  readonly baseUrl: string
  readonly limits: BodyLimits
  /** Proxies in front, each of which appends the address that it saw to X-Forwarded-For. */
  readonly trustedProxies: number
  readonly log: HttpLog
  /** @throws AUTH_REQUIRED, AUTH_FORBIDDEN; records what it refuses */
  readonly authorise: (authorization: string, permission: Permission) => Promise<Caller>
  readonly idempotency: IdempotencyGate
  /** @throws RATE_LIMITED */
  readonly rateLimit: (client: string) => void
  readonly observe: (operation: string, status: number, seconds: number) => void
  /** Problems as pages for browsers; without it everybody gets problem+json. */
  readonly errorPage?: ErrorPage
}

/** A Koa application that serves the routes. */
export function createApp(deps: HttpDeps): Koa {
  const app = new Koa()
  // Only what our own proxies append to X-Forwarded-For is believed: the client writes the rest.
  app.proxy = deps.trustedProxies > 0
  app.maxIpsCount = deps.trustedProxies
  const router = new Router()
  for (const definition of deps.routes) {
    // Protocols are served before (message-endpoint.ts).
    const { handler } = definition
    if (!handler) continue
    const path = definition.path.replace(/\{(\w+)\}/g, ':$1').replace(/:rest\b/, '*rest')
    router.register(
      path,
      [definition.method, ...(definition.method === 'GET' ? ['HEAD'] : [])],
      [(ctx: Context) => serve(ctx, { ...definition, handler }, deps)],
    )
  }
  app.use(envelope(deps))
  app.use(router.routes())
  app.use((ctx) => {
    const methods = router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods)
    if (methods.length === 0) throw new CodedError('NOT_FOUND', 'there is nothing at this path')
    ctx.set('Allow', [...new Set(methods)].join(', '))
    throw new CodedError('METHOD_NOT_ALLOWED', `${ctx.method} is not allowed on this path`)
  })
  // Koa would print it: a client that went away in the middle of its answer.
  app.on('error', (err: unknown) => deps.log.info({ err }, 'connection ended early'))
  return app
}

/** Request id, security headers, timing, and the one place where errors become answers. */
function envelope(deps: HttpDeps): Koa.Middleware {
  return async (ctx, next) => {
    const requestId = randomUUID()
    const started = process.hrtime.bigint()
    ctx.state['requestId'] = requestId
    ctx.set('X-Request-Id', requestId)
    ctx.set('X-Content-Type-Options', 'nosniff')
    ctx.set('Referrer-Policy', 'no-referrer')
    try {
      deps.rateLimit(ctx.ip)
      await next()
    } catch (error) {
      renderProblem(ctx, error, requestId, deps)
    }
    const seconds = Number(process.hrtime.bigint() - started) / 1e9
    const operation = (ctx.state['operation'] as string | undefined) ?? 'none'
    deps.observe(operation, ctx.status, seconds)
    deps.log.info(
      { requestId, method: ctx.method, operation, status: ctx.status, ms: Math.round(seconds * 1e4) / 10 },
      'request',
    )
  }
}

/** Anonymous on a public route, unless a key is sent where members have something of their own. */
function identify(ctx: Context, definition: RouteDefinition, deps: HttpDeps): Promise<Caller> | Caller {
  const header = ctx.get('authorization')
  const { permission, memberPermission } = definition
  if (permission !== 'public') return deps.authorise(header, permission)
  return header && memberPermission ? deps.authorise(header, memberPermission) : ANONYMOUS
}

async function serve(
  ctx: Context,
  definition: RouteDefinition & Required<Pick<RouteDefinition, 'handler'>>,
  deps: HttpDeps,
): Promise<void> {
  ctx.state['operation'] = definition.operationId
  const caller = await identify(ctx, definition, deps)
  const params = ctx['params'] as Record<string, string>
  if (definition.params) checkShape(definition.params, params, 'path')
  const { request: requestText, ...query } = ctx.query
  const queryValues: Record<string, unknown> = definition.upload ? query : { ...ctx.query }
  if (definition.query) checkShape(definition.query, queryValues, 'query')
  const { body, uploads, lines } = await readRequest(ctx, definition, deps.limits, requestText)
  if (definition.body) checkShape(definition.body, body, '#')
  const context: RequestContext = {
    params,
    query: queryValues,
    body,
    uploads,
    lines,
    caller,
    requestId: ctx.state['requestId'] as string,
    header: (name) => ctx.get(name),
    baseUrl: deps.baseUrl,
  }
  const act = (): Promise<Reply> => definition.handler(context as RequestContext<never, never, never>)
  const key = ctx.get('idempotency-key')
  // Strangers have no name under which a claim could be theirs: each of their requests is done anew.
  const isClaimed = key !== '' && definition.creates === true && caller !== ANONYMOUS
  send(ctx, isClaimed ? await withKey(deps, definition, context, key, act) : await act())
}

function withKey(
  deps: HttpDeps,
  definition: RouteDefinition,
  context: RequestContext,
  key: string,
  act: () => Promise<Reply>,
): Promise<Reply> {
  if (key.length > 128 || !/^[\x21-\x7e]+$/.test(key))
    throw new CodedError('REQUEST_INVALID', 'header Idempotency-Key is not 1 to 128 visible ASCII characters')
  const bodySha256 = bodyHash([context.params, context.query, context.body], context.uploads)
  return deps.idempotency.run({ caller: context.caller, key, route: definition.operationId, bodySha256 }, act)
}

function send(ctx: Context, reply: Reply): void {
  ctx.status = reply.status
  for (const [name, value] of Object.entries(reply.headers ?? {})) ctx.set(name, value)
  if (reply.json !== undefined) {
    ctx.type = reply.contentType ?? 'application/json; charset=utf-8'
    // As octets: node takes twice as long to write the same as text.
    ctx.body = Buffer.from(JSON.stringify(reply.json))
  } else if (reply.stream) {
    ctx.type = reply.contentType ?? 'application/octet-stream'
    if (reply.sizeBytes !== undefined) ctx.length = reply.sizeBytes
    ctx.body = Readable.from(reply.stream)
  } else if (reply.bytes) {
    sendBytes(ctx, reply.bytes, reply.contentType)
  } else {
    ctx.body = null
    ctx.status = reply.status
  }
}

function sendBytes(
  ctx: Context,
  parts: readonly Uint8Array[],
  contentType = 'application/octet-stream',
): void {
  const views = parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.length))
  const [only] = views
  ctx.type = contentType
  ctx.length = views.reduce((sum, part) => sum + part.length, 0)
  ctx.body = views.length === 1 && only ? only : Readable.from(views)
}
