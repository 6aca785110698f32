import { malformed, tooLarge, type PdfLimits } from './limits.ts'
import {
  isDict,
  isName,
  isStream,
  type PdfDict,
  type PdfObject,
  type PdfRef,
  type PdfStream,
} from './objects.ts'
import { parseIndirectObject } from './parse-indirect.ts'
import {
  isDigit,
  isWhite,
  parseObject,
  skipWhite,
  takeInteger,
  takeWord,
  type Cursor,
} from './parse-object.ts'

/** Where an object is (ISO 32000-2, 7.5.4 and 7.5.8). `offset` counts from the start of the file. */
export type XrefEntry =
  | { readonly kind: 'free'; readonly gen: number }
  | { readonly kind: 'offset'; readonly offset: number; readonly gen: number }
  | { readonly kind: 'compressed'; readonly container: number; readonly index: number }

/** One cross-reference section with its trailer. */
export type XrefSection = {
  readonly kind: 'table' | 'stream' | 'hybrid'
  readonly entries: Map<number, XrefEntry>
  readonly trailer: PdfDict
  /** Offset of the section, and of the byte after its trailer dictionary or stream object. */
  readonly start: number
  readonly end: number
  /** Objects that hold the section itself. */
  readonly ownRefs: readonly PdfRef[]
  /** Keys of tolerated violations in this section and its trailer; the document has them too. */
  readonly anomalies: ReadonlySet<string>
}

/** What the readers of a section need of the document. */
export type XrefReader = {
  readonly bytes: Uint8Array
  /** Bytes before `%PDF-`; offsets in the file count from there. */
  readonly base: number
  readonly limits: PdfLimits
  readonly anomalies: Set<string>
  readonly decode: (stream: PdfStream) => Uint8Array
  /** Entries read so far, over all sections. */
  entryCount: number
}

/**
 * Reads all sections from the one at `startxref` along /Prev, newest first.
 *
 * @throws {PDF_MALFORMED} where a section is missing, broken, or met twice
 * @see ISO 32000-2, 7.5.5 and 7.5.8
 */
export function readXrefChain(reader: XrefReader, startxref: number): XrefSection[] {
  const sections: XrefSection[] = []
  const seen = new Set<number>()
  let next: number | undefined = startxref
  while (next !== undefined) {
    if (seen.has(next)) throw malformed('The PDF cross-reference sections form a loop.')
    if (seen.size >= reader.limits.xrefSections)
      throw tooLarge('cross-reference sections', reader.limits.xrefSections)
    seen.add(next)
    const section = readXrefSection(reader, next)
    sections.push(section)
    next = readOffsetEntry(section.trailer, 'Prev', reader)
  }
  return sections
}

/** The direct integer at `key` of a trailer; other readers tolerate a real or an indirect one, we do not. */
function readOffsetEntry(trailer: PdfDict, key: string, reader: XrefReader): number | undefined {
  const value = trailer.entries.get(key)
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) {
    // Some writers put /Prev 0 where there is nothing before.
    if (value > 0) return value
    reader.anomalies.add('xref-prev-zero')
    return undefined
  }
  throw malformed(`The PDF trailer has a /${key} that is not an offset.`)
}

/** Reads the section at an offset counted from the header. */
function readXrefSection(shared: XrefReader, offset: number): XrefSection {
  const reader = { ...shared, anomalies: new Set<string>() }
  const section = readSectionParts(reader, offset)
  shared.entryCount = reader.entryCount
  for (const key of reader.anomalies) shared.anomalies.add(key)
  return { ...section, anomalies: reader.anomalies }
}

type SectionParts = Omit<XrefSection, 'anomalies'>

