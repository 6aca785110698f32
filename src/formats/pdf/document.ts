import { decryptObject } from './decrypt-object.ts'
import { decodeFilters } from './filters.ts'
import { DEFAULT_PDF_LIMITS, malformed, tooLarge, type PdfLimits } from './limits.ts'
import {
  findDictOf,
  isDict,
  isName,
  isRef,
  isStream,
  isString,
  type PdfDict,
  type PdfName,
  type PdfObject,
  type PdfRef,
  type PdfStream,
  type PdfString,
} from './objects.ts'
import { openObjectStream, type ObjectStream } from './object-stream.ts'
import { indexOf, lastIndexOf, parseIndirectObject, type IndirectObject } from './parse-indirect.ts'
import { skipWhite, takeInteger, type Cursor } from './parse-object.ts'
import { findRevisions, type PdfRevision } from './revisions.ts'
import { openSecurityHandler, type SecurityHandler } from './security-handler.ts'
import { readXrefChain, type XrefEntry, type XrefReader } from './xref.ts'

/** Options of `openPdf`. */
export type OpenPdfOptions = {
  /** User or owner password; the empty user password is always tried first. */
  readonly password?: string
  readonly limits?: Partial<PdfLimits>
}

/** An opened PDF. Objects are parsed when they are asked for; nothing of `bytes` is copied. */
export type PdfDocument = {
  readonly bytes: Uint8Array
  /** Bytes before `%PDF-`: offsets in the file count from there. */
  readonly base: number
  /** Of the header, for example `1.7`; the catalog may say a later one. */
  readonly headerVersion: string
  /** Oldest first; the last one is what a viewer shows. */
  readonly revisions: readonly PdfRevision[]
  /** Of the newest revision. */
  readonly trailer: PdfDict
  /** One more than the highest object number in use or announced. */
  readonly size: number
  readonly security: SecurityHandler | undefined
  /** Keys of tolerated violations met so far: another reader may see something else there. */
  readonly anomalies: Set<string>
  readonly limits: PdfLimits
  readonly options: OpenPdfOptions
  /** Parsed objects by number, and what the walks have cost so far. For this folder only. */
  readonly state: DocumentState
}

type DocumentState = {
  readonly objects: Map<number, PdfObject>
  readonly loading: Set<number>
  readonly containers: Map<number, ObjectStream>
  readonly merged: Map<number, XrefEntry>
  structureBytes: number
}

/**
 * Opens a PDF by its cross-reference sections; a file without usable ones is refused (see `recoverPdf`).
 *
 * @throws {PDF_MALFORMED} where the header, the cross-reference chain or the catalog is missing or broken
 * @throws {PDF_TOO_LARGE} over a limit
 * @throws {PDF_ENCRYPTED} where the password is not known
 * @throws {PDF_ENCRYPTION_UNSUPPORTED} for public-key and unknown security handlers
 * @see ISO 32000-2, 7.5
 */
export function openPdf(bytes: Uint8Array, options: OpenPdfOptions = {}): PdfDocument {
  const limits = { ...DEFAULT_PDF_LIMITS, ...options.limits }
  if (bytes.length > limits.fileBytes) throw tooLarge('bytes', limits.fileBytes)
  const anomalies = new Set<string>()
  const header = findHeader(bytes)
  const startxref = findStartxref(bytes, limits, anomalies)
  const state = { structureBytes: 0 }
  const base = findBase(bytes, header.offset, startxref.value)
  const reader: XrefReader = {
    bytes,
    base,
    limits,
    anomalies,
    entryCount: 0,
    decode: (stream) =>
      decodeStructure({ limits, state }, stream.dict, stream.raw, (object) => object ?? null),
  }
  const sections = readXrefChain(reader, startxref.value)
  const revisions = findRevisions({
    bytes,
    base,
    sections,
    lastStartxref: startxref.offset,
    limits,
    anomalies,
  })
  const parts = { bytes, base, headerVersion: header.version, revisions, anomalies, limits, options }
  return assembleDocument({ ...parts, merged: mergeEntries(revisions) }, state.structureBytes)
}

