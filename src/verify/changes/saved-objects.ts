import { getObject, getObjectStream, resolve, type PdfDocument } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  isDict,
  isName,
  isRef,
  isStream,
  type PdfDict,
  type PdfObject,
  type PdfRef,
} from '../../formats/pdf/objects.ts'
import { indexOf, type IndirectObject } from '../../formats/pdf/parse-indirect.ts'
import type { XrefEntry } from '../../formats/pdf/xref.ts'
import { isEqualObject } from './equal.ts'
import { forbid, type Step } from './step.ts'

/** One object that a save writes, and where its cross-reference says it is. */
export type SavedObject = IndirectObject & { readonly offset: number }

/**
 * Checks the objects of a save for what no reader that follows the cross-reference would look at, and one that rebuilds
 * it would: object streams and cross-reference streams that are not those of the save, and objects that nothing uses.
 */
export function checkSavedObjects(step: Step, objects: readonly SavedObject[]): void {
  const compressed = listCompressed(step)
  const structural = new Set<number>(compressed.keys())
  const section = step.revision.sections[0]
  for (const { num } of section?.ownRefs ?? []) structural.add(num)
  for (const item of objects) {
    if (!isStream(item.object)) continue
    const { dict, raw } = item.object
    const type = resolve(step.after, dict.entries.get('Type'))
    const isXref = isName(type, 'XRef')
    // Some programs put a cross-reference stream beside the table, and do not always say where.
    const isForeign = isXref
      ? !isTrailerRepeated(step, dict)
      : isName(type, 'ObjStm') && !compressed.has(item.ref.num)
    // A reader that does not know the length, or does not trust it, looks for the word.
    const isSplit = indexOf(raw, 'endstream', 0) >= 0
    if (isForeign || isSplit)
      forbid(step, 'bytes', 'object-hidden', { path: `${item.ref.num} 0 R`, ref: item.ref })
    else if (isXref) structural.add(item.ref.num)
  }
  for (const [container, nums] of compressed) checkContents(step, container, nums)
  checkReferenced(step, structural)
}

/** A reader that rebuilds takes the trailer from any cross-reference stream. */
function isTrailerRepeated(step: Step, dict: PdfDict): boolean {
  return ['Root', 'Info', 'Encrypt'].every((key) =>
    isEqualObject(dict.entries.get(key), step.revision.trailer.entries.get(key)),
  )
}

/** The objects that a save puts into object streams: their numbers by index, for each stream. */
function listCompressed(step: Step): Map<number, Map<number, number>> {
  const found = new Map<number, Map<number, number>>()
  for (const [num, entry] of step.revision.entries) {
    if (entry.kind !== 'compressed') continue
    const old = step.before.state.merged.get(num)
    const isKept = old?.kind === 'compressed' && old.container === entry.container
    if (isKept && !step.revision.entries.has(entry.container)) continue
    const nums = found.get(entry.container) ?? new Map<number, number>()
    found.set(entry.container, nums.set(entry.index, num))
  }
  return found
}

/** An object stream holds exactly the objects that its save says, each of them plain. */
function checkContents(step: Step, container: number, named: Map<number, number>): void {
  const view: PdfDocument = { ...step.after, anomalies: new Set() }
  const { nums, parse } = getObjectStream(view, container)
  const path = `${container} 0 R`
  if (nums.length !== named.size || nums.some((num, index) => named.get(index) !== num))
    forbid(step, 'bytes', 'object-hidden', { path })
  else for (const [index, num] of named) parse(num, index)
  for (const key of view.anomalies) forbid(step, 'xref', 'structure-ambiguous', { path: key })
}

/** Whatever a save adds hangs on something that it may change, or on its trailer. */
function checkReferenced(step: Step, structural: ReadonlySet<number>): void {
  const added = new Set<number>()
  const stack = ['Root', 'Info', 'Encrypt'].map((key) => step.revision.trailer.entries.get(key) ?? null)
  for (const [num, entry] of step.revision.entries) {
    if (entry.kind === 'free' || structural.has(num)) continue
    if ((step.before.state.merged.get(num)?.kind ?? 'free') === 'free') added.add(num)
    else if (isUsed(step, num)) stack.push(getObject(step.after, refOf(num, entry)))
  }
  dropReferenced(step, stack, added)
  for (const num of added) {
    const ref = refOf(num, step.revision.entries.get(num))
    if (!isLeftOver(getObject(step.after, ref)))
      forbid(step, 'object', 'object-unreferenced', { path: `${num} 0 R`, ref })
  }
}

/** Takes out of `added` what the objects on the stack lead to. */
function dropReferenced(step: Step, stack: PdfObject[], added: Set<number>): void {
  while (stack.length > 0 && added.size > 0) {
    const item = stack.pop() ?? null
    if (isRef(item)) {
      if (added.delete(item.num)) stack.push(getObject(step.after, item))
      continue
    }
    for (const each of Array.isArray(item) ? item : (findDictOf(item)?.entries.values() ?? []))
      stack.push(each)
  }
}

function refOf(num: number, entry: XrefEntry | undefined): PdfRef {
  return { kind: 'ref', num, gen: entry?.kind === 'offset' ? entry.gen : 0 }
}

function isUsed({ graph }: Step, num: number): boolean {
  return graph.roles.has(num) || graph.reached.has(num) || graph.validationData.has(num)
}

const PROOF_KEYS: ReadonlySet<string> = new Set(['Type', 'Cert', 'OCSP', 'CRL', 'TU'])

/**
 * Some programs leave behind what they wrote and then did not use: an older copy of what proves a signature, or an
 * object that leads nowhere. Neither is anything that a reader could show.
 */
function isLeftOver(object: PdfObject): boolean {
  if (!isDict(object)) return !isStream(object) && !hasReference(object)
  const type = object.entries.get('Type')
  if (isName(type, 'VRI')) return isProof(object)
  return !isName(type, 'Catalog') && !isName(type, 'Pages') && !hasReference(object)
}

function hasReference(object: PdfObject | undefined): boolean {
  if (isRef(object)) return true
  if (Array.isArray(object)) return object.some(hasReference)
  return isDict(object) && [...object.entries.values()].some(hasReference)
}

function isProof(dict: PdfDict): boolean {
  return [...dict.entries].every(
    ([key, value]) => PROOF_KEYS.has(key) && (!Array.isArray(value) || value.every((item) => isRef(item))),
  )
}
