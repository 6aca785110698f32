import { concat } from '../../../ca/formats.ts'
import { digest } from './ciphers.ts'
import { resolve, type PdfDocument } from './document.ts'
import { encodeIndirectObject, encodeObject } from './encode-object.ts'
import { malformed, tooLarge } from './limits.ts'
import { buildRef, buildString, isString, type PdfDict, type PdfObject, type PdfRef } from './objects.ts'

/** Objects of one incremental update; a reference that exists is replaced, another one is new. */
export type RevisionObject = { readonly ref: PdfRef; readonly object: PdfObject }

/** The bytes to append, and where each object starts in the whole file. */
export type AppendedRevision = {
  readonly tail: Uint8Array
  readonly offsets: ReadonlyMap<number, number>
}

/** Keys that belong to one cross-reference section and not to the document (ISO 32000-2, tables 17 and 19). */
const SECTION_KEYS = [
  'Type',
  'W',
  'Index',
  'Filter',
  'DecodeParms',
  'Length',
  'F',
  'FFilter',
  'FDecodeParms',
  'DL',
  'Prev',
  'XRefStm',
  'Size',
  'ID',
]

/**
 * Encodes an incremental update. The bytes of the file stay what they are; the new cross-reference section is of the
 * kind of the last one, because readers disagree about files that mix them.
 *
 * The second half of /ID is a digest of what is appended: the same update gives the same bytes.
 *
 * @throws {PDF_TOO_LARGE} where an offset does not fit the cross-reference
 * @see ISO 32000-2, 7.5.6
 */
export function appendRevision(doc: PdfDocument, objects: readonly RevisionObject[]): AppendedRevision {
  const newest = doc.revisions.at(-1)
  if (!newest) throw malformed('The PDF has no revision to append to.')
  const parts: Uint8Array[] = []
  let length = doc.bytes.length
  const push = (part: Uint8Array): void => {
    parts.push(part)
    length += part.length
  }
  if (!endsWithEol(doc.bytes)) push(Uint8Array.of(0x0a))
  const rows: XrefRow[] = []
  for (const { ref, object } of objects) {
    rows.push({ num: ref.num, gen: ref.gen, offset: length - doc.base })
    push(encodeIndirectObject(ref, object, isEncryptDict(doc, ref) ? undefined : doc.security))
  }
  const startxref = length - doc.base
  const size = objects.reduce((highest, { ref }) => Math.max(highest, ref.num + 1), doc.size)
  const trailer = buildTrailer(doc, newest.startxref, digest('sha256', ...parts).subarray(0, 16))
  push(
    newest.xrefKind === 'stream'
      ? encodeStream(rows, trailer, size, startxref)
      : encodeTable(rows, trailer, size),
  )
  push(encodeText(`startxref\n${startxref}\n%%EOF\n`))
  const offsets = new Map(rows.map((row) => [row.num, row.offset + doc.base]))
  return { tail: concat(...parts), offsets }
}

function endsWithEol(bytes: Uint8Array): boolean {
  const last = bytes.at(-1)
  return last === 0x0a || last === 0x0d
}

function isEncryptDict(doc: PdfDocument, ref: PdfRef): boolean {
  const encrypt = doc.trailer.entries.get('Encrypt')
  return typeof encrypt === 'object' && encrypt !== null && 'num' in encrypt && encrypt.num === ref.num
}

function buildTrailer(doc: PdfDocument, prev: number, changing: Uint8Array): Map<string, PdfObject> {
  const entries = new Map<string, PdfObject>()
  for (const [key, value] of doc.trailer.entries) if (!SECTION_KEYS.includes(key)) entries.set(key, value)
  const id = resolve(doc, doc.trailer.entries.get('ID'))
  const first = Array.isArray(id) ? resolve(doc, id[0]) : undefined
  // The first half stays: the key of an encrypted file depends on it (14.4, 7.6.4.3).
  if (isString(first)) entries.set('ID', [buildString(first.bytes, true), buildString(changing, true)])
  entries.set('Prev', prev)
  return entries
}

/** One cross-reference row; `offset` counts from the header. */
export type XrefRow = { readonly num: number; readonly gen: number; readonly offset: number }

/**
 * Encodes a cross-reference table with its trailer: rows of exactly 20 bytes. The first of a file starts with object 0.
 *
 * @throws {PDF_TOO_LARGE} where an offset has more than ten digits
 * @see ISO 32000-2, 7.5.4
 */
export function encodeTable(
  rows: readonly XrefRow[],
  trailer: ReadonlyMap<string, PdfObject>,
  size: number,
  isFirst = false,
): Uint8Array {
  let text = isFirst ? 'xref\n0 1\n0000000000 65535 f \n' : 'xref\n'
  for (const run of toRuns(rows)) {
    text += `${(run[0] as XrefRow).num} ${run.length}\n`
    for (const { offset, gen } of run) {
      if (offset > 9_999_999_999) throw tooLarge('bytes before an object', 9_999_999_999)
      text += `${String(offset).padStart(10, '0')} ${String(gen).padStart(5, '0')} n \n`
    }
  }
  const dict: PdfDict = { kind: 'dict', entries: new Map([['Size', size], ...trailer]) }
  return concat(encodeText(`${text}trailer\n`), encodeObject(dict), encodeText('\n'))
}

/**
 * Encodes a cross-reference stream; its own number is `size`, and it lists itself.
 *
 * @see ISO 32000-2, 7.5.8
 */
export function encodeStream(
  rows: readonly XrefRow[],
  trailer: ReadonlyMap<string, PdfObject>,
  size: number,
  startxref: number,
): Uint8Array {
  const own = { num: size, gen: 0, offset: startxref }
  const runs = toRuns([...rows, own])
  const all = runs.flat()
  const width = byteWidth(all.reduce((highest, row) => Math.max(highest, row.offset), 0))
  const data = new Uint8Array(all.length * (3 + width))
  all.forEach(({ offset, gen }, index) => {
    const at = index * (3 + width)
    data[at] = 1
    for (let i = 0, rest = offset; i < width; i++, rest = Math.floor(rest / 256))
      data[at + width - i] = rest % 256
    data[at + width + 1] = gen >> 8
    data[at + width + 2] = gen & 0xff
  })
  const entries = new Map<string, PdfObject>([
    ['Type', { kind: 'name', value: 'XRef' }],
    ['Size', size + 1],
    ['W', [1, width, 2]],
    ['Index', runs.flatMap((run) => [(run[0] as XrefRow).num, run.length])],
    ...trailer,
  ])
  return encodeIndirectObject(buildRef(size), { kind: 'stream', dict: { kind: 'dict', entries }, raw: data })
}

function byteWidth(value: number): number {
  let width = 1
  while (value >= 256 ** width) width++
  return width
}

function toRuns(rows: readonly XrefRow[]): XrefRow[][] {
  const runs: XrefRow[][] = []
  for (const row of rows.toSorted((a, b) => a.num - b.num)) {
    const last = runs.at(-1)
    if (last && (last.at(-1) as XrefRow).num === row.num - 1) last.push(row)
    else runs.push([row])
  }
  return runs
}

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
