/**
 * One definition per route: types, validation, permission, OpenAPI and rendering all come from it.
 *
 * There is no second place that says what a route takes or answers, so they cannot disagree.
 */
import type { Static, TObject, TSchema } from 'typebox'
import type { Permission } from '../auth/permissions.ts'
import type { ErrorCode } from '../lib/error-codes.ts'
import type { Caller } from '../services/tenancy.ts'
import type { Line } from './lines.ts'

/** What a handler answers; `json` is checked against the schema of its status in tests. */
export interface Reply {
  readonly status: number
  readonly json?: unknown
  /** Octets in order; sent as a stream with their exact length. */
  readonly bytes?: readonly Uint8Array[]
  /** Pieces as they come; with `sizeBytes` their whole length is told first. */
  readonly stream?: AsyncIterable<Uint8Array | string>
  readonly sizeBytes?: number
  /** The signature whose document this answer is: a repeat reads it again. */
  readonly signatureId?: string
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  /** What is kept for a repeat, where `json` holds a secret that must not be stored. */
  readonly kept?: { readonly status: number; readonly json: unknown }
}

/** A document that came in, as the raw body or as parts of multipart/form-data. */
export interface Upload {
  readonly bytes: Uint8Array
  readonly fileName?: string
  readonly mediaType: string
}

export interface RequestContext<Params = unknown, Query = unknown, Body = unknown> {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** Files by part name; the raw body is `document`. */
  readonly uploads: ReadonlyMap<string, Upload>
  /** Groups of lines as they arrive, where the route takes lines. */
  readonly lines: AsyncIterable<readonly Line[]>
  readonly caller: Caller
  readonly requestId: string
  readonly header: (name: string) => string
  /** Scheme and host under which this service is reached. */
  readonly baseUrl: string
}

/** The answer to one message of a protocol. */
export interface MessageAnswer {
  readonly der: Uint8Array
  readonly cacheControl: string
  /** Further headers for caches: name, value, name, value. */
  readonly validators?: readonly string[]
}

/** A protocol of one small message and its answer, served before everything else (message-endpoint.ts). */
export interface MessageEndpoint {
  /** Media type of a POST; any is taken. */
  readonly requestType?: string
  readonly responseType: string
  /** Largest message that is read, bytes. */
  readonly maxBytes: number
  /** Gets the body of a POST, or of a GET what follows the path, as it was sent. */
  readonly answer: (message: Uint8Array | string) => MessageAnswer | Promise<MessageAnswer>
  /** What the protocol says when an answer could not be made. */
  readonly failure: Uint8Array
}

export interface ResponseDefinition {
  readonly description: string
  readonly schema?: TSchema
  readonly contentType?: string
}

export interface RouteDefinition {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PUT'
  /** OpenAPI form: `/v1/certificates/{id}`. */
  readonly path: string
  readonly operationId: string
  readonly tag: string
  readonly summary: string
  readonly description?: string
  readonly permission: Permission | 'public'
  /** On a public route: what a caller who does send a key must be permitted. */
  readonly memberPermission?: Permission
  readonly params?: TObject
  readonly query?: TObject
  readonly body?: TObject
  /** Largest JSON body, bytes, where it is not that of all routes. */
  readonly jsonBytes?: number
  /** Files: raw body and multipart parts; the JSON of `body` is then the part or query parameter `request`. */
  readonly upload?: {
    readonly parts: readonly string[]
    readonly required: readonly string[]
    /** Text parts of a form in a page; each is a field of `body`. */
    readonly fields?: readonly string[]
  }
  /** A body of NDJSON lines without end, each of this shape and judged by itself. */
  readonly lines?: { readonly item: TObject; readonly maxBytes: number; readonly maxLines: number }
  readonly responses: Readonly<Record<number, ResponseDefinition>>
  readonly errors: readonly ErrorCode[]
  /** Makes something: takes `Idempotency-Key` and answers a repeat with what the first request got. */
  readonly creates?: boolean
  /** Missing exactly where there is a `message`. */
  readonly handler?: (context: RequestContext<never, never, never>) => Promise<Reply>
  readonly message?: MessageEndpoint
}

type Shape<T> = T extends TSchema ? Static<T> : Record<string, never>

/** Ties the types of a route's schemas to its handler. */
export function route<
  P extends TObject | undefined = undefined,
  Q extends TObject | undefined = undefined,
  B extends TObject | undefined = undefined,
>(
  definition: Omit<RouteDefinition, 'params' | 'query' | 'body' | 'handler' | 'message'> & {
    readonly params?: P
    readonly query?: Q
    readonly body?: B
    readonly handler: (context: RequestContext<Shape<P>, Shape<Q>, Shape<B>>) => Promise<Reply>
  },
): RouteDefinition {
  return definition as unknown as RouteDefinition
}

/** A route that is a protocol of its own: public, and with no shape but that of its messages. */
export const messageRoute = (
  definition: Pick<RouteDefinition, 'method' | 'path' | 'operationId' | 'tag' | 'summary' | 'params'> & {
    readonly description: string
    readonly message: MessageEndpoint
  },
): RouteDefinition => {
  const { description, message, ...rest } = definition
  return {
    ...rest,
    message,
    permission: 'public',
    responses: { 200: { description, contentType: message.responseType } },
    errors: rest.method === 'POST' ? ['INPUT_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED'] : [],
  }
}
