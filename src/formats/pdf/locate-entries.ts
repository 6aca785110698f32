import { type PdfDocument } from './document.ts'
import { malformed } from './limits.ts'
import { takeObjectHeader } from './parse-indirect.ts'
import { parseObject, skipWhite, takeWord, type Cursor } from './parse-object.ts'

/** Where a value stands: offsets of its first byte and of the byte after it. */
export type ByteSpan = { readonly start: number; readonly end: number }

/**
 * The spans of the values of the dictionary that is the indirect object at an offset.
 * Where a key occurs twice, `duplicates` names it and the last occurrence counts.
 *
 * @throws {PDF_MALFORMED} where no dictionary stands there
 */
export function locateEntries(
  bytes: Uint8Array,
  offset: number,
  doc: Pick<PdfDocument, 'limits' | 'anomalies'>,
): { readonly spans: Map<string, ByteSpan>; readonly duplicates: string[]; readonly end: number } {
  const { limits, anomalies } = doc
  const cursor: Cursor = { bytes, pos: offset, end: bytes.length, limits, anomalies }
  skipWhite(cursor)
  if (!takeObjectHeader(cursor)) throw malformed(`The PDF has no indirect object at byte ${offset}.`)
  skipWhite(cursor)
  if (!takeWord(cursor, '<<')) throw malformed(`The PDF object at byte ${offset} is not a dictionary.`)
  const spans = new Map<string, ByteSpan>()
  const duplicates: string[] = []
  for (;;) {
    skipWhite(cursor)
    if (takeWord(cursor, '>>')) return { spans, duplicates, end: cursor.pos }
    const key = parseObject(cursor)
    if (typeof key !== 'object' || key === null || Array.isArray(key) || key.kind !== 'name') {
      throw malformed(`The PDF dictionary has no name before byte ${cursor.pos}.`)
    }
    skipWhite(cursor)
    const start = cursor.pos
    if (bytes[start] !== 0x3e || bytes[start + 1] !== 0x3e) parseObject(cursor)
    if (spans.has(key.value)) duplicates.push(key.value)
    spans.set(key.value, { start, end: cursor.pos })
  }
}
