/**
 * Reading of request bodies within limits, counted before they are kept.
 *
 * A document lands in one buffer with room behind it, so that the signed revision can be appended
 * without a second copy of the file (memory stays near one times the file).
 */
import type { IncomingMessage } from 'node:http'
import { createHash } from 'node:crypto'
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy'
import { CodedError } from '../../ca/errors.ts'
import { allocateWithRoom } from '../lib/bytes.ts'
import type { RouteDefinition, Upload } from './route.ts'

export interface BodyLimits {
  /** Largest document, bytes. */
  readonly documentBytes: number
  /** Largest JSON body, bytes. */
  readonly jsonBytes: number
  /** Free room kept behind a document for what is appended to it, bytes. */
  readonly appendRoom: number
}

const tooLarge = (limit: number, what: string): CodedError =>
  new CodedError('INPUT_TOO_LARGE', `${what} is larger than ${limit} bytes`, { extra: { limitBytes: limit } })

const endedEarly = (cause: unknown): CodedError =>
  new CodedError('REQUEST_INVALID', 'request ended before its body', { cause })

/** A sink that grows by doubling, or is allocated once when the length is known. */
function sink(expected: number | undefined, limit: number, room: number, what: string) {
  let buffer = allocateWithRoom(Math.min(expected ?? 65_536, limit), room)
  let length = 0
  return {
    write(chunk: Uint8Array): void {
      if (length + chunk.length > limit) throw tooLarge(limit, what)
      if (length + chunk.length + room > buffer.length) {
        const larger = allocateWithRoom(Math.min(limit, (length + chunk.length) * 2), room)
        larger.set(buffer.subarray(0, length))
        buffer = larger
      }
      buffer.set(chunk, length)
      length += chunk.length
    },
    bytes: (): Uint8Array => buffer.subarray(0, length),
  }
}

/** Content-Length, checked against the limit before a byte is read. */
function declaredLength(request: IncomingMessage, limit: number, what: string): number | undefined {
  const text = request.headers['content-length']
  if (text === undefined) return undefined
  const length = Number(text)
  if (!Number.isSafeInteger(length) || length < 0)
    throw new CodedError('REQUEST_INVALID', 'header Content-Length is not a number')
  if (length > limit) throw tooLarge(limit, what)
  return length
}

/** The whole body as octets. @throws {CodedError} INPUT_TOO_LARGE, REQUEST_INVALID when it breaks off */
export async function readRaw(
  request: IncomingMessage,
  limit: number,
  room = 0,
  what = 'request body',
): Promise<Uint8Array> {
  const target = sink(declaredLength(request, limit, what), limit, room, what)
  try {
    for await (const chunk of request) target.write(chunk as Uint8Array)
  } catch (error) {
    throw error instanceof CodedError ? error : endedEarly(error)
  }
  return target.bytes()
}

/** @throws {CodedError} REQUEST_INVALID when the text is not JSON */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CodedError('REQUEST_INVALID', `${where} is not JSON`, { cause })
  }
}

export interface MultipartBody {
  /** Text of the part `request`, JSON. */
  readonly requestText: string | undefined
  readonly uploads: Map<string, Upload>
  /** Text parts that the route names. */
  readonly fields: ReadonlyMap<string, string>
}

/**
 * multipart/form-data: the JSON part `request` and the files that the route names.
 *
 * @throws {CodedError} INPUT_TOO_LARGE, REQUEST_INVALID for a part that the route does not know
 */
export async function readMultipart(
  request: IncomingMessage,
  { parts, fields: known = [] }: Pick<NonNullable<RouteDefinition['upload']>, 'parts' | 'fields'>,
  limits: BodyLimits,
): Promise<MultipartBody> {
  const overhead = 1_048_576
  const declared = declaredLength(request, limits.documentBytes + overhead, 'request body')
  const uploads = new Map<string, Upload>()
  const fields = new Map<string, string>()
  let requestText: string | undefined
  await new Promise<void>((resolve, reject) => {
    const parser = openParser(request)
    const fail = (error: unknown): void => {
      request.unpipe(parser)
      request.resume()
      reject(error instanceof Error ? error : new Error(String(error)))
    }
    parser.on(
      'file',
      (name: string, file: BusboyFileStream, fileName: string, _encoding: string, mediaType: string) => {
        // A body that ends inside a part is an error of the part, and one that nobody listens to ends the process.
        file.on('error', (cause: unknown) =>
          fail(new CodedError('REQUEST_INVALID', 'multipart body is cut off', { cause })),
        )
        if (!parts.includes(name) || uploads.has(name)) {
          file.resume()
          fail(new CodedError('REQUEST_INVALID', `part ${name} is not known here, or comes twice`))
          return
        }
        const target = sink(
          name === 'document' ? declared : undefined,
          limits.documentBytes,
          limits.appendRoom,
          `part ${name}`,
        )
        pour(file, target, fail)
        file.on('end', () => uploads.set(name, { bytes: target.bytes(), fileName, mediaType }))
      },
    )
    parser.on('field', (name: string, value: string) => {
      if (name === 'request') requestText = value
      else if (known.includes(name) && !fields.has(name)) fields.set(name, value)
      else fail(new CodedError('REQUEST_INVALID', `part ${name} is not known here`))
    })
    for (const event of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const)
      parser.on(event, () => fail(new CodedError('REQUEST_INVALID', 'multipart body has too many parts')))
    parser.on('error', (cause: unknown) =>
      fail(new CodedError('REQUEST_INVALID', 'multipart body is not well formed', { cause })),
    )
    parser.on('finish', () => resolve())
    request.on('error', (cause) => fail(endedEarly(cause)))
    request.pipe(parser)
  })
  return { requestText, uploads, fields }
}

/** Writes what comes until it is too much. */
function pour(
  file: BusboyFileStream,
  target: Pick<ReturnType<typeof sink>, 'write'>,
  fail: (error: unknown) => void,
): void {
  file.on('data', (chunk: Uint8Array) => {
    try {
      target.write(chunk)
    } catch (error) {
      file.resume()
      fail(error)
    }
  })
}

function openParser(request: IncomingMessage): BusboyInstance {
  try {
    return new Busboy({
      headers: request.headers as { 'content-type': string },
      limits: { files: 4, fields: 4, parts: 8, fieldSize: 262_144, headerPairs: 50 },
    })
  } catch (cause) {
    throw new CodedError('REQUEST_INVALID', 'header Content-Type: multipart boundary is missing', { cause })
  }
}

/** SHA-256 of everything that makes two requests the same: for `Idempotency-Key`. */
export function bodyHash(requestJson: unknown, uploads: ReadonlyMap<string, Upload>): string {
  const hash = createHash('sha256').update(JSON.stringify(requestJson ?? null))
  for (const [name, upload] of [...uploads].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`\n${name} ${upload.bytes.length} `).update(upload.bytes)
  return hash.digest('hex')
}
