import { isCoded } from '../../../ca/errors.ts'
import { parseIndirectAt } from '../../formats/pdf/document.ts'
import { skipWhite, type Cursor } from '../../formats/pdf/parse-object.ts'
import type { XrefEntry } from '../../formats/pdf/xref.ts'
import { checkSaveForm } from './save-form.ts'
import { checkSavedObjects, type SavedObject } from './saved-objects.ts'
import { forbid, type Step } from './step.ts'

/**
 * Checks that a save is an incremental update and nothing else: its cross-reference points into its own bytes
 * (or says what was said before), and every byte belongs to an object it names, to its cross-reference, or is
 * white space. Else a viewer that repairs files could find other objects in it than we do.
 *
 * @see ISO 32000-2, 7.5.6; https://pdf-insecurity.org (incremental saving and shadow attacks)
 */
export function checkRevisionBytes(step: Step): void {
  const start = step.before.revisions.at(-1)?.endOffset ?? 0
  const { revision } = step
  if (revision.eofOffset < 0) {
    forbid(step, 'bytes', 'revision-end-unclear', { path: `bytes ${start}` })
    return
  }
  if (revision.sections.length !== 1 || revision.sections.some((section) => section.start < start)) {
    forbid(step, 'xref', 'xref-order-unusual', { path: `bytes ${start}` })
    return
  }
  const own = [...revision.entries].filter(([num, entry]) => {
    const old = step.before.state.merged.get(num)
    if (old !== undefined && isSameEntry(old, entry)) return false
    if (entry.kind === 'offset' && (entry.offset < start || entry.offset >= revision.endOffset)) {
      forbid(step, 'xref', 'xref-points-back', {
        path: `${num} 0 R`,
        ref: { kind: 'ref', num, gen: entry.gen },
      })
      return false
    }
    if (entry.kind === 'compressed') checkContainer(step, num, entry.container)
    return entry.kind === 'offset'
  })
  const objects = readObjects(step, start, own as [number, XrefEntry & { kind: 'offset' }][])
  if (objects === undefined) return
  checkTiling(step, start, objects)
  checkSaveForm(step, start, objects)
  checkSavedObjects(step, objects)
}

/** Parses what a save writes, each object for itself; undefined where one cannot be read. */
function readObjects(
  step: Step,
  start: number,
  own: [number, XrefEntry & { kind: 'offset' }][],
): SavedObject[] | undefined {
  const view = { ...step.after, anomalies: new Set<string>() }
  try {
    const objects = own.map(([num, { offset, gen }]) => ({
      ...parseIndirectAt(view, { kind: 'ref', num, gen }, offset),
      offset,
    }))
    for (const key of view.anomalies) forbid(step, 'xref', 'structure-ambiguous', { path: key })
    return objects
  } catch (error) {
    if (!isCoded(error, 'PDF_MALFORMED')) throw error
    forbid(step, 'bytes', 'object-unreadable', { path: `bytes ${start}` })
    return undefined
  }
}

function isSameEntry(a: XrefEntry, b: XrefEntry): boolean {
  if (a.kind === 'offset') return b.kind === 'offset' && a.offset === b.offset && a.gen === b.gen
  if (a.kind === 'compressed')
    return b.kind === 'compressed' && a.container === b.container && a.index === b.index
  return b.kind === 'free'
}

function checkContainer(step: Step, num: number, container: number): void {
  const entry = step.revision.entries.get(container)
  if (entry?.kind === 'offset') return
  forbid(step, 'xref', 'xref-points-back', { path: `${num} 0 R`, ref: { kind: 'ref', num, gen: 0 } })
}

function checkTiling(step: Step, start: number, objects: readonly SavedObject[]): void {
  const { after, revision } = step
  const section = revision.sections[0]
  const spans = objects.map((item) => ({ at: item.start, end: item.end }))
  // An offset may point to the white space before what it means.
  const sectionStart = section && skipTo(step, section.start)
  if (section && !spans.some(({ at }) => at === sectionStart)) {
    spans.push({ at: sectionStart ?? section.start, end: section.end })
  }
  spans.sort((a, b) => a.at - b.at)
  const { bytes, limits } = after
  const cursor: Cursor = { bytes, pos: start, end: revision.endOffset, limits, anomalies: new Set() }
  for (const span of [...spans, { at: findStartxref(step, start, spans), end: revision.endOffset }]) {
    skipWhite(cursor)
    if (cursor.pos !== span.at) {
      forbid(step, 'bytes', 'bytes-unaccounted', { path: `bytes ${Math.min(cursor.pos, span.at)}` })
      return
    }
    cursor.pos = span.end
  }
}

/** The first byte at or after an offset that is not white space or a comment. */
function skipTo(step: Step, offset: number): number {
  const { bytes, limits } = step.after
  const cursor: Cursor = { bytes, pos: offset, end: step.revision.endOffset, limits, anomalies: new Set() }
  skipWhite(cursor)
  return cursor.pos
}

/** Where `startxref` must stand: after the last object or section. What follows it was checked with the revision's end. */
function findStartxref(step: Step, start: number, spans: readonly { end: number }[]): number {
  const at = skipTo(step, Math.max(start, ...spans.map(({ end }) => end)))
  return String.fromCharCode(...step.after.bytes.subarray(at, at + 9)) === 'startxref' ? at : -1
}
