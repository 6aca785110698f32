import { resolve } from '../../formats/pdf/document.ts'
import { findDictOf, isDict, type PdfDict, type PdfObject } from '../../formats/pdf/objects.ts'
import { isEqualObject, isSameValue, listChangedKeys } from './equal.ts'
import { checkNewField } from './signature-field.ts'
import { forbid, type Step } from './step.ts'

/** Compares the interactive forms of two saves: a save may add signed fields, and nothing else. */
export function compareForm(step: Step, old: PdfObject | undefined, now: PdfObject | undefined): void {
  const path = 'Root/AcroForm'
  const a = findDictOf(resolve(step.before, old))
  const b = findDictOf(resolve(step.after, now))
  if (a === undefined && b === undefined) return
  if (b === undefined) {
    forbid(step, 'form', 'field-removed', { path })
    return
  }
  for (const key of new Set([...(a?.entries.keys() ?? []), ...b.entries.keys()])) {
    if (key === 'Fields') continue
    if (!isFormEntryFine(step, key, a, b)) forbid(step, 'form', 'entry-changed', { path: `${path}/${key}` })
  }
  compareFields(step, a?.entries.get('Fields'), b.entries.get('Fields'))
}

function isFormEntryFine(step: Step, key: string, a: PdfDict | undefined, b: PdfDict): boolean {
  const old = a?.entries.get(key)
  const now = b.entries.get(key)
  if (isSameValue(step.before, step.after, old, now)) return true
  if (key === 'SigFlags') return areFlagsAdded(resolve(step.before, old), resolve(step.after, now))
  // Resources and a default style say nothing where there was no form before.
  if (key === 'DR') return isResourceAdded(step, old, now)
  return key === 'DA' && (old ?? null) === null
}

function areFlagsAdded(old: PdfObject, now: PdfObject): boolean {
  const before = typeof old === 'number' ? old : 0
  return typeof now === 'number' && now >= 0 && now <= 3 && (now & before) === before
}

/** Images and forms are not among them: some viewers draw an appearance without resources of its own with these. */
const RESOURCE_CATEGORIES = new Set(['Font', 'Encoding', 'ProcSet'])

/** Default resources may gain names; a name that is there keeps what it names. */
function isResourceAdded(step: Step, old: PdfObject | undefined, now: PdfObject | undefined): boolean {
  const a = findDictOf(resolve(step.before, old))
  const b = resolve(step.after, now)
  if (!isDict(b)) return false
  return listChangedKeys(a, b).every((category) => {
    const before = resolve(step.before, a?.entries.get(category))
    const after = resolve(step.after, b.entries.get(category))
    if (before === null) return RESOURCE_CATEGORIES.has(category)
    if (!RESOURCE_CATEGORIES.has(category)) return isSameValue(step.before, step.after, before, after)
    if (!isDict(before) || !isDict(after)) return isEqualObject(before, after)
    return [...before.entries].every(([name, value]) => isEqualObject(value, after.entries.get(name)))
  })
}

function compareFields(step: Step, old: PdfObject | undefined, now: PdfObject | undefined): void {
  const path = 'Root/AcroForm/Fields'
  const a = resolve(step.before, old)
  const b = resolve(step.after, now)
  const before = Array.isArray(a) ? a : []
  const after = Array.isArray(b) ? b : []
  const added = listAdded(before, after)
  if (added === undefined) {
    forbid(step, 'form', 'field-removed', { path })
    return
  }
  for (const field of added) checkNewField(step, field, { name: '', type: undefined, field: 0 }, 0)
}

/** What a list gained, or undefined where something it held is gone or stands in another order. */
export function listAdded(
  before: readonly PdfObject[],
  after: readonly PdfObject[],
): PdfObject[] | undefined {
  const added: PdfObject[] = []
  let kept = 0
  for (const item of after) {
    if (kept < before.length && isEqualObject(item, before[kept])) kept++
    else added.push(item)
  }
  return kept === before.length ? added : undefined
}
