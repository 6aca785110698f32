/**
 * A small client of the HTTP API. It stands alone: copy this file into any project that has `fetch`.
 *
 * Types of bodies and answers are those of `/openapi.json`; this file carries only what every call shares.
 */

/** An RFC 9457 problem document, as the service sends it for anything but success. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly requestId: string
  readonly errors?: readonly { readonly pointer: string; readonly rule: string }[]
}

/** Thrown for every answer that is not a success; `problem.code` is stable. */
export class ApiError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(`${problem.code}: ${problem.detail}`)
    this.name = 'ApiError'
    this.problem = problem
  }
}

export interface ClientOptions {
  readonly baseUrl: string
  readonly apiKey?: string
  readonly fetch?: typeof fetch
}

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly json?: unknown
  /** Files by part name; `json` then travels as the part `request`. */
  readonly files?: Readonly<
    Record<string, { readonly bytes: Uint8Array; readonly name?: string; readonly type?: string }>
  >
  /** A repeat with the same key and body gets the first answer. */
  readonly idempotencyKey?: string
  readonly accept?: string
}

export interface Client {
  /** @throws {ApiError} */
  json<T>(method: string, path: string, options?: CallOptions): Promise<T>
  /** @throws {ApiError} */
  bytes(method: string, path: string, options?: CallOptions): Promise<Uint8Array>
}

function bodyOf({ json, files }: CallOptions): { body?: string | FormData; type?: string } {
  if (!files) return json === undefined ? {} : { body: JSON.stringify(json), type: 'application/json' }
  const form = new FormData()
  if (json !== undefined) form.append('request', JSON.stringify(json))
  for (const [part, file] of Object.entries(files))
    form.append(
      part,
      new Blob([file.bytes as Uint8Array<ArrayBuffer>], { type: file.type ?? 'application/octet-stream' }),
      file.name ?? part,
    )
  return { body: form }
}

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text()
  try {
    return JSON.parse(text) as Problem
  } catch {
    return {
      type: 'about:blank',
      title: response.statusText,
      status: response.status,
      code: 'HTTP',
      detail: text.slice(0, 200),
      requestId: '',
    }
  }
}

/** Makes a client; it keeps no state but its options. */
export function createClient(options: ClientOptions): Client {
  const send = async (method: string, path: string, call: CallOptions = {}): Promise<Response> => {
    const url = new URL(options.baseUrl + path)
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value))
    const { body, type } = bodyOf(call)
    const headers = new Headers({ Accept: call.accept ?? 'application/json' })
    if (options.apiKey !== undefined) headers.set('Authorization', `Bearer ${options.apiKey}`)
    if (type !== undefined) headers.set('Content-Type', type)
    if (call.idempotencyKey !== undefined) headers.set('Idempotency-Key', call.idempotencyKey)
    const response = await (options.fetch ?? fetch)(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    })
    if (!response.ok) throw new ApiError(await problemOf(response))
    return response
  }
  return {
    json: async <T>(method: string, path: string, call?: CallOptions) => {
      const response = await send(method, path, call)
      return (response.status === 204 ? undefined : await response.json()) as T
    },
    bytes: async (method, path, call) => new Uint8Array(await (await send(method, path, call)).arrayBuffer()),
  }
}
