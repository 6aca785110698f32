import { isCoded } from '../../../ca/errors.ts'
import { getCatalog, getValue, resolve, type PdfDocument } from '../../formats/pdf/document.ts'
import { tooLarge } from '../../formats/pdf/limits.ts'
import {
  findDictOf,
  getText,
  isDict,
  isName,
  isRef,
  isString,
  type PdfDict,
  type PdfObject,
  type PdfRef,
} from '../../formats/pdf/objects.ts'

/**
 * What an object is to the document. Objects with a role are compared entry by entry when they change;
 * all others that can be reached must not change at all.
 */
export type ObjectRole =
  | { readonly kind: 'catalog' }
  | { readonly kind: 'form' }
  | { readonly kind: 'fields' }
  | { readonly kind: 'information' }
  | { readonly kind: 'metadata' }
  | { readonly kind: 'page'; readonly number: number }
  /** An indirect /Annots array, and the page it belongs to. */
  | { readonly kind: 'annotations'; readonly page: number }
  | FieldRole
  /** What an empty signature field shows, and its object number: signing it may overwrite that. */
  | { readonly kind: 'appearance'; readonly field: number }
  /** Two roles at once: a trap, since what is fine for one is not for the other. */
  | { readonly kind: 'conflict' }

/** A field, or a widget that is a kid of one. */
export type FieldRole = {
  readonly kind: 'field' | 'widget'
  readonly name: string
  readonly type: string | undefined
  /** Object number of the field that holds the value; its own for a field. */
  readonly field: number
}

/** The objects of one revision as they hang together. */
export type ObjectGraph = {
  readonly roles: Map<number, ObjectRole>
  /** Every object that can be reached without passing through a place that may be extended, and from where. */
  readonly reached: Map<number, { readonly from: number; readonly key: string }>
  /** Objects that hold validation data or extension declarations and nothing else. */
  readonly validationData: Set<number>
  readonly unreadable: Set<number>
}

/** A graph that is being built over a view. */
export type Walk = ObjectGraph & { readonly view: PdfDocument }

/** Gives roles to the catalog, the pages and their annotations, the form and its fields. */
export function assignRoles(walk: Walk): void {
  const root = walk.view.trailer.entries.get('Root')
  if (isRef(root)) setRole(walk, root.num, { kind: 'catalog' })
  assignPages(walk, getCatalog(walk.view).entries.get('Pages'))
  assignCatalog(walk)
}

/** Gives roles to what the trailer and the catalog hold, except pages. */
function assignCatalog(walk: Walk): void {
  const info = walk.view.trailer.entries.get('Info')
  if (isRef(info)) setRole(walk, info.num, { kind: 'information' })
  const catalog = getCatalog(walk.view)
  const metadata = catalog.entries.get('Metadata')
  if (isRef(metadata)) setRole(walk, metadata.num, { kind: 'metadata' })
  assignForm(walk, catalog)
}

function assignForm(walk: Walk, catalog: PdfDict): void {
  const form = catalog.entries.get('AcroForm')
  if (isRef(form)) setRole(walk, form.num, { kind: 'form' })
  const formDict = findDictOf(read(walk, form))
  const fields = formDict?.entries.get('Fields')
  if (isRef(fields)) setRole(walk, fields.num, { kind: 'fields' })
  const list = read(walk, fields)
  if (Array.isArray(list)) assignFields(walk, list)
}

/** Gives an object a role; another one than it has makes a conflict of both. */
export function setRole(walk: Walk, num: number, role: ObjectRole): void {
  const known = walk.roles.get(num)
  walk.roles.set(num, known === undefined || isSameRole(known, role) ? role : { kind: 'conflict' })
}

function isSameRole(a: ObjectRole, b: ObjectRole): boolean {
  if (a.kind === 'annotations') return b.kind === 'annotations' && a.page === b.page
  if (a.kind === 'appearance') return b.kind === 'appearance' && a.field === b.field
  return a.kind === b.kind && a.kind !== 'conflict'
}

function assignPages(walk: Walk, root: PdfObject | undefined): void {
  const seen = new Set<number>()
  const stack = [root]
  let number = 0
  while (stack.length > 0) {
    const ref = stack.pop()
    if (!isRef(ref) || seen.has(ref.num)) continue
    if (seen.size >= walk.view.limits.nodes) throw tooLarge('pages', walk.view.limits.nodes)
    seen.add(ref.num)
    const node = read(walk, ref)
    if (!isDict(node)) continue
    const kids = read(walk, node.entries.get('Kids'))
    if (Array.isArray(kids)) {
      stack.push(...kids.toReversed())
    } else {
      setRole(walk, ref.num, { kind: 'page', number: ++number })
      assignAnnotations(walk, ref.num, node)
    }
  }
}

