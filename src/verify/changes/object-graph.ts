import { isCoded } from '../../../ca/errors.ts'
import { getCatalog, getObject, type PdfDocument } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  isDict,
  isRef,
  type PdfDict,
  type PdfObject,
  type PdfRef,
  type PdfStream,
} from '../../formats/pdf/objects.ts'
import {
  assignRoles,
  extendRoles,
  genOf,
  read,
  setRole,
  type ObjectGraph,
  type ObjectRole,
  type Walk,
} from './object-roles.ts'

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

/** A graph without objects. */
export function emptyGraph(): ObjectGraph {
  return { roles: new Map(), reached: new Map(), validationData: new Set(), unreadable: new Set() }
}

/** Walks a revision from its trailer. */
export function buildGraph(view: PdfDocument): ObjectGraph {
  const graph = emptyGraph()
  const walk: Walk = { ...graph, view }
  assignRoles(walk)
  for (const [key, value] of view.trailer.entries) {
    if (key !== 'Info' && !SAVE_KEYS.has(key)) reach(walk, value, 0, key)
  }
  collectAllValidationData(walk)
  return graph
}

/**
 * Brings a graph up to a save that did nothing but what it may. What was reached stays reached, so only what the save
 * wrote is walked: ten signatures do not walk a document ten times.
 */
export function extendGraph(graph: ObjectGraph, view: PdfDocument, updated: ReadonlySet<number>): void {
  const walk: Walk = { ...graph, view }
  extendRoles(walk, updated)
  for (const num of updated) {
    const ref: PdfRef = { kind: 'ref', num, gen: genOf(walk, num) }
    const kind = graph.roles.get(num)?.kind
    const stack: Edge[] = []
    if (kind === 'fields' || kind === 'annotations') pushItems(walk, ref, num, '', stack)
    else if (graph.reached.has(num)) pushObject(walk, ref, stack)
    drain(walk, stack)
  }
  collectAllValidationData(walk)
}

function collectAllValidationData(walk: Walk): void {
  walk.validationData.clear()
  const catalog = getCatalog(walk.view)
  for (const key of ['DSS', 'Extensions']) collectValidationData(walk, catalog.entries.get(key))
}

type Edge = [value: PdfObject, from: number, key: string]

function reach(walk: Walk, start: PdfObject, from: number, key: string): void {
  drain(walk, [[start, from, key]])
}

function drain(walk: Walk, stack: Edge[]): void {
  for (let edge = stack.pop(); edge !== undefined; edge = stack.pop()) {
    const [value, parent, label] = edge
    if (!canLead(value)) continue
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        const item = value[index]
        if (canLead(item)) stack.push([item, parent, `${label}[${index}]`])
      }
    } else if (value.kind === 'ref') {
      enter(walk, value, parent, label, stack)
    } else pushEntries(value.kind === 'dict' ? value : value.dict, parent, `${label}/`, stack)
  }
}

type Leading = PdfObject[] | PdfRef | PdfDict | PdfStream

/** True for what can hold or be a reference; most values of a document are numbers and names. */
function canLead(value: PdfObject | undefined): value is Leading {
  return (
    typeof value === 'object' &&
    value !== null &&
    (Array.isArray(value) || (value.kind !== 'name' && value.kind !== 'string'))
  )
}

function pushEntries(dict: PdfDict, num: number, prefix: string, stack: Edge[]): void {
  for (const [name, item] of dict.entries) if (canLead(item)) stack.push([item, num, prefix + name])
}

function enter(walk: Walk, ref: PdfRef, parent: number, label: string, stack: Edge[]): void {
  if (walk.reached.has(ref.num)) return
  walk.reached.set(ref.num, { from: parent, key: label })
  pushObject(walk, ref, stack)
}

function pushObject(walk: Walk, ref: PdfRef, stack: Edge[]): void {
  const role = walk.roles.get(ref.num)
  let object: PdfObject
  try {
    object = getObject(walk.view, ref)
  } catch (error) {
    if (!isCoded(error, 'PDF_MALFORMED')) throw error
    walk.unreadable.add(ref.num)
    return
  }
  const dict = findDictOf(object)
  if (dict && role !== undefined) pushOpenDict(walk, dict, ref.num, role, stack)
  else if (dict) pushEntries(dict, ref.num, '/', stack)
  else stack.push([object, ref.num, ''])
}

/** Pushes the entries of an object with a role, but not the places that may be extended. */
function pushOpenDict(walk: Walk, dict: PdfDict, num: number, role: ObjectRole, stack: Edge[]): void {
  for (const [name, item] of dict.entries) {
    if (!canLead(item)) continue
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