/** What is known of a file before its objects can be asked for. */
export type DocumentParts = Pick<
  PdfDocument,
  'bytes' | 'base' | 'headerVersion' | 'revisions' | 'anomalies' | 'limits' | 'options'
> & { readonly merged: Map<number, XrefEntry> }

/** Puts a document together, opens its encryption and checks that it has a catalog. For this folder only. */
export function assembleDocument(parts: DocumentParts, structureBytes = 0): PdfDocument {
  const { merged, ...rest } = parts
  const doc: PdfDocument = {
    ...rest,
    trailer: (parts.revisions.at(-1) as PdfRevision).trailer,
    size: findSize(parts.revisions, merged),
    security: undefined,
    state: { objects: new Map(), loading: new Set(), containers: new Map(), merged, structureBytes },
  }
  const opened = { ...doc, security: openSecurity(doc, parts.options.password) }
  getCatalog(opened)
  return opened
}

/**
 * The document as a viewer would have seen it before the later revisions were appended.
 *
 * @throws {PDF_MALFORMED} where the bytes up to there are not a PDF of their own
 */
export function openRevision(doc: PdfDocument, index: number): PdfDocument {
  const revision = doc.revisions[index]
  if (!revision) throw malformed(`The PDF has no revision ${index}.`)
  if (index === doc.revisions.length - 1) return doc
  return openPdf(doc.bytes.subarray(0, revision.endOffset), doc.options)
}

function findHeader(bytes: Uint8Array): { offset: number; version: string } {
  const offset = indexOf(bytes, '%PDF-', 0, Math.min(bytes.length, 1024 + 5))
  if (offset < 0) throw malformed('The file has no %PDF- header in its first 1,024 bytes.')
  const line = Buffer.from(bytes.subarray(offset + 5, offset + 13)).toString('latin1')
  return { offset, version: /^\d+\.\d+/.exec(line)?.[0] ?? '' }
}

function findStartxref(
  bytes: Uint8Array,
  limits: PdfLimits,
  anomalies: Set<string>,
): { offset: number; value: number } {
  const offset = lastIndexOf(bytes, 'startxref', bytes.length)
  if (offset < 0) throw malformed('The PDF has no startxref.')
  const cursor: Cursor = { bytes, pos: offset + 9, end: bytes.length, limits, anomalies }
  skipWhite(cursor)
  const value = takeInteger(cursor)
  if (value === undefined) throw malformed('The PDF has a startxref without an offset.')
  return { offset, value }
}

/** Offsets count from the header (7.5.2), but some writers count from the first byte of the file. */
function findBase(bytes: Uint8Array, header: number, startxref: number): number {
  if (header === 0) return 0
  return isSectionAt(bytes, header + startxref) || !isSectionAt(bytes, startxref) ? header : 0
}

function isSectionAt(bytes: Uint8Array, pos: number): boolean {
  return /^\s*(xref|\d+\s+\d+\s+obj)/.test(Buffer.from(bytes.subarray(pos, pos + 40)).toString('latin1'))
}

function mergeEntries(revisions: readonly PdfRevision[]): Map<number, XrefEntry> {
  const first = revisions[0] as PdfRevision
  if (revisions.length === 1) return first.entries
  const merged = new Map(first.entries)
  for (const revision of revisions.slice(1))
    for (const [num, entry] of revision.entries) merged.set(num, entry)
  return merged
}

function findSize(revisions: readonly PdfRevision[], merged: Map<number, XrefEntry>): number {
  let size = 1
  for (const revision of revisions) {
    const announced = revision.trailer.entries.get('Size')
    if (typeof announced === 'number' && Number.isInteger(announced) && announced <= 2 ** 31) {
      size = Math.max(size, announced)
    }
  }
  for (const num of merged.keys()) if (num >= size) size = num + 1
  return size
}

