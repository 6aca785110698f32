import { CodedError } from '../../../ca/errors.ts'
import { getCatalog, getValue, type PdfDocument } from '../pdf/document.ts'
import { findAcroForm } from '../pdf/page-tree.ts'
import { readPermissions } from '../pdf/security-handler.ts'
import type { PdfSignature } from '../pdf/signatures.ts'
import { findPermsSignature, isLocked, readTransforms } from '../pdf/transforms.ts'

/**
 * Refuses a document that cannot be signed without breaking it or its earlier signatures, or that its owner did not
 * want signed.
 *
 * Permission bits bind who opened the file as its user: filling or signing needs one of the bits 4, 6 and 9
 * (ISO 32000-2, table 22). Acrobat's "signing allowed" is bit 9.
 *
 * @param signatures those of the form's fields
 * @throws {PDF_ENCRYPTION_UNSUPPORTED} for files with an integrity code (ISO 32004), which a new revision would break
 * @throws {PDF_NOT_PERMITTED} where the owner allowed neither changes nor form filling
 * @throws {PDF_XFA_DYNAMIC} where the pages shown are made by an XFA form at viewing time
 * @throws {PDF_CERTIFIED_NO_CHANGES} where a signature forbids every change
 */
export function checkSignable(doc: PdfDocument, signatures: readonly PdfSignature[]): void {
  if (doc.trailer.entries.has('AuthCode')) {
    throw new CodedError(
      'PDF_ENCRYPTION_UNSUPPORTED',
      'The PDF has an integrity code (ISO 32004), which is not supported.',
    )
  }
  checkPermissions(doc)
  checkXfa(doc)
  checkCertification(doc, signatures)
}

function checkPermissions(doc: PdfDocument): void {
  if (!doc.security || doc.security.openedAs === 'owner') return
  const { modify, fillForms } = readPermissions(doc.security.permissions)
  if (modify || fillForms) return
  throw new CodedError(
    'PDF_NOT_PERMITTED',
    'The owner of the PDF allows neither changes nor form filling: signing needs the owner password.',
  )
}

/** A dynamic XFA form has one page that says "please wait": a signature on it would cover what nobody saw. */
function checkXfa(doc: PdfDocument): void {
  const form = findAcroForm(doc)
  const hasXfa = form !== undefined && getValue(doc, form, 'XFA') !== null
  if (hasXfa && getValue(doc, getCatalog(doc), 'NeedsRendering') === true) {
    throw new CodedError(
      'PDF_XFA_DYNAMIC',
      'The PDF is a dynamic XFA form: what it shows is not in its pages.',
    )
  }
}

function checkCertification(doc: PdfDocument, signatures: readonly PdfSignature[]): void {
  const certification = findPermsSignature(doc, 'DocMDP')
  const levels = [
    certification && readTransforms(doc, certification.dict).docMdp,
    ...signatures.flatMap(({ docMdp, lockLevel }) => [docMdp, lockLevel]),
  ]
  if (levels.includes(1)) {
    throw new CodedError(
      'PDF_CERTIFIED_NO_CHANGES',
      'The PDF is certified and no change to it is allowed, not even a signature.',
    )
  }
}

/**
 * Refuses to touch a field that an earlier signature froze, and to add one where it froze all fields.
 *
 * @throws {PDF_FIELD_LOCKED}
 * @see ISO 32000-2, 12.8.2.4
 */
export function checkNotLocked(signatures: readonly PdfSignature[], fieldName: string): void {
  for (const { fieldMdp } of signatures) {
    if (fieldMdp && isLocked(fieldMdp, fieldName)) {
      throw new CodedError(
        'PDF_FIELD_LOCKED',
        'An earlier signature froze the form field that would be signed.',
      )
    }
  }
}

/**
 * Refuses a certification that is not the first signature (12.8.2.2: it must be).
 *
 * @throws {PADES_CERTIFY_NOT_FIRST}
 */
export function checkCertifiable(signatures: readonly PdfSignature[]): void {
  if (signatures.length === 0) return
  throw new CodedError('PADES_CERTIFY_NOT_FIRST', 'Only the first signature of a PDF can certify it.')
}
