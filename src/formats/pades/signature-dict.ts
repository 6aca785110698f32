import { findDict, findNumber, type PdfDocument } from '../pdf/document.ts'
import {
  buildDict,
  buildName,
  buildString,
  buildTextString,
  type PdfDict,
  type PdfObject,
} from '../pdf/objects.ts'
import { readFieldLock, type DocMdpLevel } from '../pdf/transforms.ts'

/** The texts and the time of a signature dictionary. */
export type SignatureEntries = {
  /** Claimed signing time, written to /M in UTC. PAdES forbids the CMS attribute signing-time instead. */
  readonly signingTime: Date
  readonly reason?: string
  readonly location?: string
  readonly name?: string
  readonly contactInfo?: string
}

/** Widest number the /ByteRange slot holds: ten digits, more than the limit of a cross-reference table. */
const SLOT = 9_999_999_999

/** /Filter and /SubFilter of every signature we make. */
export const PADES_FILTER = 'Adobe.PPKLite'
/** @see ETSI EN 319 142-1, 4.3 and 5.3 */
export const PADES_SUB_FILTER = 'ETSI.CAdES.detached'

/**
 * A signature dictionary with zeros for its /Contents and a /ByteRange to be patched.
 *
 * @param contentsSize bytes reserved for the CMS
 * @see ISO 32000-2, table 255; ETSI EN 319 142-1, 6.3
 */
export function buildSignatureDict(
  entries: SignatureEntries,
  contentsSize: number,
  references: readonly PdfDict[],
): PdfDict {
  const text = (value: string | undefined): PdfObject | undefined =>
    value ? buildTextString(value) : undefined
  return buildDict({
    Type: buildName('Sig'),
    Filter: buildName(PADES_FILTER),
    SubFilter: buildName(PADES_SUB_FILTER),
    ByteRange: [0, SLOT, SLOT, SLOT],
    Contents: buildString(new Uint8Array(contentsSize), true),
    M: buildString(encodePdfDate(entries.signingTime)),
    Name: text(entries.name),
    Reason: text(entries.reason),
    Location: text(entries.location),
    ContactInfo: text(entries.contactInfo),
    Reference: references.length > 0 ? [...references] : undefined,
  })
}

/** The DocMDP reference of a certification signature (ISO 32000-2, 12.8.2.2). */
export function buildDocMdpReference(level: DocMdpLevel): PdfDict {
  return buildReference('DocMDP', { P: level })
}

/** The FieldMDP reference that a field's /Lock asks for (12.8.2.4), or undefined where the field has no lock. */
export function findLockReference(doc: PdfDocument, field: PdfDict): PdfDict | undefined | 'unclear' {
  const dict = findDict(doc, field, 'Lock')
  if (!dict) return undefined
  const lock = readFieldLock(doc, dict)
  const level = findNumber(doc, dict, 'P')
  // P 1 would forbid the validation data that makes the signature last.
  if (!lock || level === 1) return 'unclear'
  const fields = lock.action === 'All' ? undefined : lock.fields.map((name) => buildTextString(name))
  return buildReference('FieldMDP', { Action: buildName(lock.action), Fields: fields })
}

function buildReference(method: string, params: Record<string, PdfObject | undefined>): PdfDict {
  return buildDict({
    Type: buildName('SigRef'),
    TransformMethod: buildName(method),
    TransformParams: buildDict({ Type: buildName('TransformParams'), V: buildName('1.2'), ...params }),
  })
}

/** `D:YYYYMMDDHHmmSS+00'00'` (ISO 32000-2, 7.9.4). */
function encodePdfDate(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return new TextEncoder().encode(`D:${digits}+00'00'`)
}
