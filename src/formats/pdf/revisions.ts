import type { PdfLimits } from './limits.ts'
import type { PdfDict } from './objects.ts'
import { indexOf } from './parse-indirect.ts'
import { skipWhite, takeInteger, takeWord, type Cursor } from './parse-object.ts'
import type { XrefEntry, XrefSection } from './xref.ts'

/** One saved state of the file: what one save wrote, and where it ends. */
export type PdfRevision = {
  readonly index: number
  /** As it is written after `startxref`, counted from the header. */
  readonly startxref: number
  readonly xrefKind: 'table' | 'stream' | 'hybrid'
  /** Newest first; a linearised save has two. */
  readonly sections: readonly XrefSection[]
  /** What this save defined, its sections merged. */
  readonly entries: Map<number, XrefEntry>
  readonly trailer: PdfDict
  /** Offset of the byte after `%%EOF`, and after the one end of line that may follow it. */
  readonly eofOffset: number
  readonly endOffset: number
}

type Input = {
  readonly bytes: Uint8Array
  readonly base: number
  /** Newest first. */
  readonly sections: readonly XrefSection[]
  /** Offset of the last `startxref` of the file. */
  readonly lastStartxref: number
  readonly limits: PdfLimits
  readonly anomalies: Set<string>
}

/**
 * Groups cross-reference sections into the saves that wrote them, oldest first.
 *
 * @see ISO 32000-2, 7.5.6; annex F for linearised files, whose first section lies before the one it continues
 */
export function findRevisions(input: Input): PdfRevision[] {
  const groups = groupSections(input).reverse()
  return groups.map((sections, index) => {
    const newerStart = Math.min(
      ...(groups[index + 1] ?? []).map((section) => section.start),
      input.bytes.length,
    )
    return buildRevision(input, sections, index, index === groups.length - 1, newerStart)
  })
}

function groupSections({ bytes, sections, anomalies }: Input): XrefSection[][] {
  const groups: XrefSection[][] = []
  for (const section of sections) {
    const group = groups.at(-1)
    const newer = group?.at(-1)
    if (group && newer && (isContinuedAt(section, newer) || isOneSave(bytes, section, newer)))
      group.push(section)
    else groups.push([section])
  }
  const isOdd = (group: XrefSection[], index: number): boolean =>
    group.some((section, at) => at > 0 && isContinuedAt(section, group[at - 1] as XrefSection)) &&
    (index < groups.length - 1 || group.length > 2)
  if (groups.some(isOdd)) anomalies.add('xref-order-unusual')
  return groups
}

/** The first section of a linearised file lies before the one that its /Prev names (annex F.3.4). */
function isContinuedAt(section: XrefSection, newer: XrefSection): boolean {
  return newer.start < section.start
}

/**
 * Some writers end a save with two sections (hybrid updates by Acrobat). A section that no `startxref` follows before
 * the next one never was the last of a file.
 */
function isOneSave(bytes: Uint8Array, older: XrefSection, newer: XrefSection): boolean {
  return older.end <= newer.start && indexOf(bytes, 'startxref', older.end, newer.start) < 0
}

function buildRevision(
  input: Input,
  sections: XrefSection[],
  index: number,
  isNewest: boolean,
  newerStart: number,
): PdfRevision {
  const newest = sections[0] as XrefSection
  const after = Math.max(...sections.map((section) => section.end))
  const end = findEnd(input, newest, isNewest ? input.lastStartxref : after, newerStart)
  const startxref = newest.start - input.base
  const { kind: xrefKind, trailer } = newest
  return { index, startxref, xrefKind, sections, entries: mergeSections(sections), trailer, ...end }
}

function mergeSections(sections: XrefSection[]): Map<number, XrefEntry> {
  const [newest, ...older] = sections as [XrefSection, ...XrefSection[]]
  if (older.length === 0) return newest.entries
  const entries = new Map<number, XrefEntry>()
  for (const section of sections.toReversed()) {
    for (const [num, entry] of section.entries) entries.set(num, entry)
  }
  return entries
}

function findEnd(
  input: Input,
  newest: XrefSection,
  from: number,
  limit: number,
): { eofOffset: number; endOffset: number } {
  const { bytes, anomalies, limits } = input
  const at = indexOf(bytes, 'startxref', from, limit)
  const cursor: Cursor = { bytes, pos: Math.max(at, 0) + 9, end: limit, limits, anomalies }
  if (at >= 0) {
    skipWhite(cursor)
    const value = takeInteger(cursor)
    const valueEnd = cursor.pos
    while (cursor.pos < limit && isBlank(bytes[cursor.pos])) cursor.pos++
    if (takeWord(cursor, '%%EOF') && value === newest.start - input.base) {
      return { eofOffset: cursor.pos, endOffset: skipEol(bytes, cursor.pos) }
    }
    cursor.pos = valueEnd
  }
  // Nothing a signature can end at: whoever compares ends with this revision must not find a match.
  anomalies.add('revision-end-unclear')
  return { eofOffset: -1, endOffset: at >= 0 ? cursor.pos : limit }
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function skipEol(bytes: Uint8Array, pos: number): number {
  if (bytes[pos] === 0x0d) return bytes[pos + 1] === 0x0a ? pos + 2 : pos + 1
  return bytes[pos] === 0x0a ? pos + 1 : pos
}
