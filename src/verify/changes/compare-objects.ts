import { getObject } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  isDict,
  isName,
  isStream,
  type PdfObject,
  type PdfRef,
} from '../../formats/pdf/objects.ts'
import type { XrefEntry } from '../../formats/pdf/xref.ts'
import type { ChangeClass } from './change-types.ts'
import { checkSignedPlaces, comparePage } from './compare-page.ts'
import { isEqualObject } from './equal.ts'
import { pathOf } from './object-graph.ts'
import type { FieldRole, ObjectRole } from './object-roles.ts'
import { compareField } from './signature-field.ts'
import { allow, forbid, type Step } from './step.ts'

/**
 * Judges every object that a save names and that was there before. Objects without a role must not change at all;
 * those with one are compared entry by entry, here or where the catalog leads to them.
 */
export function compareObjects(step: Step): void {
  const pages = new Set<number>()
  for (const [num, entry] of step.revision.entries) {
    const old = step.before.state.merged.get(num)
    if (old === undefined || old.kind === 'free') {
      if (entry.kind !== 'free') checkDefined(step, num, entry)
    } else if (entry.kind === 'free') checkRemoved(step, num, old)
    else compareObject(step, num, [old, entry], pages)
  }
  for (const page of pages) comparePage(step, page)
  checkSignedPlaces(step)
}

/** A reference that led nowhere while the document was signed must not lead somewhere now. */
function checkDefined(step: Step, num: number, entry: XrefEntry): void {
  if (step.graph.reached.has(num)) {
    const where = { path: pathOf(step.graph, num), ref: refOf(num, entry) }
    forbid(step, classOf(where.path, getObject(step.after, where.ref)), 'object-now-defined', where)
  } else if (step.graph.unreadable.size > 0) {
    // Whatever could not be read may hold such a reference.
    forbid(step, 'object', 'signed-revision-unreadable', { path: `${num} 0 R`, ref: refOf(num, entry) })
  }
}

function checkRemoved(step: Step, num: number, old: XrefEntry): void {
  const { graph } = step
  const where = { path: pathOf(graph, num), ref: refOf(num, old) }
  if (graph.reached.has(num) || graph.roles.has(num)) {
    forbid(step, classOf(where.path, getObject(step.before, where.ref)), 'object-removed', where)
  } else if (!graph.validationData.has(num)) allow(step, 'bookkeeping', 'object-freed-unused', where)
}

function compareObject(step: Step, num: number, entries: [XrefEntry, XrefEntry], pages: Set<number>): void {
  const [old, now] = entries
  const ref = refOf(num, now)
  const before = getObject(step.before, refOf(num, old))
  const after = getObject(step.after, ref)
  const isSameGeneration = refOf(num, old).gen === ref.gen
  if (isSameGeneration && isEqualObject(before, after)) return
  const role = step.graph.roles.get(num)
  if (role !== undefined && isSameGeneration) {
    judgeByRole(step, ref, role, { before, after, pages })
  } else if (!step.graph.validationData.has(num) || !isSameGeneration) {
    const path = pathOf(step.graph, num)
    forbid(step, classOf(path, before), 'object-redefined', { path, ref })
  }
}

function isFieldRole(role: ObjectRole): role is FieldRole {
  return role.kind === 'field' || role.kind === 'widget'
}

type Versions = { readonly before: PdfObject; readonly after: PdfObject; readonly pages: Set<number> }

function judgeByRole(step: Step, ref: PdfRef, role: ObjectRole, { before, after, pages }: Versions): void {
  const path = pathOf(step.graph, ref.num)
  if (role.kind === 'page') pages.add(ref.num)
  else if (role.kind === 'catalog' || role.kind === 'form') {
    if (!isDict(after)) forbid(step, 'catalog', 'object-redefined', { path, ref })
  } else if (isFieldRole(role)) {
    if (isDict(before) && isDict(after)) compareField(step, ref, role, [before, after])
    else forbid(step, 'form-field', 'object-redefined', { path, ref })
  } else checkPart(step, ref, role, pages)
}

type PartRole = Exclude<ObjectRole, FieldRole | { readonly kind: 'catalog' | 'form' | 'page' }>

/** Judges an object that is a part of another: it may change there; something else that uses it would change with it. */
function checkPart(step: Step, ref: PdfRef, role: PartRole, pages: Set<number>): void {
  const path = pathOf(step.graph, ref.num)
  if (role.kind === 'annotations') pages.add(role.page)
  if (role.kind === 'appearance' && !isBeingSigned(step, role.field)) {
    forbid(step, 'resource', 'object-redefined', { path, ref })
  }
  if (role.kind === 'conflict' || step.graph.reached.has(ref.num)) {
    forbid(step, 'object', 'object-shared', { path, ref })
  }
}

/** Whether a field that was empty has a value now; whether that is a signature is judged with the field. */
function isBeingSigned(step: Step, field: number): boolean {
  const entry = step.revision.entries.get(field)
  const dict = entry === undefined ? undefined : findDictOf(getObject(step.after, refOf(field, entry)))
  return (dict?.entries.get('V') ?? null) !== null
}

function refOf(num: number, entry: XrefEntry): PdfRef {
  return { kind: 'ref', num, gen: entry.kind === 'offset' ? entry.gen : 0 }
}

/** What kind of content an object is, from what it says of itself and from where it hangs. */
function classOf(path: string, object: PdfObject): ChangeClass {
  const type = nameAt(object, 'Type')
  if (
    type === 'Font' ||
    type === 'FontDescriptor' ||
    /\/(FontFile[23]?|ToUnicode|Encoding|DescendantFonts)\b/.test(path)
  ) {
    return 'font'
  }
  if (type === 'Annot' || /\/Annots(\[\d+\])?$/.test(path)) return 'annotation'
  if (type === 'Pages') return 'page-tree'
  if (/\/Contents(\[\d+\])?$/.test(path)) return 'page-content'
  if (/\/(AA|A|OpenAction|JS)$/.test(path)) return 'action'
  if (isStream(object) || path.includes('/Resources')) return 'resource'
  return 'object'
}

function nameAt(object: PdfObject, key: string): string | undefined {
  const value = findDictOf(object)?.entries.get(key)
  return isName(value) ? value.value : undefined
}