function readSectionParts(reader: XrefReader, offset: number): SectionParts {
  const cursor = cursorAt(reader, offset)
  const start = cursor.pos
  skipWhite(cursor)
  if (cursor.pos !== start) reader.anomalies.add('xref-offset-imprecise')
  if (!takeWord(cursor, 'xref')) return { ...readXrefStream(reader, cursor), start }
  const entries = readTable(reader, cursor)
  const trailer = parseObject(cursor)
  if (!isDict(trailer)) throw malformed('The PDF cross-reference table has no trailer dictionary.')
  const hidden = readOffsetEntry(trailer, 'XRefStm', reader)
  const section = { kind: 'table' as const, entries, trailer, start, end: cursor.pos, ownRefs: [] }
  return hidden === undefined
    ? section
    : mergeHybrid(reader, section, readXrefStream(reader, cursorAt(reader, hidden)))
}

/** Objects that the table calls free or does not name are looked up in the /XRefStm (7.5.8.4). */
function mergeHybrid(reader: XrefReader, table: SectionParts, stream: SectionParts): SectionParts {
  for (const [num, entry] of stream.entries) {
    const known = table.entries.get(num)
    if (known === undefined || known.kind === 'free') table.entries.set(num, entry)
    else if (!isSameEntry(known, entry)) reader.anomalies.add('xref-hybrid-conflict')
  }
  return { ...table, kind: 'hybrid', ownRefs: stream.ownRefs }
}

/** Readers that know /XRefStm and readers that do not must find the same object. */
function isSameEntry(a: XrefEntry, b: XrefEntry): boolean {
  return a.kind === 'offset' && b.kind === 'offset' && a.offset === b.offset && a.gen === b.gen
}

function cursorAt(reader: XrefReader, offset: number): Cursor {
  const pos = offset + reader.base
  if (pos >= reader.bytes.length) throw malformed('The PDF has a cross-reference offset after its end.')
  return {
    bytes: reader.bytes,
    pos,
    end: reader.bytes.length,
    limits: reader.limits,
    anomalies: reader.anomalies,
  }
}

function count(reader: XrefReader, more: number): void {
  reader.entryCount += more
  if (reader.entryCount > reader.limits.xrefEntries) {
    throw tooLarge('cross-reference entries', reader.limits.xrefEntries)
  }
}

function readTable(reader: XrefReader, cursor: Cursor): Map<number, XrefEntry> {
  const entries = new Map<number, XrefEntry>()
  for (;;) {
    skipWhite(cursor)
    if (takeWord(cursor, 'trailer')) return entries
    const first = takeInteger(cursor)
    skipWhite(cursor)
    const length = takeInteger(cursor)
    if (first === undefined || length === undefined || length > (cursor.end - cursor.pos) / 16) {
      throw malformed(`The PDF cross-reference table is broken at byte ${cursor.pos}.`)
    }
    count(reader, length)
    skipWhite(cursor)
    for (let i = 0; i < length; i++) {
      const entry = takeFixedEntry(reader, cursor) ?? readTableEntry(reader, cursor)
      if (!entries.has(first + i)) entries.set(first + i, entry)
      else reader.anomalies.add('xref-entry-duplicate')
    }
  }
}

/** A row of exactly 20 bytes, as 7.5.4 wants it; undefined for any other (the cursor then stays). */
function takeFixedEntry(reader: XrefReader, cursor: Cursor): XrefEntry | undefined {
  const { bytes, pos } = cursor
  const type = bytes[pos + 17]
  const isFixed = bytes[pos + 10] === 0x20 && bytes[pos + 16] === 0x20 && (type === 0x6e || type === 0x66)
  if (!isFixed || !isWhite(bytes[pos + 18]) || !isWhite(bytes[pos + 19])) return undefined
  let offset = 0
  for (let i = pos; i < pos + 10; i++) {
    if (!isDigit(bytes[i])) return undefined
    offset = offset * 10 + (bytes[i] as number) - 0x30
  }
  let gen = 0
  for (let i = pos + 11; i < pos + 16; i++) {
    if (!isDigit(bytes[i])) return undefined
    gen = gen * 10 + (bytes[i] as number) - 0x30
  }
  cursor.pos = pos + 20
  return toTableEntry(reader, type === 0x66, offset, gen)
}

function toTableEntry(reader: XrefReader, isFree: boolean, offset: number, gen: number): XrefEntry {
  if (isFree) return { kind: 'free', gen }
  if (offset > 0) return { kind: 'offset', offset: offset + reader.base, gen }
  reader.anomalies.add('xref-offset-zero')
  return { kind: 'free', gen }
}