function openSecurity(doc: PdfDocument, password: string | undefined): SecurityHandler | undefined {
  const encrypt = resolve(doc, doc.trailer.entries.get('Encrypt'))
  if (encrypt === null) return undefined
  if (!isDict(encrypt)) throw malformed('The PDF trailer has an /Encrypt that is not a dictionary.')
  const id = resolve(doc, doc.trailer.entries.get('ID'))
  const first = Array.isArray(id) ? id[0] : undefined
  const handler = openSecurityHandler(
    encrypt,
    isString(first) ? first.bytes : new Uint8Array(),
    password,
    (object) => resolve(doc, object),
  )
  // What was read so far was read without the key; only the encryption dictionary stays as it is (7.6.2).
  const own = doc.trailer.entries.get('Encrypt')
  doc.state.objects.clear()
  doc.state.containers.clear()
  if (isRef(own)) doc.state.objects.set(own.num, encrypt)
  return handler
}

/** The cross-reference entry in force for an object number. */
export function findEntry(doc: PdfDocument, num: number): XrefEntry | undefined {
  return doc.state.merged.get(num)
}

/** Every object number in force with its entry, free ones too. */
export function listEntries(doc: PdfDocument): Iterable<[number, XrefEntry]> {
  return doc.state.merged
}

/**
 * The object a reference names, strings decrypted; null where it is free, missing or of another generation (7.3.10).
 *
 * @throws {PDF_MALFORMED} where the cross-reference entry does not lead to it
 */
export function getObject(doc: PdfDocument, ref: PdfRef): PdfObject {
  const entry = findEntry(doc, ref.num)
  if (!entry || entry.kind === 'free') return null
  const gen = entry.kind === 'offset' ? entry.gen : 0
  if (gen !== ref.gen) {
    doc.anomalies.add('generation-mismatch')
    return null
  }
  const known = doc.state.objects.get(ref.num)
  if (known !== undefined) return known
  if (doc.state.loading.has(ref.num)) throw malformed(`The PDF object ${ref.num} needs itself to be read.`)
  doc.state.loading.add(ref.num)
  try {
    const object =
      entry.kind === 'offset' ? loadAt(doc, ref, entry.offset) : loadCompressed(doc, ref.num, entry)
    doc.state.objects.set(ref.num, object)
    return object
  } finally {
    doc.state.loading.delete(ref.num)
  }
}

function loadAt(doc: PdfDocument, ref: PdfRef, offset: number): PdfObject {
  const { object } = parseIndirectAt(doc, ref, offset)
  return doc.security ? decryptObject(doc.security, object, ref) : object
}

/** Parses the indirect object at an offset as it stands in the file, strings not decrypted. */
export function parseIndirectAt(doc: PdfDocument, ref: PdfRef, offset: number): IndirectObject {
  if (offset >= doc.bytes.length) throw malformed(`The PDF object ${ref.num} lies after the end of the file.`)
  const cursor: Cursor = {
    bytes: doc.bytes,
    pos: offset,
    end: doc.bytes.length,
    limits: doc.limits,
    anomalies: doc.anomalies,
  }
  const parsed = parseIndirectObject(cursor, (length) => findLength(doc, length))
  if (parsed.ref.num !== ref.num)
    throw malformed(`The PDF has object ${parsed.ref.num} where object ${ref.num} should be.`)
  if (parsed.ref.gen !== ref.gen) doc.anomalies.add('generation-mismatch')
  return parsed
}

function findLength(doc: PdfDocument, ref: PdfRef): number | undefined {
  if (doc.state.loading.has(ref.num)) return undefined
  const value = getObject(doc, ref)
  return typeof value === 'number' ? value : undefined
}

function loadCompressed(
  doc: PdfDocument,
  num: number,
  entry: { container: number; index: number },
): PdfObject {
  return getObjectStream(doc, entry.container).parse(num, entry.index)
}

