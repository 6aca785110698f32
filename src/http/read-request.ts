/** From a request to the JSON and the files that its route asks for, by media type. */
import type { Context } from 'koa'
import { CodedError } from '../../ca/errors.ts'
import { type BodyLimits, parseJson, readMultipart, readRaw } from './body.ts'
import { type Line, readLines } from './lines.ts'
import type { RouteDefinition, Upload } from './route.ts'

export interface RequestInput {
  readonly body: unknown
  readonly uploads: ReadonlyMap<string, Upload>
  readonly lines: AsyncIterable<readonly Line[]>
}

const NO_LINES: RequestInput['lines'] = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}

const NOTHING: RequestInput = { body: undefined, uploads: new Map(), lines: NO_LINES }

/**
 * @param requestText query parameter `request`: the JSON of a request whose body is the document itself
 * @throws {CodedError} INPUT_TOO_LARGE, MEDIA_TYPE_UNSUPPORTED, REQUEST_INVALID
 */
export async function readRequest(
  ctx: Context,
  definition: RouteDefinition,
  limits: BodyLimits,
  requestText: string | string[] | undefined,
): Promise<RequestInput> {
  if (definition.method === 'GET' || definition.method === 'DELETE') return NOTHING
  // Octets that are compressed would be kept and judged as if they were the document.
  const encoding = ctx.get('content-encoding').trim().toLowerCase()
  if (encoding !== '' && encoding !== 'identity')
    throw new CodedError('MEDIA_TYPE_UNSUPPORTED', 'header Content-Encoding must be identity or absent')
  const mediaType = ctx.get('content-type').split(';')[0]?.trim().toLowerCase() ?? ''
  if (definition.lines) return readLineBody(ctx, definition.lines, mediaType)
  if (definition.upload) return readUploads(ctx, definition.upload, mediaType, limits, requestText)
  if (!definition.body) return NOTHING
  if (mediaType !== 'application/json')
    throw new CodedError('MEDIA_TYPE_UNSUPPORTED', 'header Content-Type must be application/json')
  const bytes = await readRaw(ctx.req, definition.jsonBytes ?? limits.jsonBytes)
  // A Buffer reads long texts several times as fast as a TextDecoder.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  return { ...NOTHING, body: parseJson(text, 'request body') }
}

/** Neither sending nor reading for so long ends the connection, milliseconds. */
const IDLE_MS = 60_000

function readLineBody(
  { req, res }: Context,
  { maxBytes, maxLines }: NonNullable<RouteDefinition['lines']>,
  mediaType: string,
): RequestInput {
  if (mediaType !== 'application/x-ndjson')
    throw new CodedError('MEDIA_TYPE_UNSUPPORTED', 'header Content-Type must be application/x-ndjson')
  const { socket } = req
  socket.setTimeout(IDLE_MS, () => socket.destroy())
  res.once('close', () => socket.setTimeout(0))
  return { ...NOTHING, lines: readLines(req as AsyncIterable<Uint8Array>, maxBytes, maxLines) }
}

async function readUploads(
  ctx: Context,
  upload: NonNullable<RouteDefinition['upload']>,
  mediaType: string,
  limits: BodyLimits,
  requestText: string | string[] | undefined,
): Promise<RequestInput> {
  let text = typeof requestText === 'string' ? requestText : undefined
  let uploads: Map<string, Upload>
  let fields: Readonly<Record<string, string>> | undefined
  if (mediaType === 'multipart/form-data') {
    const parts = await readMultipart(ctx.req, upload, limits)
    text = parts.requestText ?? text
    uploads = parts.uploads
    fields = Object.fromEntries(parts.fields)
  } else {
    const bytes = await readRaw(ctx.req, limits.documentBytes, limits.appendRoom, 'document')
    uploads = new Map([['document', { bytes, mediaType: mediaType || 'application/octet-stream' }]])
  }
  for (const part of upload.required) requirePart(uploads, part)
  return { ...NOTHING, body: text === undefined ? { ...fields } : parseJson(text, 'part request'), uploads }
}

function requirePart(uploads: ReadonlyMap<string, Upload>, part: string): void {
  if (uploads.get(part)?.bytes.length) return
  throw new CodedError('REQUEST_INVALID', `part ${part} is missing or empty`, {
    extra: { errors: [{ pointer: `#/${part}`, rule: 'is required' }] },
  })
}
