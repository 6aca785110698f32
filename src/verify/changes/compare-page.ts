import { getObject, getValue, resolve, type PdfDocument } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  isDict,
  isName,
  isRef,
  type PdfDict,
  type PdfObject,
  type PdfRef,
} from '../../formats/pdf/objects.ts'
import type { ChangeClass } from './change-types.ts'
import { listAdded } from './compare-form.ts'
import { isSameValue, listChangedKeys } from './equal.ts'
import { pathOf } from './object-graph.ts'
import { allow, forbid, type Step, type StepWidget } from './step.ts'

const CLASSES: Readonly<Record<string, ChangeClass>> = {
  Contents: 'page-content',
  Resources: 'resource',
  AA: 'action',
  Parent: 'page-tree',
}

/** Compares a page of two saves: its annotations may gain widgets of signatures made in this save. */
export function comparePage(step: Step, num: number): void {
  const ref: PdfRef = { kind: 'ref', num, gen: 0 }
  const path = pathOf(step.graph, num)
  const a = readPage(step.before, num)
  const b = readPage(step.after, num)
  if (a === undefined || b === undefined) {
    forbid(step, 'page', 'object-redefined', { path, ref })
    return
  }
  for (const key of listChangedKeys(a, b)) {
    const isSame = isSameValue(step.before, step.after, a.entries.get(key), b.entries.get(key))
    if (key !== 'Annots' && !isSame)
      forbid(step, CLASSES[key] ?? 'page', 'entry-changed', { path: `${path}/${key}`, ref })
  }
  const before = getValue(step.before, a, 'Annots')
  const after = getValue(step.after, b, 'Annots')
  const old = Array.isArray(before) ? before : []
  const added = listAdded(old, Array.isArray(after) ? after : [])
  if (added === undefined) {
    forbid(step, 'annotation', 'annotation-removed', { path: `${path}/Annots`, ref })
    return
  }
  for (const item of added) checkAddedAnnotation(step, { page: b, path, old }, item)
}

function readPage(view: PdfDocument, num: number): PdfDict | undefined {
  const entry = view.state.merged.get(num)
  const gen = entry?.kind === 'offset' ? entry.gen : 0
  return findDictOf(getObject(view, { kind: 'ref', num, gen }))
}

type PageContext = { readonly page: PdfDict; readonly path: string; readonly old: readonly PdfObject[] }

function checkAddedAnnotation(step: Step, context: PageContext, item: PdfObject): void {
  const { path } = context
  const widget = isRef(item) ? step.widgets.get(item.num) : undefined
  if (!isRef(item) || widget === undefined) {
    const ref = isRef(item) ? item : undefined
    forbid(step, 'annotation', 'annotation-added', { path: `${path}/Annots`, ref })
    return
  }
  // On one page and once: an appearance shown anywhere else was not agreed to.
  step.widgets.delete(item.num)
  placeSeal(step, context, item, widget)
}

/**
 * Judges the places of fields that were on a page before and are signed in this save: what was empty, or hidden, shows
 * something now. A field that was put there before the first signature to be shown afterwards is a shadow attack.
 */
export function checkSignedPlaces(step: Step): void {
  if (step.widgets.size === 0) return
  for (const [num, role] of step.graph.roles) {
    if (role.kind !== 'page') continue
    const page = readPage(step.after, num)
    const annotations = page && getValue(step.after, page, 'Annots')
    if (page === undefined || !Array.isArray(annotations)) continue
    for (const item of annotations) {
      const widget = isRef(item) ? step.widgets.get(item.num) : undefined
      if (!isRef(item) || widget === undefined) continue
      const old = annotations.filter((other) => !isRef(other) || other.num !== item.num)
      placeSeal(step, { page, path: pathOf(step.graph, num), old }, item, widget)
    }
  }
}

