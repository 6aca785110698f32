import { isCoded } from '../../../ca/errors.ts'
import { getCatalog, getObject, getValue, resolve, type PdfDocument } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  isDict,
  isName,
  isRef,
  isString,
  getText,
  type PdfDict,
  type PdfObject,
  type PdfRef,
} from '../../formats/pdf/objects.ts'
import { tooLarge } from '../../formats/pdf/limits.ts'

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

type Walk = ObjectGraph & { readonly view: PdfDocument }

/**
 * Entries of a trailer that belong to the save and not to the document. The last two are private to one program:
 * /DocChecksum, and /AdditionalStreams, whose reference other programs keep or drop when they save.
 */
export const SAVE_KEYS: ReadonlySet<string> = new Set([
  ...[
    'Size',
    'Prev',
    'XRefStm',
    'Type',
    'W',
    'Index',
    'Length',
    'Filter',
    'DecodeParms',
    'DocChecksum',
    'AdditionalStreams',
  ],
])

/** Walks a revision from its trailer. */
export function buildGraph(view: PdfDocument): ObjectGraph {
  const graph = {
    roles: new Map(),
    reached: new Map(),
    validationData: new Set<number>(),
    unreadable: new Set<number>(),
  }
  const walk: Walk = { ...graph, view }
  assignRoles(walk)
  for (const [key, value] of view.trailer.entries) {
    if (key !== 'Info' && !SAVE_KEYS.has(key)) reach(walk, value, 0, key)
  }
  const catalog = getCatalog(view)
  for (const key of ['DSS', 'Extensions']) collectValidationData(walk, catalog.entries.get(key))
  return graph
}

function assignRoles(walk: Walk): void {
  const { view } = walk
  const root = view.trailer.entries.get('Root')
  if (isRef(root)) setRole(walk, root.num, { kind: 'catalog' })
  const info = view.trailer.entries.get('Info')
  if (isRef(info)) setRole(walk, info.num, { kind: 'information' })
  const catalog = getCatalog(view)
  const metadata = catalog.entries.get('Metadata')
  if (isRef(metadata)) setRole(walk, metadata.num, { kind: 'metadata' })
  assignPages(walk, catalog.entries.get('Pages'))
  const form = catalog.entries.get('AcroForm')
  if (isRef(form)) setRole(walk, form.num, { kind: 'form' })
  const formDict = findDictOf(read(walk, form))
  const fields = formDict?.entries.get('Fields')
  if (isRef(fields)) setRole(walk, fields.num, { kind: 'fields' })
  const list = read(walk, fields)
  if (Array.isArray(list)) assignFields(walk, list)
}

function setRole(walk: Walk, num: number, role: ObjectRole): void {
  walk.roles.set(num, walk.roles.has(num) ? { kind: 'conflict' } : role)
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
      const annotations = node.entries.get('Annots')
      if (isRef(annotations)) setRole(walk, annotations.num, { kind: 'annotations', page: ref.num })
    }
  }
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

function read(walk: Walk, object: PdfObject | undefined): PdfObject {
  try {
    return resolve(walk.view, object)
  } catch (error) {
    if (!isCoded(error, 'PDF_MALFORMED')) throw error
    if (isRef(object)) walk.unreadable.add(object.num)
    return null
  }
}

type Edge = [value: PdfObject, from: number, key: string]

function reach(walk: Walk, start: PdfObject, from: number, key: string): void {
  const stack: Edge[] = [[start, from, key]]
  for (let edge = stack.pop(); edge !== undefined; edge = stack.pop()) {
    const [value, parent, label] = edge
    if (typeof value !== 'object' || value === null) continue
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) stack.push([item, parent, `${label}[${index}]`])
    } else if (value.kind === 'ref') {
      enter(walk, value, parent, label, stack)
    } else if (value.kind === 'dict' || value.kind === 'stream') {
      const dict = value.kind === 'dict' ? value : value.dict
      for (const [name, item] of dict.entries) stack.push([item, parent, `${label}/${name}`])
    }
  }
}

function enter(walk: Walk, ref: PdfRef, parent: number, label: string, stack: Edge[]): void {
  const { num } = ref
  if (walk.reached.has(num)) return
  walk.reached.set(num, { from: parent, key: label })
  const role = walk.roles.get(num)
  let object: PdfObject
  try {
    object = getObject(walk.view, ref)
  } catch (error) {
    if (!isCoded(error, 'PDF_MALFORMED')) throw error
    walk.unreadable.add(num)
    return
  }
  const dict = findDictOf(object)
  if (dict && role !== undefined) pushOpenDict(walk, dict, num, role, stack)
  else if (dict) for (const [name, item] of dict.entries) stack.push([item, num, `/${name}`])
  else stack.push([object, num, ''])
}

