import { resolve, type PdfDocument } from '../../formats/pdf/document.ts'
import {
  isRef,
  isSameRef,
  type PdfDict,
  type PdfName,
  type PdfObject,
  type PdfRef,
  type PdfStream,
  type PdfString,
} from '../../formats/pdf/objects.ts'
import { isSameBytes } from '../../lib/bytes.ts'

/** True where both objects are written with the same values; references are compared, not followed. */
export function isEqualObject(a: PdfObject | undefined, b: PdfObject | undefined): boolean {
  if ((a ?? null) === (b ?? null)) return true
  if (!isComposite(a) || !isComposite(b)) return false
  if (!Array.isArray(a)) return !Array.isArray(b) && a.kind === b.kind && isEqualComposite(a, b)
  return Array.isArray(b) && a.length === b.length && a.every((item, index) => isEqualObject(item, b[index]))
}

type Composite = Exclude<PdfObject, null | boolean | number>

function isComposite(object: PdfObject | undefined): object is Composite {
  return typeof object === 'object' && object !== null
}

/** Compares two objects of one kind. */
function isEqualComposite(a: Exclude<Composite, PdfObject[]>, b: Composite): boolean {
  switch (a.kind) {
    case 'name':
      return a.value === (b as PdfName).value
    case 'string':
      return isSameBytes(a.bytes, (b as PdfString).bytes)
    case 'ref':
      return isSameRef(a, b as PdfRef)
    case 'dict':
      return isEqualDict(a, b as PdfDict)
    case 'stream':
      return isEqualDict(a.dict, (b as PdfStream).dict) && isSameBytes(a.raw, (b as PdfStream).raw)
  }
}

function isEqualDict(a: PdfDict, b: PdfDict): boolean {
  return listChangedKeys(a, b).length === 0
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