/** The opened object stream with this object number. For this folder only. */
export function getObjectStream(doc: PdfDocument, num: number): ObjectStream {
  let container = doc.state.containers.get(num)
  if (!container) {
    const holder = findEntry(doc, num)
    if (holder?.kind !== 'offset') throw malformed(`The PDF object stream ${num} is missing.`)
    const stream = getObject(doc, { kind: 'ref', num, gen: holder.gen })
    if (!isStream(stream) || !isName(stream.dict.entries.get('Type'), 'ObjStm')) {
      throw malformed(`The PDF object ${num} is not an object stream.`)
    }
    const raw = decryptStream(doc, stream)
    const data = decodeStructure(doc, stream.dict, raw, (object) => resolve(doc, object))
    container = openObjectStream(stream.dict, data, doc.limits, doc.anomalies, (object) =>
      resolve(doc, object),
    )
    doc.state.containers.set(num, container)
  }
  return container
}

function decodeStructure(
  account: { limits: PdfLimits; state: { structureBytes: number } },
  dict: PdfDict,
  raw: Uint8Array,
  resolveIn: (object: PdfObject | undefined) => PdfObject,
): Uint8Array {
  const left = account.limits.structureBytes - account.state.structureBytes
  const limits = {
    ...account.limits,
    inflatedBytes: Math.min(account.limits.inflatedBytes, Math.max(left, 1)),
  }
  const data = decodeFilters(dict, raw, resolveIn, limits)
  account.state.structureBytes += data.length
  if (account.state.structureBytes > account.limits.structureBytes) {
    throw tooLarge('bytes in its object streams', account.limits.structureBytes)
  }
  return data
}

/** Follows references to the object they end at; undefined, loops and missing objects are null. */
export function resolve(doc: PdfDocument, object: PdfObject | undefined): PdfObject {
  let current = object ?? null
  for (let steps = 0; isRef(current); steps++) {
    if (steps >= 32) {
      doc.anomalies.add('reference-loop')
      return null
    }
    current = getObject(doc, current)
  }
  return current
}

/** The resolved value at a key. */
export function getValue(doc: PdfDocument, dict: PdfDict, key: string): PdfObject {
  return resolve(doc, dict.entries.get(key))
}

/** The dictionary at a key (that of a stream too), or undefined. */
export function findDict(doc: PdfDocument, dict: PdfDict, key: string): PdfDict | undefined {
  return findDictOf(getValue(doc, dict, key))
}

/** The array at a key, or undefined. */
export function findArray(doc: PdfDocument, dict: PdfDict, key: string): PdfObject[] | undefined {
  const value = getValue(doc, dict, key)
  return Array.isArray(value) ? value : undefined
}

/** The name at a key, or undefined. */
export function findName(doc: PdfDocument, dict: PdfDict, key: string): PdfName | undefined {
  const value = getValue(doc, dict, key)
  return isName(value) ? value : undefined
}

/** The string at a key, or undefined. */
export function findString(doc: PdfDocument, dict: PdfDict, key: string): PdfString | undefined {
  const value = getValue(doc, dict, key)
  return isString(value) ? value : undefined
}

/** The number at a key, or undefined. */
export function findNumber(doc: PdfDocument, dict: PdfDict, key: string): number | undefined {
  const value = getValue(doc, dict, key)
  return typeof value === 'number' ? value : undefined
}

/**
 * The document catalog.
 *
 * @throws {PDF_MALFORMED} where /Root is missing or not a dictionary
 */
export function getCatalog(doc: PdfDocument): PdfDict {
  const root = resolve(doc, doc.trailer.entries.get('Root'))
  if (!isDict(root)) throw malformed('The PDF has no document catalog.')
  return root
}

/** The bytes of a stream as its filters want them: decrypted, still filtered. */
export function decryptStream(doc: PdfDocument, stream: PdfStream): Uint8Array {
  if (!doc.security || !stream.encryptedAs) return stream.raw
  return doc.security.decryptStream(stream, stream.encryptedAs)
}

/**
 * The decoded bytes of a stream.
 *
 * @throws {PDF_MALFORMED} for image filters and data that cannot be read
 */
export function getStreamData(doc: PdfDocument, stream: PdfStream): Uint8Array {
  return decodeFilters(stream.dict, decryptStream(doc, stream), (object) => resolve(doc, object), doc.limits)
}