function assignAnnotations(walk: Walk, page: number, dict: PdfDict): void {
  const annotations = dict.entries.get('Annots')
  if (isRef(annotations)) setRole(walk, annotations.num, { kind: 'annotations', page })
}

/**
 * Brings the roles up to a save that did nothing but what it may: its lists can be new objects, fields were added,
 * and what a field shows that was signed is no longer free to change.
 */
export function extendRoles(walk: Walk, updated: ReadonlySet<number>): void {
  const signed = new Set<number>()
  for (const num of updated) {
    const role = walk.roles.get(num)
    if (role?.kind === 'field' || role?.kind === 'widget') signed.add(role.field)
    if (role?.kind === 'page') {
      const page = findDictOf(read(walk, { kind: 'ref', num, gen: genOf(walk, num) }))
      if (page !== undefined) assignAnnotations(walk, num, page)
    }
  }
  if (signed.size > 0) releaseAppearances(walk, signed)
  assignCatalog(walk)
}

function releaseAppearances(walk: Walk, signed: ReadonlySet<number>): void {
  for (const [num, role] of walk.roles) {
    if (role.kind === 'appearance' && signed.has(role.field)) walk.roles.delete(num)
  }
}

/** The generation in force of an object. */
export function genOf(walk: Walk, num: number): number {
  const entry = walk.view.state.merged.get(num)
  return entry?.kind === 'offset' ? entry.gen : 0
}

type Parent = { readonly name: string; readonly type: string | undefined; readonly field: number }

function assignFields(walk: Walk, fields: PdfObject[]): void {
  const top: Parent = { name: '', type: undefined, field: 0 }
  const stack: [PdfObject, Parent, number][] = fields.map((field) => [field, top, 0])
  let count = 0
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [ref, parent, depth] = next
    const { limits } = walk.view
    if (++count > limits.nodes || depth > limits.depth) throw tooLarge('form fields', limits.nodes)
    const dict = read(walk, ref)
    if (!isRef(ref) || !isDict(dict)) continue
    const role = assignField(walk, ref, dict, parent)
    const kids = role && read(walk, dict.entries.get('Kids'))
    if (role && Array.isArray(kids)) for (const kid of kids) stack.push([kid, role, depth + 1])
  }
}

/** Gives a field or widget its role, or undefined where it has one already. */
function assignField(walk: Walk, ref: PdfRef, dict: PdfDict, parent: Parent): FieldRole | undefined {
  const known = walk.roles.get(ref.num)?.kind
  if (known === 'field' || known === 'widget') return undefined
  const role = describeField(walk.view, ref.num, dict, parent)
  setRole(walk, ref.num, role)
  if (role.type === 'Sig' && isEmptyField(walk, ref, role)) assignAppearance(walk, dict, role.field)
  return role
}

function isEmptyField(walk: Walk, ref: PdfRef, role: FieldRole): boolean {
  const holder = findDictOf(read(walk, { ...ref, num: role.field }))
  return holder !== undefined && read(walk, holder.entries.get('V')) === null
}

function assignAppearance(walk: Walk, widget: PdfDict, field: number): void {
  const appearance = widget.entries.get('AP')
  const normal = findDictOf(read(walk, appearance))?.entries.get('N')
  for (const value of [appearance, normal])
    if (isRef(value)) setRole(walk, value.num, { kind: 'appearance', field })
}

/** Name, type and kind of a field or widget under its parent (ISO 32000-2, 12.7.4). */
export function describeField(view: PdfDocument, num: number, dict: PdfDict, parent: Parent): FieldRole {
  const partial = getValue(view, dict, 'T')
  const type = getValue(view, dict, 'FT')
  const own = isString(partial)
  return {
    kind: own || parent.field === 0 ? 'field' : 'widget',
    name: own ? (parent.name === '' ? '' : `${parent.name}.`) + getText(partial) : parent.name,
    type: isName(type) ? type.value : parent.type,
    field: own || parent.field === 0 ? num : parent.field,
  }
}

/** Follows references; what cannot be read is remembered and taken as null. */
export function read(walk: Walk, object: PdfObject | undefined): PdfObject {
  try {
    return resolve(walk.view, object)
  } catch (error) {
    if (!isCoded(error, 'PDF_MALFORMED')) throw error
    if (isRef(object)) walk.unreadable.add(object.num)
    return null
  }
}
