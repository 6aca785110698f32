import { findName, getValue, resolve, type PdfDocument } from './document.ts'
import { findElementLength } from './der-length.ts'
import { listFields, type FormField } from './form-fields.ts'
import { isDict, isRef, isString, type PdfDict, type PdfObject, type PdfRef } from './objects.ts'
import { checkByteRange } from './byte-range.ts'
import type { SignatureProblem } from './signature-problems.ts'
import { listOrphans } from './orphan-signatures.ts'
import {
  findLockLevel,
  findPermsSignature,
  isUsageRights,
  readTransforms,
  type DocMdpLevel,
  type FieldLock,
} from './transforms.ts'

export type { SignatureProblem }

/** One signature of a PDF, sound or not: what is structurally wrong is named in `problems`. */
export type PdfSignature = {
  /** Fully qualified name; undefined for usage rights and orphans. */
  readonly fieldName: string | undefined
  readonly field: FormField | undefined
  /** Of the signature dictionary; undefined where it is not an indirect object. */
  readonly ref: PdfRef | undefined
  readonly dict: PdfDict
  /** Orphan: no field of the document as it is now leads to it. */
  readonly kind: 'signature' | 'timestamp' | 'usage-rights' | 'orphan'
  readonly filter: string | undefined
  readonly subFilter: string | undefined
  /** The four numbers where they are four non-negative integers. */
  readonly byteRange: readonly [number, number, number, number] | undefined
  /** CMS or timestamp token, trimmed to its own length; empty where there is none. */
  readonly contents: Uint8Array
  /** Offsets of `<` and of the byte after `>`. */
  readonly contentsRange: readonly [number, number] | undefined
  /** Offset of the byte after the last signed one. */
  readonly signedEnd: number | undefined
  /** The revision that ends where the signed bytes end. */
  readonly revisionIndex: number | undefined
  readonly coversWholeFile: boolean
  /** True where this is the certification signature that /Perms names. */
  readonly isCertification: boolean
  readonly docMdp: DocMdpLevel | undefined
  readonly fieldMdp: FieldLock | undefined
  /** /P of the field's /Lock (PDF 2.0). */
  readonly lockLevel: DocMdpLevel | undefined
  /** Keys; any of them means that the signature must not be called valid. */
  readonly problems: readonly SignatureProblem[]
}

/**
 * Every signature of the document: those of fields in form order, then usage rights, then orphans. Nothing that looks
 * like a signature is left out because it is malformed.
 *
 * @throws {PDF_MALFORMED} where an object on the way cannot be read
 * @see ISO 32000-2, 12.8
 */
export function listSignatures(doc: PdfDocument): PdfSignature[] {
  const found = listFieldSignatures(doc, listFields(doc))
  const usage = findPermsSignature(doc, 'UR3')
  if (usage && !found.some((item) => isSame(item, usage.ref)))
    found.push(describe(doc, usage, undefined, 'usage-rights'))
  const certification = findPermsSignature(doc, 'DocMDP')
  if (certification && !found.some((item) => isSame(item, certification.ref))) {
    found.push(describe(doc, certification, undefined, 'orphan'))
  }
  const known = new Set(found.flatMap((item) => (item.ref ? [item.ref.num] : [])))
  for (const orphan of listOrphans(doc, known)) {
    // Usage rights that a later save dropped are nobody's signature.
    found.push(describe(doc, orphan, undefined, isUsageRights(doc, orphan.dict) ? 'usage-rights' : 'orphan'))
  }
  return markShared(found)
}

/** The signatures that the form leads to, without the checks between them. */
export function listFieldSignatures(doc: PdfDocument, fields: readonly FormField[]): PdfSignature[] {
  return fields.flatMap((field) => fromField(doc, field))
}

function isSame(signature: PdfSignature, ref: PdfRef | undefined): boolean {
  return ref !== undefined && signature.ref?.num === ref.num
}