function readTableEntry(reader: XrefReader, cursor: Cursor): XrefEntry {
  const { bytes } = cursor
  skipEntryWhite(cursor)
  const start = cursor.pos
  const offset = takeInteger(cursor)
  skipEntryWhite(cursor)
  const gen = takeInteger(cursor)
  skipEntryWhite(cursor)
  const type = bytes[cursor.pos]
  if (offset === undefined || gen === undefined || (type !== 0x6e && type !== 0x66)) {
    throw malformed(`The PDF cross-reference table has a broken entry at byte ${start}.`)
  }
  cursor.pos++
  return toTableEntry(reader, type === 0x66, offset, gen)
}

function skipEntryWhite(cursor: Cursor): void {
  while (cursor.pos < cursor.end && isWhite(cursor.bytes[cursor.pos])) cursor.pos++
}

function readXrefStream(reader: XrefReader, cursor: Cursor): SectionParts {
  const parsed = parseIndirectObject(cursor, () => undefined)
  const { object } = parsed
  if (!isStream(object) || !isName(object.dict.entries.get('Type'), 'XRef')) {
    throw malformed(`The PDF has no cross-reference section at byte ${parsed.start}.`)
  }
  const entries = new Map<number, XrefEntry>()
  const widths = readIntegers(object.dict.entries.get('W'))
  if (widths.length < 3 || widths.some((width) => width > 8)) {
    throw malformed('The PDF cross-reference stream has a /W that cannot be used.')
  }
  const size = object.dict.entries.get('Size')
  const index = readIntegers(object.dict.entries.get('Index') ?? [0, typeof size === 'number' ? size : 0])
  fillFromStream(reader, entries, reader.decode(object), widths, index)
  return {
    kind: 'stream',
    entries,
    trailer: object.dict,
    start: parsed.start,
    end: parsed.end,
    ownRefs: [parsed.ref],
  }
}

function readIntegers(object: PdfObject | undefined): number[] {
  if (!Array.isArray(object)) throw malformed('The PDF cross-reference stream lacks an array of integers.')
  return object.map((item) => {
    if (typeof item !== 'number' || !Number.isInteger(item) || item < 0) {
      throw malformed('The PDF cross-reference stream has an array with something other than integers.')
    }
    return item
  })
}

function fillFromStream(
  reader: XrefReader,
  entries: Map<number, XrefEntry>,
  data: Uint8Array,
  widths: number[],
  index: number[],
): void {
  const width = widths.reduce((sum, item) => sum + item, 0)
  if (width === 0) throw malformed('The PDF cross-reference stream has entries of no width.')
  const [w0 = 0, w1 = 0, w2 = 0] = widths
  let pos = 0
  for (let i = 0; i + 1 < index.length; i += 2) {
    const first = index[i] as number
    const length = Math.min(index[i + 1] as number, Math.floor((data.length - pos) / width))
    if (length < (index[i + 1] as number)) reader.anomalies.add('xref-stream-short')
    count(reader, length)
    for (let j = 0; j < length; j++, pos += width) {
      const type = w0 === 0 ? 1 : readField(data, pos, w0)
      const entry = toEntry(reader, type, readField(data, pos + w0, w1), readField(data, pos + w0 + w1, w2))
      if (!entries.has(first + j)) entries.set(first + j, entry)
      else reader.anomalies.add('xref-entry-duplicate')
    }
  }
}

function toEntry(reader: XrefReader, type: number, second: number, third: number): XrefEntry {
  if (type === 0) return { kind: 'free', gen: third }
  if (type === 1) return { kind: 'offset', offset: second + reader.base, gen: third }
  if (type === 2) return { kind: 'compressed', container: second, index: third }
  // Other types are references to the null object (7.5.8.3): they hide what earlier sections say.
  reader.anomalies.add('xref-entry-type-unknown')
  return { kind: 'free', gen: 0 }
}

function readField(data: Uint8Array, pos: number, width: number): number {
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + (data[pos + i] as number)
  return value
}
