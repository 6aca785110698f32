import { findDict, getObject, getValue, resolve, type PdfDocument } from '../../formats/pdf/document.ts'
import {
  findDictOf,
  isDict,
  isName,
  isRef,
  type PdfDict,
  type PdfObject,
  type PdfRef,
} from '../../formats/pdf/objects.ts'
import { listChangedKeys } from './equal.ts'
import { describeField, type FieldRole } from './object-roles.ts'
import { allow, forbid, type Step } from './step.ts'

/** Entries that a new signature field or widget may have; actions (/A, /AA) are not among them. */
const NEW_ENTRIES = new Set([
  ...[
    'Type',
    'Subtype',
    'FT',
    'T',
    'TU',
    'TM',
    'Ff',
    'V',
    'Kids',
    'Parent',
    'Lock',
    'SV',
    'DA',
    'DR',
    'Q',
    'DV',
  ],
  ...['Rect', 'P', 'F', 'AP', 'AS', 'MK', 'BS', 'Border', 'H', 'M', 'NM', 'C', 'OC', 'Contents', 'Lang'],
])
/** Entries that signing an empty field may set. */
const SIGNING_ENTRIES = new Set(['V', 'AP', 'AS', 'M', 'F', 'P', 'MK', 'DA', 'DR', 'Type', 'Subtype'])

type Parent = Pick<FieldRole, 'name' | 'type' | 'field'>

/** Judges a field that a save adds to the form: it must be a signature field, and be signed. */
export function checkNewField(step: Step, ref: PdfObject, parent: Parent, depth: number): void {
  const dict = resolve(step.after, ref)
  if (!isRef(ref) || !isDict(dict) || depth > 8 || !isNew(step, ref)) {
    forbid(step, 'form', 'field-added', { path: 'Root/AcroForm/Fields', ref: isRef(ref) ? ref : undefined })
    return
  }
  const role = describeField(step.after, ref.num, dict, parent)
  const where = { path: `Field(${role.name})`, ref, field: role.name }
  if (hasUnknownEntry(step, dict, where)) return
  const kids = getValue(step.after, dict, 'Kids')
  if (Array.isArray(kids) && role.type === undefined) {
    for (const kid of kids) checkNewField(step, kid, role, depth + 1)
  } else if (role.type !== 'Sig' || role.name === '') {
    forbid(step, 'form-field', 'field-added', where)
  } else checkNewSignatureField(step, dict, where)
}

function checkNewSignatureField(step: Step, dict: PdfDict, where: Where): void {
  if (isNameTaken(step, where.field)) forbid(step, 'signature-field', 'field-name-repeated', where)
  addWidgets(step, dict, where)
  const value = dict.entries.get('V') ?? null
  if (value === null) checkSignedLater(step, where)
  else checkSignatureValue(step, value, where, 'signature-added')
}

/** True for an object that the save made: no reference of the signed document can have meant it. */
function isNew(step: Step, ref: PdfRef): boolean {
  const entry = step.before.state.merged.get(ref.num)
  return entry === undefined || entry.kind === 'free'
}

function hasUnknownEntry(step: Step, dict: PdfDict, where: Where): boolean {
  const unknown = [...dict.entries.keys()].find((key) => !NEW_ENTRIES.has(key))
  if (unknown === undefined) return false
  const path = `${where.path}/${unknown}`
  forbid(step, 'signature-field', 'field-entry-not-allowed', { ...where, path })
  return true
}

function isNameTaken(step: Step, name: string): boolean {
  for (const role of step.graph.roles.values()) if (role.kind === 'field' && role.name === name) return true
  return false
}

function addWidgets(step: Step, dict: PdfDict, where: Where): void {
  const kids = getValue(step.after, dict, 'Kids')
  for (const kid of Array.isArray(kids) ? kids : [where.ref]) {
    const widget = resolve(step.after, kid)
    if (!isRef(kid) || !isDict(widget) || !isNew(step, kid)) {
      forbid(step, 'signature-field', 'field-entry-not-allowed', { ...where, path: `${where.path}/Kids` })
    } else if (!hasUnknownEntry(step, widget, where)) {
      step.widgets.set(kid.num, { dict: widget, field: where.field })
    }
  }
}

