/** A `fetch` that fails when an answer is not what its route promised: status, media type, shape, problem document. */
import type { TSchema } from 'typebox'
import { PROBLEMS } from '../../http/problem.ts'
import type { RouteDefinition } from '../../http/route.ts'
import { ProblemSchema } from '../../http/schemas.ts'
import { responseFaults } from '../../http/validate.ts'

/** Problems that any route can answer; all others must be in the route's own list. */
const COMMON = new Set<string>([
  ...['AUTH_REQUIRED', 'AUTH_FORBIDDEN', 'REQUEST_INVALID', 'METHOD_NOT_ALLOWED', 'RATE_LIMITED'],
  ...['CURSOR_INVALID', 'INPUT_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'STORE_UNAVAILABLE', 'STORE_CLOSED'],
  ...['STORE_OVERLOADED', 'CLOCK_WENT_BACK', 'AUDIT_UNAVAILABLE', 'KEY_UNAVAILABLE', 'INTERNAL'],
])
const FOR_CREATION = new Set(['IDEMPOTENCY_IN_PROGRESS', 'IDEMPOTENCY_KEY_REUSED'])

const patternOf = (path: string): RegExp =>
  new RegExp(
    `^${path
      .replace(/[.]/g, '\\.')
      .replace(/\{rest\}/g, '.+')
      .replace(/\{\w+\}/g, '[^/]+')}$`,
  )

/** The route that serves a request; literal paths come before those with parameters, as in the router. */
export function findRoute(
  routes: readonly RouteDefinition[],
  method: string,
  path: string,
): RouteDefinition | undefined {
  const wanted = method === 'HEAD' ? 'GET' : method
  return routes.find((route) => route.method === wanted && patternOf(route.path).test(path))
}

function problemFaults(route: RouteDefinition | undefined, response: Response, text: string): string[] {
  const type = response.headers.get('content-type') ?? ''
  if (!type.startsWith('application/problem+json')) return [`is not problem+json but ${type}`]
  const problem = JSON.parse(text) as { code: keyof typeof PROBLEMS; status: number }
  const faults = responseFaults(ProblemSchema, problem)
  const row = Object.hasOwn(PROBLEMS, problem.code) ? PROBLEMS[problem.code] : undefined
  if (!row) faults.push(`has code ${problem.code}, which is in no table`)
  if (row?.status !== response.status || problem.status !== response.status)
    faults.push(`has status ${response.status} for ${problem.code}`)
  if (route && !isListed(route, problem.code)) faults.push(`has code ${problem.code}, which it does not list`)
  return faults
}

const isListed = (route: RouteDefinition, code: string): boolean =>
  COMMON.has(code) ||
  (route.creates === true && FOR_CREATION.has(code)) ||
  route.errors.some((listed) => listed === code)

function successFaults(
  route: RouteDefinition,
  response: Response,
  text: string,
  accept: string | null,
): string[] {
  const definition = route.responses[response.status]
  if (!definition) return [`answers ${response.status}, which it does not define`]
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? ''
  // A document may be asked for instead of its description.
  if (definition.schema && (type === 'application/json' || !accept?.includes('pdf')))
    return shapeFaults(definition.schema, type, text)
  return definition.schema ? [] : typeFaults(definition.contentType, type)
}

/** `application/octet-stream` stands for whatever the document is. */
function typeFaults(contentType: string | undefined, type: string): string[] {
  const promised = contentType?.split(';')[0]
  const isAny = promised === undefined || promised === 'application/octet-stream'
  return isAny || type === promised ? [] : [`is ${type}, not ${promised}`]
}

function shapeFaults(schema: TSchema, type: string, text: string): string[] {
  if (type !== 'application/json') return [`is ${type}, not application/json`]
  return responseFaults(schema, JSON.parse(text))
}

function faultsOf(
  route: RouteDefinition | undefined,
  response: Response,
  text: string,
  headers: Headers,
): string[] {
  const general = response.headers.get('x-request-id') ? [] : ['has no request id']
  const isNotReady = response.status === 503 && route?.operationId === 'ready'
  if (response.status >= 400 && !isNotReady) return [...general, ...problemFaults(route, response, text)]
  if (!route) return ['succeeds without a route']
  return [...general, ...successFaults(route, response, text, headers.get('accept'))]
}

/** @throws Error that names the route and everything that is wrong with its answer */
export function checkedFetch(routes: readonly RouteDefinition[], address: string): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const method = init?.method ?? 'GET'
    const response = await fetch(input, init)
    const isOurs = url.origin === address && method !== 'HEAD'
    if (!isOurs) return response
    const headers = new Headers(init?.headers)
    const text = await response.clone().text()
    // A browser gets a page, also for a problem.
    if (headers.get('accept')?.startsWith('text/html')) return response
    const faults = faultsOf(findRoute(routes, method, url.pathname), response, text, headers)
    if (faults.length === 0) return response
    throw new Error(`${method} ${url.pathname}: answer ${faults.join('; ')}\n${text.slice(0, 500)}`)
  }
}