function fromField(doc: PdfDocument, field: FormField): PdfSignature[] {
  if (field.type !== 'Sig' || !field.isTerminal || field.value === undefined) return []
  const dict = resolve(doc, field.value)
  if (dict === null) return []
  const ref = isRef(field.value) ? field.value : undefined
  const value: PdfDict = isDict(dict) ? dict : { kind: 'dict', entries: new Map() }
  const signature = describe(doc, { ref, dict: value }, field, 'signature')
  return [isDict(dict) ? signature : withProblem(signature, 'value-malformed')]
}

type Located = { readonly ref: PdfRef | undefined; readonly dict: PdfDict; readonly offset?: number }

function describe(
  doc: PdfDocument,
  { ref, dict, offset }: Located,
  field: FormField | undefined,
  kind: PdfSignature['kind'],
): PdfSignature {
  const text = (key: string): string | undefined => findName(doc, dict, key)?.value
  const subFilter = text('SubFilter')
  const problems: SignatureProblem[] = kind === 'orphan' ? ['orphan'] : []
  if (subFilter === undefined && kind !== 'usage-rights') problems.push('sub-filter-missing')
  const contents = readContents(getValue(doc, dict, 'Contents'), problems)
  const range = checkByteRange(doc, { ref, dict, offset }, problems)
  const { docMdp, fieldMdp, isUnclear } = readTransforms(doc, dict)
  if (isUnclear) problems.push('field-lock-unclear')
  return {
    fieldName: field?.name,
    field,
    ref,
    dict,
    kind: kind === 'signature' && isTimestamp(doc, dict) ? 'timestamp' : kind,
    filter: text('Filter'),
    subFilter,
    contents,
    ...range,
    isCertification: isCertification(doc, ref),
    docMdp,
    fieldMdp,
    lockLevel: field && findLockLevel(doc, field),
    problems,
  }
}

function isCertification(doc: PdfDocument, ref: PdfRef | undefined): boolean {
  return ref !== undefined && findPermsSignature(doc, 'DocMDP')?.ref?.num === ref.num
}

function isTimestamp(doc: PdfDocument, dict: PdfDict): boolean {
  const isNamed = (key: string, value: string): boolean => findName(doc, dict, key)?.value === value
  return isNamed('SubFilter', 'ETSI.RFC3161') || isNamed('Type', 'DocTimeStamp')
}

function readContents(value: PdfObject, problems: SignatureProblem[]): Uint8Array {
  if (!isString(value)) {
    problems.push('contents-missing')
    return new Uint8Array()
  }
  const { bytes } = value
  if (bytes.every((byte) => byte === 0)) {
    problems.push('contents-empty')
    return new Uint8Array()
  }
  const length = findElementLength(bytes)
  if (length === undefined || bytes[0] !== 0x30) {
    problems.push('contents-malformed')
    return bytes
  }
  // What follows the CMS is not signed and not shown to anyone: only padding may stand there.
  if (bytes.subarray(length).some((byte) => byte !== 0)) problems.push('contents-padding')
  return bytes.subarray(0, length)
}

function withProblem(signature: PdfSignature, problem: SignatureProblem): PdfSignature {
  return { ...signature, problems: [...signature.problems, problem] }
}

/** Two signatures must not share a field name, a dictionary or a /Contents. */
function markShared(signatures: PdfSignature[]): PdfSignature[] {
  const isRepeated = (key: (item: PdfSignature) => string | number | undefined) => {
    const counts = new Map<string | number | undefined, number>()
    for (const item of signatures) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1)
    return (item: PdfSignature): boolean => key(item) !== undefined && (counts.get(key(item)) ?? 0) > 1
  }
  const rules: [SignatureProblem, (item: PdfSignature) => boolean][] = [
    ['field-name-duplicate', isRepeated((item) => item.fieldName)],
    ['value-shared', isRepeated((item) => item.ref && item.field && item.ref.num)],
    ['contents-shared', isRepeated((item) => item.contentsRange?.[0])],
  ]
  return signatures.map((item) =>
    rules.reduce(
      (marked, [problem, applies]) => (applies(item) ? withProblem(marked, problem) : marked),
      item,
    ),
  )
}
