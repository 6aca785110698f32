import { malformed } from './limits.ts'
import { isDict, isRef, type PdfDict, type PdfObject, type PdfRef, type PdfStream } from './objects.ts'
import { isWhite, parseObject, skipWhite, takeInteger, takeWord, type Cursor } from './parse-object.ts'

/** An indirect object as it stands in the file. */
export type IndirectObject = {
  readonly ref: PdfRef
  readonly object: PdfObject
  /** Offset of the object number and of the byte after the object (after `endobj` where it is there). */
  readonly start: number
  readonly end: number
}

/** Reads `num gen obj` at the cursor, or undefined (the cursor is then anywhere). */
export function takeObjectHeader(cursor: Cursor): PdfRef | undefined {
  const num = takeInteger(cursor)
  if (num === undefined || !isWhite(cursor.bytes[cursor.pos])) return undefined
  skipWhite(cursor)
  const gen = takeInteger(cursor)
  if (gen === undefined) return undefined
  skipWhite(cursor)
  return takeWord(cursor, 'obj') ? { kind: 'ref', num, gen } : undefined
}

/**
 * Parses the indirect object at the cursor (ISO 32000-2, 7.3.10).
 *
 * @param resolveLength gives the value of an indirect `/Length`, or undefined
 * @throws {PDF_MALFORMED} where no indirect object stands there
 */
export function parseIndirectObject(
  cursor: Cursor,
  resolveLength: (ref: PdfRef) => number | undefined,
): IndirectObject {
  skipWhite(cursor)
  const start = cursor.pos
  const ref = takeObjectHeader(cursor)
  if (!ref) throw malformed(`The PDF has no indirect object at byte ${start}.`)
  let object = parseObject(cursor)
  skipWhite(cursor)
  if (isDict(object) && takeWord(cursor, 'stream')) object = parseStreamBody(cursor, object, resolveLength)
  skipWhite(cursor)
  if (!takeWord(cursor, 'endobj')) cursor.anomalies.add('endobj-missing')
  return { ref, object, start, end: cursor.pos }
}

function parseStreamBody(
  cursor: Cursor,
  dict: PdfDict,
  resolveLength: (ref: PdfRef) => number | undefined,
): PdfStream {
  const { bytes } = cursor
  skipStreamEol(cursor)
  const start = cursor.pos
  const declared = dict.entries.get('Length')
  const length = isRef(declared) ? resolveLength(declared) : declared
  if (isLength(length) && start + length <= cursor.end) {
    cursor.pos = start + length
    skipWhite(cursor)
    if (takeWord(cursor, 'endstream'))
      return { kind: 'stream', dict, raw: bytes.subarray(start, start + length) }
  }
  // Another reader may settle on another end: the document is read, and the caller is told.
  cursor.anomalies.add('stream-length-wrong')
  const found = indexOf(bytes, 'endstream', start, cursor.end)
  if (found < 0) throw malformed(`The PDF stream at byte ${start} is not closed.`)
  cursor.pos = found + 'endstream'.length
  return { kind: 'stream', dict, raw: bytes.subarray(start, trimEol(bytes, start, found)) }
}

function isLength(value: PdfObject | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}

/** The keyword is followed by CR LF or LF, never by CR alone (7.3.8.1). */
function skipStreamEol(cursor: Cursor): void {
  const { bytes, pos } = cursor
  if (bytes[pos] === 0x0a) cursor.pos++
  else if (bytes[pos] === 0x0d && bytes[pos + 1] === 0x0a) cursor.pos += 2
  else {
    cursor.anomalies.add('stream-eol-malformed')
    if (bytes[pos] === 0x0d) cursor.pos++
  }
}

function trimEol(bytes: Uint8Array, start: number, end: number): number {
  if (end > start && bytes[end - 1] === 0x0a) end--
  if (end > start && bytes[end - 1] === 0x0d) end--
  return end
}

/** The offset of the first `text` at or after `from` that ends at or before `end`, or -1. */
export function indexOf(bytes: Uint8Array, text: string, from: number, end: number = bytes.length): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, end)
  return view.indexOf(text, from, 'latin1')
}

/** The offset of the last `text` that starts at or before `from`, or -1. */
export function lastIndexOf(bytes: Uint8Array, text: string, from: number): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf(text, from, 'latin1')
}
