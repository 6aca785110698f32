import { findObjectKeywords, findTrailerKeywords } from '../../formats/pdf/naive-scan.ts'
import { indexOf } from '../../formats/pdf/parse-indirect.ts'
import { latin1 } from '../../formats/pdf/parse-object.ts'
import type { XrefSection } from '../../formats/pdf/xref.ts'
import type { SavedObject } from './saved-objects.ts'
import { forbid, type Step } from './step.ts'

/**
 * Checks that a save after a signature is written so that every reader takes its cross-reference, and that a reader
 * which does not, and looks for objects in the bytes instead, finds the same ones.
 *
 * A reader that gives up a cross-reference shows whatever it finds last under a number: text that lies in a stream, or
 * in signed bytes that no cross-reference named. What it takes to make readers give up is not in the standard, so
 * whatever is not in the plain form of 7.5.4 to 7.5.6 is refused.
 *
 * @see ISO 32000-2, 7.5
 */
export function checkSaveForm(step: Step, start: number, objects: readonly SavedObject[]): void {
  const section = step.revision.sections[0]
  if (section === undefined) return
  checkSection(step, section, objects)
  const { bytes } = step.after
  const own = section.kind === 'stream' ? section.ownRefs[0] : undefined
  const headers = [...objects, ...(own ? [{ offset: section.start, ref: own }] : [])].map((item) =>
    findHeaderEnd(bytes, item),
  )
  if (headers.includes(undefined)) unusual(step, 'obj')
  const tail = findTail(bytes, section.end, step.revision.endOffset)
  if (tail === undefined) unusual(step, 'startxref')
  checkKeywords(step, start, { objects: new Set(headers), trailer: findTableEnd(bytes, section), tail })
}

function unusual(step: Step, path: string): void {
  forbid(step, 'xref', 'save-form-unusual', { path })
}

function checkSection(step: Step, section: XrefSection, objects: readonly SavedObject[]): void {
  const { bytes } = step.after
  for (const key of section.anomalies) {
    // Some programs count from the end of line before what they mean; readers skip it.
    if (key !== 'xref-offset-imprecise' || skipEol(bytes, section.start) === section.start)
      forbid(step, 'xref', 'structure-ambiguous', { path: key })
  }
  if (section.kind === 'hybrid' && !isStreamNamed(step, section, objects)) unusual(step, 'XRefStm')
  if (section.kind !== 'stream' && findTableEnd(bytes, section) === undefined) unusual(step, 'xref')
  if (!isSizeSound(step)) unusual(step, 'Size')
}

/** The stream beside a table is an object of the same save, and stands where the trailer says (7.5.8.4). */
function isStreamNamed({ after }: Step, section: XrefSection, objects: readonly SavedObject[]): boolean {
  const offset = section.trailer.entries.get('XRefStm')
  if (typeof offset !== 'number') return false
  const at = skipEol(after.bytes, offset + after.base)
  return objects.some(({ start, ref }) => start === at && section.ownRefs.some(({ num }) => num === ref.num))
}

/** Object numbers that readers refuse. */
const MAX_SIZE = 8_388_608

/** /Size is above every number of this save and of those before it (table 15). */
function isSizeSound(step: Step): boolean {
  const size = step.revision.trailer.entries.get('Size')
  if (typeof size !== 'number' || !Number.isInteger(size) || size > MAX_SIZE) return false
  for (const num of step.revision.entries.keys()) if (num >= size) return false
  const before = step.before.trailer.entries.get('Size')
  const isNewest = step.revision.index === step.final.revisions.length - 1
  // A save of nothing at all may say so; a later one then says how many objects there are.
  const isEmpty = [...step.revision.entries.values()].every(({ kind }) => kind === 'free')
  return typeof before !== 'number' || size >= before || (isEmpty && !isNewest)
}

const EOL = String.raw`(?:\r\n|\r|\n)`
const TRAILER = /trailer[ \r\n]*<</y

/** Where `trailer` stands after a table whose rows have 20 bytes each; undefined for a stream and any other form (7.5.4). */
function findTableEnd(bytes: Uint8Array, section: XrefSection): number | undefined {
  const start = skipEol(bytes, section.start)
  const text = latin1(bytes, start, section.end)
  const take = (pattern: RegExp, pos: number): number => {
    pattern.lastIndex = pos
    return pattern.test(text) ? pattern.lastIndex : -1
  }
  const [first, header, row] = [
    `xref *${EOL}`,
    `\\d+ \\d+ *${EOL}`,
    '\\d{10} \\d{5} [nf](?: \\r| \\n|\\r\\n)',
  ]
  const patterns = [first, header, row].map((source) => new RegExp(source, 'y')) as [RegExp, RegExp, RegExp]
  let pos = take(patterns[0], 0)
  while (pos >= 0) {
    if (take(TRAILER, pos) >= 0) return start + pos
    pos = take(patterns[1], pos)
    for (let next = pos; next >= 0; next = take(patterns[2], next)) pos = next
  }
  return undefined
}

/** The offset after one end of line, where there is one. */
function skipEol(bytes: Uint8Array, pos: number): number {
  if (bytes[pos] === 0x0d) return bytes[pos + 1] === 0x0a ? pos + 2 : pos + 1
  return bytes[pos] === 0x0a ? pos + 1 : pos
}

/** Where `startxref` stands; undefined where more than ends of lines is around its value. */
function findTail(bytes: Uint8Array, from: number, to: number): number | undefined {
  const at = indexOf(bytes, 'startxref', from, to)
  if (at < 0) return undefined
  const form = new RegExp(`^startxref${EOL}\\d{1,15}${EOL}%%EOF${EOL}?$`)
  return to - at <= 64 && form.test(latin1(bytes, at, to)) ? at : undefined
}

/** Where `obj` stands in the header of an object; undefined where the row does not lead to it, or it is not plain. */
function findHeaderEnd(
  bytes: Uint8Array,
  { offset, ref }: Pick<SavedObject, 'offset' | 'ref'>,
): number | undefined {
  const header = `${ref.num} ${ref.gen} obj`
  const start = skipEol(bytes, offset)
  if (latin1(bytes, start, Math.min(bytes.length, start + header.length)) !== header) return undefined
  return start + header.length - 3
}

type Known = {
  readonly objects: ReadonlySet<number | undefined>
  readonly trailer: number | undefined
  readonly tail: number | undefined
}

/** What looks like an object, a trailer or an end anywhere in the bytes of a save must be one that the save names. */
function checkKeywords(step: Step, start: number, known: Known): void {
  const { bytes } = step.after
  const end = step.revision.endOffset
  const hidden =
    findObjectKeywords(bytes, start, end).find((at) => !known.objects.has(at)) ??
    findTrailerKeywords(bytes, start, end).find((at) => at !== known.trailer)
  if (hidden !== undefined) forbid(step, 'bytes', 'object-hidden', { path: `bytes ${hidden}` })
  if (indexOf(bytes, 'startxref', start, end) !== known.tail) unusual(step, 'startxref')
}
