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

function checkAddedAnnotation(step: Step, { page, path, old }: PageContext, item: PdfObject): void {
  const widget = isRef(item) ? step.widgets.get(item.num) : undefined
  const where = { path: `${path}/Annots`, ref: isRef(item) ? item : undefined }
  if (!isRef(item) || widget === undefined) {
    forbid(step, 'annotation', 'annotation-added', where)
    return
  }
  // On one page and once: an appearance shown anywhere else was not agreed to.
  step.widgets.delete(item.num)
  if (!widget.isNew) return
  const rect = readVisibleRect(step.after, widget.dict)
  if (rect === undefined) return
  allow(step, 'signature', 'seal-placed', { path, ref: item, field: widget.field })
  checkPlace(step, rect, widget, { page, path, old })
}

function checkPlace(step: Step, rect: Rect, widget: StepWidget, context: PageContext): void {
  const where = { path: `${context.path}/Annots`, field: widget.field }
  for (const item of context.old) {
    const dict = resolve(step.before, item)
    if (!isDict(dict) || !isCoverable(step.before, dict)) continue
    const other = readVisibleRect(step.before, dict)
    if (other !== undefined && overlaps(rect, other)) forbid(step, 'annotation', 'widget-overlaps', where)
  }
  const box = readPageBox(step.after, context.page)
  if (box !== undefined && area(rect) > area(box) / 2) forbid(step, 'annotation', 'widget-covers-page', where)
}

/** Links and pop-ups show nothing that a seal could cover. */
function isCoverable(view: PdfDocument, dict: PdfDict): boolean {
  const subtype = getValue(view, dict, 'Subtype')
  return !isName(subtype, 'Link') && !isName(subtype, 'Popup')
}

type Rect = readonly [number, number, number, number]

/** The rectangle of an annotation that shows something: not hidden, not empty. */
function readVisibleRect(view: PdfDocument, dict: PdfDict): Rect | undefined {
  const flags = getValue(view, dict, 'F')
  // Hidden (bit 2) and NoView (bit 6) annotations are not shown (ISO 32000-2, table 167).
  if (typeof flags === 'number' && (flags & 0x22) !== 0) return undefined
  const rect = readRect(view, getValue(view, dict, 'Rect'))
  return rect !== undefined && area(rect) > 0 ? rect : undefined
}

function readPageBox(view: PdfDocument, page: PdfDict): Rect | undefined {
  let node: PdfDict | undefined = page
  for (let depth = 0; node !== undefined && depth < 32; depth++) {
    const box = readRect(view, getValue(view, node, 'MediaBox'))
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
