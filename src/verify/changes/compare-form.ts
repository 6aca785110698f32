import { getObject, getValue, resolve } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  getText,
  isDict,
  isString,
  type PdfDict,
  type PdfObject,
} from '../../formats/pdf/objects.ts'
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
  if (key === 'DR') return isResourceAdded(step, old, now)
  // A default style says nothing where no field takes it.
  return key === 'DA' && (old ?? null) === null && !hasStyledField(step)
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
    if (category === 'Font' && isMissedFontAdded(step, before, after)) return false
    if (before === null) return RESOURCE_CATEGORIES.has(category)
    if (!RESOURCE_CATEGORIES.has(category)) return isSameValue(step.before, step.after, before, after)
    if (!isDict(before) || !isDict(after)) return isEqualObject(before, after)
    return [...before.entries].every(([name, value]) => isEqualObject(value, after.entries.get(name)))
  })
}

/** Whether a field other than for signatures is there: viewers draw it with the default style and resources. */
function hasStyledField(step: Step): boolean {
  for (const role of step.graph.roles.values())
    if ((role.kind === 'field' || role.kind === 'widget') && role.type !== undefined && role.type !== 'Sig')
      return true
  return false
}

/**
 * Whether fonts come that the signed document named and did not have: viewers draw a field without appearance, or a
 * free text, with the font of that name, so that other characters would show.
 */
function isMissedFontAdded(step: Step, before: PdfObject, after: PdfObject): boolean {
  const old = findDictOf(before)
  const names = [...(findDictOf(after)?.entries.keys() ?? [])].filter((name) => !old?.entries.has(name))
  if (names.length === 0) return false
  const styles = listStyles(step)
  // A name can be written with escapes (7.3.5): such a style may mean any.
  return names.some((name) => styles.some((style) => style.includes('#') || style.includes(`/${name}`)))
}

/** Every default appearance string (/DA) of the signed document. */
function listStyles(step: Step): string[] {
  const { graph, before } = step
  const found: string[] = []
  const stack: PdfObject[] = []
  for (const num of new Set([...graph.reached.keys(), ...graph.roles.keys()])) {
    const entry = before.state.merged.get(num)
    if (entry === undefined || entry.kind === 'free' || graph.unreadable.has(num)) continue
    stack.push(getObject(before, { kind: 'ref', num, gen: entry.kind === 'offset' ? entry.gen : 0 }))
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (Array.isArray(next)) stack.push(...next)
      const dict = findDictOf(next)
      if (dict === undefined) continue
      const style = getValue(before, dict, 'DA')
      if (isString(style)) found.push(getText(style))
      stack.push(...dict.entries.values())
    }
  }
  return found
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