/** Pushes the entries of an object with a role, but not the places that may be extended. */
function pushOpenDict(walk: Walk, dict: PdfDict, num: number, role: ObjectRole, stack: Edge[]): void {
  for (const [name, item] of dict.entries) {
    const label = `/${name}`
    switch (OPEN_PLACES[`${role.kind}/${name}`]) {
      case 'apart':
        continue
      case 'form':
        pushForm(walk, item, num, label, stack)
        continue
      case 'list':
        pushItems(walk, item, num, label, stack)
        continue
      case 'appearance':
        pushAppearance(walk, item, num, stack)
        continue
      default:
        stack.push([item, num, label])
    }
  }
}

/** Places that later signers and validators may extend, by role and entry; each is compared on its own. */
const OPEN_PLACES: Readonly<Record<string, 'apart' | 'form' | 'list' | 'appearance'>> = {
  'catalog/DSS': 'apart',
  'catalog/Extensions': 'apart',
  'catalog/Metadata': 'apart',
  'catalog/AcroForm': 'form',
  'form/Fields': 'list',
  'page/Annots': 'list',
  'field/AP': 'appearance',
  'widget/AP': 'appearance',
}

function pushForm(walk: Walk, form: PdfObject, num: number, label: string, stack: Edge[]): void {
  if (!isDict(form)) {
    stack.push([form, num, label])
    return
  }
  for (const [name, item] of form.entries) {
    if (name === 'Fields') pushItems(walk, item, num, `${label}/Fields`, stack)
    else stack.push([item, num, `${label}/${name}`])
  }
}

/** Pushes what the appearance of an empty signature field leads to, without the objects that signing may overwrite. */
function pushAppearance(walk: Walk, appearance: PdfObject, num: number, stack: Edge[]): void {
  const dict = findDictOf(openAppearance(walk, appearance))
  if (dict === undefined) {
    stack.push([appearance, num, '/AP'])
    return
  }
  for (const [name, item] of dict.entries) {
    const stream = findDictOf(openAppearance(walk, item))
    if (stream === undefined || name !== 'N') stack.push([item, num, `/AP/${name}`])
    else for (const [key, value] of stream.entries) stack.push([value, num, `/AP/N/${key}`])
  }
}

/** A direct object, or one with the role of an appearance; undefined for any other reference. */
function openAppearance(walk: Walk, object: PdfObject): PdfObject | undefined {
  if (!isRef(object)) return object
  return walk.roles.get(object.num)?.kind === 'appearance' ? read(walk, object) : undefined
}

/** Pushes what a list holds, without the object that is the list. */
function pushItems(walk: Walk, list: PdfObject, num: number, label: string, stack: Edge[]): void {
  const items = read(walk, list)
  if (!Array.isArray(items)) stack.push([list, num, label])
  else for (const [index, item] of items.entries()) stack.push([item, num, `${label}[${index}]`])
}

function collectValidationData(walk: Walk, start: PdfObject | undefined): void {
  const stack: (PdfObject | undefined)[] = [start]
  for (let next = stack.pop(); stack.length > 0 || next !== undefined; next = stack.pop()) {
    if (Array.isArray(next)) stack.push(...next)
    else if (isRef(next)) {
      if (walk.reached.has(next.num) || walk.validationData.has(next.num)) continue
      if (walk.roles.has(next.num)) setRole(walk, next.num, { kind: 'conflict' })
      else {
        walk.validationData.add(next.num)
        stack.push(read(walk, next))
      }
    } else stack.push(...(findDictOf(next)?.entries.values() ?? []))
  }
}

/** Where an object hangs, for example `Page(1)/Contents` or `Field(Seal)/AP/N`. */
export function pathOf(graph: ObjectGraph, num: number): string {
  let path = ''
  for (let at = num, steps = 0; at !== 0 && steps < 64; steps++) {
    const role = graph.roles.get(at)
    if (role?.kind === 'page') return `Page(${role.number})${path}`
    if (role?.kind === 'field') return `Field(${role.name})${path}`
    const edge = graph.reached.get(at)
    if (edge === undefined) return `${at} 0 R${path}`
    path = edge.key + path
    at = edge.from
  }
  return path
}