type Where = { readonly path: string; readonly ref: PdfRef; readonly field: string }

/** An empty field is no content of its own, if a signature that covers it came in the end. */
function checkSignedLater(step: Step, where: Where): void {
  const dict = findDictOf(getObject(step.final, where.ref))
  const value = dict?.entries.get('V')
  const signed = step.signatures.some(
    (item) => isRef(value) && item.ref?.num === value.num && item.revisionIndex !== undefined,
  )
  if (!signed) forbid(step, 'signature-field', 'field-never-signed', where)
}

/**
 * Judges the value that a save gives to a signature field: a signature dictionary that is new, and whose signed
 * bytes end with this save. Whether it is a sound signature is its own verdict.
 */
function checkSignatureValue(
  step: Step,
  value: PdfObject | undefined,
  where: Where,
  detail: 'signature-added' | 'field-signed',
): void {
  if (!isRef(value) || !isNew(step, value)) {
    forbid(step, 'signature-field', 'signature-reused', where)
    return
  }
  const signature = step.signatures.find(
    (item) => item.ref?.num === value.num && item.fieldName === where.field,
  )
  const faulty = signature?.problems.some((problem) =>
    /^(byte-range|contents|dictionary|value)-/.test(problem),
  )
  if (signature === undefined || faulty === true || signature.revisionIndex !== step.revision.index) {
    forbid(step, 'signature-field', 'signature-range-wrong', where)
  } else if (signature.kind === 'timestamp') allow(step, 'document-timestamp', 'timestamp-added', where)
  else allow(step, 'signature', detail, where)
}

/** Judges a changed field or widget: an empty signature field may be signed, anything else may not change. */
export function compareField(
  step: Step,
  ref: PdfRef,
  role: FieldRole,
  [before, after]: readonly [PdfDict, PdfDict],
): void {
  const where = { path: `Field(${role.name})`, ref, field: role.name }
  const kind = role.type === 'Sig' ? 'signature-field' : 'form-field'
  const value = findFieldEntry(step.after, role, 'V')
  if (role.type !== 'Sig' || value === undefined || findFieldEntry(step.before, role, 'V') !== undefined) {
    forbid(step, kind, 'field-entry-changed', where)
    return
  }
  const changed = listChangedKeys(before, after)
  const wrong = changed.find((key) => !SIGNING_ENTRIES.has(key) || isKindChanged(step, key, after))
  if (wrong !== undefined) {
    forbid(step, kind, 'field-entry-changed', { ...where, path: `${where.path}/${wrong}` })
  } else if (changed.includes('AP') && isAppearanceShared(step, before)) {
    forbid(step, kind, 'object-shared', { ...where, path: `${where.path}/AP` })
  } else {
    step.widgets.set(ref.num, { dict: after, field: role.name })
    if (role.kind === 'field') checkSignatureValue(step, value, where, 'field-signed')
  }
}

/** An entry of the field that a role belongs to; null counts as absent. */
function findFieldEntry(view: PdfDocument, role: FieldRole, key: string): PdfObject | undefined {
  const entry = view.state.merged.get(role.field)
  const gen = entry?.kind === 'offset' ? entry.gen : 0
  const dict = findDictOf(getObject(view, { kind: 'ref', num: role.field, gen }))
  return dict === undefined || getValue(view, dict, key) === null ? undefined : dict.entries.get(key)
}

/** Whether something else in the document shows what the empty field showed: then it was no place kept for a seal. */
function isAppearanceShared(step: Step, before: PdfDict): boolean {
  const appearance = before.entries.get('AP')
  const normal = findDictOf(resolve(step.before, appearance))?.entries.get('N')
  return [appearance, normal].some((value) => isRef(value) && step.graph.reached.has(value.num))
}

function isKindChanged(step: Step, key: string, after: PdfDict): boolean {
  if (key === 'Type') return !isName(getValue(step.after, after, 'Type'), 'Annot')
  if (key === 'Subtype') return !isName(getValue(step.after, after, 'Subtype'), 'Widget')
  return key === 'AP' && findDict(step.after, after, 'AP') === undefined
}
