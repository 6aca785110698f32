import { resolve, type PdfDocument } from '../../formats/pdf/document.ts'
import { isRef, type PdfDict, type PdfObject } from '../../formats/pdf/objects.ts'

/** True where both objects are written with the same values; references are compared, not followed. */
export function isEqualObject(a: PdfObject | undefined, b: PdfObject | undefined): boolean {
  if (a === b || (a ?? null) === (b ?? null)) return true
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return false
    return a.length === b.length && a.every((item, index) => isEqualObject(item, b[index]))
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  return isEqualComposite(a, b)
}

type Composite = Exclude<PdfObject, null | boolean | number | PdfObject[]>

function isEqualComposite(a: Composite, b: Composite): boolean {
  switch (a.kind) {
    case 'name':
      return b.kind === 'name' && a.value === b.value
    case 'string':
      return b.kind === 'string' && isEqualBytes(a.bytes, b.bytes)
    case 'ref':
      return b.kind === 'ref' && a.num === b.num && a.gen === b.gen
    case 'dict':
      return b.kind === 'dict' && isEqualDict(a, b)
    case 'stream':
      return b.kind === 'stream' && isEqualDict(a.dict, b.dict) && isEqualBytes(a.raw, b.raw)
  }
}

function isEqualDict(a: PdfDict, b: PdfDict): boolean {
  return listChangedKeys(a, b).length === 0
}

function isEqualBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** The keys whose values are not equal; a null value counts as an absent one (ISO 32000-2, 7.3.7). */
export function listChangedKeys(a: PdfDict | undefined, b: PdfDict | undefined): string[] {
  const keys = new Set([...(a?.entries.keys() ?? []), ...(b?.entries.keys() ?? [])])
  return [...keys].filter((key) => !isEqualObject(a?.entries.get(key), b?.entries.get(key)))
}

/** True where a value is the same, or was only moved into, out of or to another indirect object. */
export function isSameValue(
  before: PdfDocument,
  after: PdfDocument,
  a: PdfObject | undefined,
  b: PdfObject | undefined,
): boolean {
  if (isEqualObject(a, b)) return true
  if (!isRef(a) && !isRef(b)) return false
  return isEqualObject(resolve(before, a), resolve(after, b))
}
