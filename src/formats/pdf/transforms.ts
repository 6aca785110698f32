import {
  findArray,
  findDict,
  findName,
  findNumber,
  getCatalog,
  resolve,
  type PdfDocument,
} from './document.ts'
import type { FormField } from './form-fields.ts'
import { getText, isDict, isRef, isString, type PdfDict, type PdfRef } from './objects.ts'

/** Permissions of a certification signature: 1 no changes, 2 form filling and signing, 3 annotations too. */
export type DocMdpLevel = 1 | 2 | 3

/** The fields that a signature or a field lock freezes (ISO 32000-2, table 236 and 259). */
export type FieldLock = {
  readonly action: 'All' | 'Include' | 'Exclude'
  /** Fully qualified names. */
  readonly fields: readonly string[]
}

/** What the /Reference entries of a signature dictionary forbid. */
export type Transforms = {
  readonly docMdp: DocMdpLevel | undefined
  readonly fieldMdp: FieldLock | undefined
  /** True where a transform is there that is not understood, or its parameters are not. */
  readonly isUnclear: boolean
}

/**
 * The DocMDP and FieldMDP transforms of a signature dictionary.
 *
 * @see ISO 32000-2, 12.8.2
 */
export function readTransforms(doc: PdfDocument, signature: PdfDict): Transforms {
  let docMdp: DocMdpLevel | undefined
  let fieldMdp: FieldLock | undefined
  let isUnclear = false
  for (const { method, params } of listReferences(doc, signature)) {
    if (method === 'DocMDP') {
      docMdp = readLevel(params && findNumber(doc, params, 'P'))
    } else if (method === 'FieldMDP' && params) {
      fieldMdp = readFieldLock(doc, params)
      isUnclear ||= fieldMdp === undefined
    } else if (method !== 'UR3' && method !== 'UR') isUnclear = true
  }
  return { docMdp, fieldMdp, isUnclear }
}

type Reference = { readonly method: string | undefined; readonly params: PdfDict | undefined }

function listReferences(doc: PdfDocument, signature: PdfDict): Reference[] {
  return (findArray(doc, signature, 'Reference') ?? []).map((item) => {
    const reference = resolve(doc, item)
    if (!isDict(reference)) return { method: undefined, params: undefined }
    return {
      method: findName(doc, reference, 'TransformMethod')?.value,
      params: findDict(doc, reference, 'TransformParams'),
    }
  })
}

/** True for a signature that enables features of a viewer (12.8.2.3, deprecated in PDF 2.0). */
export function isUsageRights(doc: PdfDocument, signature: PdfDict): boolean {
  return listReferences(doc, signature).some(({ method }) => method === 'UR3' || method === 'UR')
}

/** /P of DocMDP parameters; 2 where it is missing, and 1, the strictest, where it is none of the three. */
function readLevel(value: number | undefined): DocMdpLevel {
  if (value === undefined) return 2
  return value === 2 || value === 3 ? value : 1
}

/** The lock that a /Lock or FieldMDP parameters dictionary describes, or undefined where it is not understood. */
export function readFieldLock(doc: PdfDocument, dict: PdfDict): FieldLock | undefined {
  const action = findName(doc, dict, 'Action')?.value
  if (action !== 'All' && action !== 'Include' && action !== 'Exclude') return undefined
  const names = (findArray(doc, dict, 'Fields') ?? []).map((item) => resolve(doc, item))
  if (action !== 'All' && !names.every(isString)) return undefined
  return { action, fields: names.filter(isString).map(getText) }
}

/** True where the lock freezes the field with this fully qualified name, by the name itself or one above it. */
export function isLocked(lock: FieldLock, name: string): boolean {
  if (lock.action === 'All') return true
  const isNamed = lock.fields.some((field) => field === name || name.startsWith(`${field}.`))
  return lock.action === 'Include' ? isNamed : !isNamed
}

/** The permissions after signing that a signed field's /Lock demands (PDF 2.0, table 236). */
export function findLockLevel(doc: PdfDocument, field: FormField): DocMdpLevel | undefined {
  const lock = findDict(doc, field.dict, 'Lock')
  const level = lock && findNumber(doc, lock, 'P')
  return level === undefined ? undefined : readLevel(level)
}

/** The signature that the catalog's /Perms names for `key`. */
export function findPermsSignature(
  doc: PdfDocument,
  key: 'DocMDP' | 'UR3',
): { ref: PdfRef | undefined; dict: PdfDict } | undefined {
  const perms = findDict(doc, getCatalog(doc), 'Perms')
  const value = perms?.entries.get(key)
  const dict = resolve(doc, value)
  return isDict(dict) ? { ref: isRef(value) ? value : undefined, dict } : undefined
}