function placeSeal(step: Step, context: PageContext, ref: PdfRef, widget: StepWidget): void {
  const { path } = context
  const rect = readVisibleRect(step.after, widget.dict)
  if (rect === 'nothing') return
  if (rect === 'unclear') {
    // Some viewers take the first four numbers of a longer array.
    forbid(step, 'annotation', 'widget-covers-page', { path: `${path}/Annots`, ref, field: widget.field })
    return
  }
  allow(step, 'signature', 'seal-placed', { path, ref, field: widget.field })
  checkPlace(step, rect, widget, context)
}

function checkPlace(step: Step, rect: Rect, widget: StepWidget, { page, path, old }: PageContext): void {
  const where = { path: `${path}/Annots`, field: widget.field }
  for (const item of old) {
    const dict = resolve(step.after, item)
    if (!isDict(dict) || !isCoverable(step.after, dict)) continue
    const other = readVisibleRect(step.after, dict)
    if (typeof other !== 'string' && overlaps(rect, other))
      forbid(step, 'annotation', 'widget-overlaps', where)
  }
  // All later seals together: two halves hide a page as well as one whole.
  const covered = (step.sealed.get(path) ?? 0) + area(rect)
  step.sealed.set(path, covered)
  if (covered > area(readPageBox(step.after, page)) / 2)
    forbid(step, 'annotation', 'widget-covers-page', where)
}

/** Links and pop-ups show nothing that a seal could cover. */
function isCoverable(view: PdfDocument, dict: PdfDict): boolean {
  const subtype = getValue(view, dict, 'Subtype')
  return !isName(subtype, 'Link') && !isName(subtype, 'Popup')
}

type Rect = readonly [number, number, number, number]

/**
 * The rectangle of an annotation that shows something: not hidden, not empty. What is not for the screen (NoView) can
 * be printed and counts.
 *
 * @see ISO 32000-2, table 167
 */
function readVisibleRect(view: PdfDocument, dict: PdfDict): Rect | 'nothing' | 'unclear' {
  const flags = getValue(view, dict, 'F')
  if (typeof flags === 'number' && (flags & HIDDEN) !== 0) return 'nothing'
  const value = getValue(view, dict, 'Rect')
  if (value === null) return 'nothing'
  const rect = readRect(view, value)
  if (rect === undefined) return 'unclear'
  return area(rect) > 0 ? rect : 'nothing'
}

const HIDDEN = 2

/** What viewers take for a page without a box of its own: US Letter. */
const DEFAULT_BOX: Rect = [0, 0, 612, 792]

/** What is shown of a page: its crop box within its media box (ISO 32000-2, 14.11.2). */
function readPageBox(view: PdfDocument, page: PdfDict): Rect {
  const media = findInheritedBox(view, page, 'MediaBox') ?? DEFAULT_BOX
  const crop = findInheritedBox(view, page, 'CropBox')
  if (crop === undefined || !overlaps(crop, media)) return media
  const [a, b, c, d] = crop
  return [Math.max(a, media[0]), Math.max(b, media[1]), Math.min(c, media[2]), Math.min(d, media[3])]
}

function findInheritedBox(view: PdfDocument, page: PdfDict, key: string): Rect | undefined {
  let node: PdfDict | undefined = page
  for (let depth = 0; node !== undefined && depth < 32; depth++) {
    const box = readRect(view, getValue(view, node, key))
    if (box !== undefined) return box
    node = findDictOf(getValue(view, node, 'Parent'))
  }
  return undefined
}

function readRect(view: PdfDocument, object: PdfObject): Rect | undefined {
  if (!Array.isArray(object) || object.length !== 4) return undefined
  const [a, b, c, d] = object.map((item) => resolve(view, item))
  if (typeof a !== 'number' || typeof b !== 'number' || typeof c !== 'number' || typeof d !== 'number')
    return undefined
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)]
}

function area(rect: Rect): number {
  return (rect[2] - rect[0]) * (rect[3] - rect[1])
}

function overlaps(a: Rect, b: Rect): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}
