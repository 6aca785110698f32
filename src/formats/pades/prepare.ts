import { CodedError, isCoded } from '../../../ca/errors.ts'
import { appendRevision } from '../pdf/append-revision.ts'
import { openPdf, type OpenPdfOptions, type PdfDocument } from '../pdf/document.ts'
import { createDraft, editCatalog } from '../pdf/draft-revision.ts'
import { listFields } from '../pdf/form-fields.ts'
import { hasHiddenObjects } from '../pdf/hidden-objects.ts'
import { locateEntries, type ByteSpan } from '../pdf/locate-entries.ts'
import { buildDict, isDict, withEntries, type PdfDict } from '../pdf/objects.ts'
import { indexOf } from '../pdf/parse-indirect.ts'
import { damagedSigned, recoverPdf } from '../pdf/recover.ts'
import { rewritePdf } from '../pdf/rewrite.ts'
import { listFieldSignatures, type PdfSignature } from '../pdf/signatures.ts'
import type { DocMdpLevel } from '../pdf/transforms.ts'
import { checkCertifiable, checkNotLocked, checkSignable } from './check-signable.ts'
import { checkSeedValue } from './seed-value.ts'
import {
  buildDocMdpReference,
  buildSignatureDict,
  findLockReference,
  PADES_FILTER,
  PADES_SUB_FILTER,
  type SignatureEntries,
} from './signature-dict.ts'
import {
  addSignatureField,
  fillSignatureField,
  findEmptyField,
  findFreeName,
  type PadesAppearance,
} from './signature-field.ts'

/** How a PDF is to be signed. */
export type PadesOptions = SignatureEntries &
  OpenPdfOptions & {
    /** An empty signature field to fill, or the name of a new one; a free name is found where it is left out. */
    readonly fieldName?: string
    /** Bytes reserved for the CMS with its timestamp. */
    readonly contentsSize: number
    /** Invisible where it is left out. */
    readonly appearance?: PadesAppearance
    /** Certifies the document: what others may do to it afterwards. */
    readonly docMdp?: DocMdpLevel
  }

/** What `finishPades` needs. */
export type PadesState = {
  /** The document as it was given, or as it was mended. */
  readonly base: Uint8Array
  /** The appended revision, with zeros where the CMS goes. */
  readonly tail: Uint8Array
  /** Where the hexadecimal digits of /Contents start in `tail`, and how many bytes of CMS they have room for. */
  readonly digitsStart: number
  readonly contentsSize: number
}

/** A PDF that lacks only its CMS. */
export type PreparedPades = {
  readonly state: PadesState
  /** The bytes to digest, in order; views, not copies. */
  readonly digestInput: readonly Uint8Array[]
  readonly byteRange: readonly [number, number, number, number]
  readonly fieldName: string
  /** True where the file was damaged and has been written anew before it is signed. */
  readonly isMended: boolean
}

/**
 * Appends a revision with a signature that lacks only its CMS. A file without signatures that is damaged, or hides
 * objects that no cross-reference names, is written anew first.
 *
 * @throws {PDF_MALFORMED} and the other PDF_ codes where the file cannot be signed; see `checkSignable`
 * @throws {PADES_FIELD_SIGNED} and the other PADES_ codes where the options do not fit the file
 * @see ETSI EN 319 142-1, 6.3 (PAdES-B-B); ISO 32000-2, 12.8
 */
export function preparePades(bytes: Uint8Array, options: PadesOptions): PreparedPades {
  checkOptions(options)
  try {
    return prepareSound(bytes, options, false)
  } catch (error) {
    if (!isCoded(error, 'PDF_MALFORMED')) throw error
    return prepareSound(recoverPdf(bytes, options), options, true)
  }
}

function checkOptions({ contentsSize, fieldName, signingTime }: PadesOptions): void {
  const invalid = (message: string): CodedError => new CodedError('PADES_OPTION_INVALID', message)
  if (!Number.isInteger(contentsSize) || contentsSize < 256 || contentsSize > 2 ** 20) {
    throw invalid('contentsSize must be an integer from 256 to 1,048,576.')
  }
  if (fieldName === '') throw invalid('fieldName must not be empty.')
  const year = signingTime.getUTCFullYear()
  if (!(year >= 1970 && year <= 9999)) throw invalid('signingTime must be a date between 1970 and 9999.')
}

function prepareSound(bytes: Uint8Array, options: PadesOptions, isMended: boolean): PreparedPades {
  const doc = openPdf(bytes, options)
  const fields = listFields(doc)
  const signatures = listFieldSignatures(doc, fields)
  checkSignable(doc, signatures)
  // Another reader may show it: what is signed must be what our reading shows, and nothing else.
  if (hasHiddenObjects(doc)) {
    if (isMended || indexOf(bytes, '/ByteRange', 0) >= 0) throw damagedSigned()
    return prepareSound(rewritePdf(doc), options, true)
  }
  if (options.docMdp !== undefined) checkCertifiable(signatures)
  const fieldName = options.fieldName ?? findFreeName(fields)
  const existing = findEmptyField(fields, fieldName)
  if (!existing && fieldName.includes('.')) {
    throw new CodedError(
      'PADES_OPTION_INVALID',
      'The name of a new signature field must not contain a full stop.',
    )
  }
  checkNotLocked(signatures, fieldName)
  const references = listReferences(doc, existing?.dict, options)
  const draft = createDraft(doc)
  const signature = draft.allocate(buildSignatureDict(options, options.contentsSize, references))
  if (existing) fillSignatureField(draft, existing, signature, options.appearance)
  else addSignatureField(draft, fieldName, signature, options.appearance)
  if (options.docMdp !== undefined) {
    editCatalog(draft, (catalog) => {
      const perms = draft.read(catalog.entries.get('Perms'))
      return withEntries(catalog, {
        Perms: withEntries(isDict(perms) ? perms : buildDict({}), { DocMDP: signature }),
      })
    })
  }
  const { tail, offsets } = appendRevision(doc, draft.objects)
  const { spans } = locateEntries(tail, (offsets.get(signature.num) as number) - bytes.length, doc)
  return { ...patchByteRange(bytes, tail, spans, options.contentsSize), fieldName, isMended }
}

function listReferences(doc: PdfDocument, field: PdfDict | undefined, options: PadesOptions): PdfDict[] {
  const references = options.docMdp === undefined ? [] : [buildDocMdpReference(options.docMdp)]
  if (!field) return references
  const { reason, docMdp } = options
  checkSeedValue(doc, field, { filter: PADES_FILTER, subFilter: PADES_SUB_FILTER, reason, docMdp })
  const lock = findLockReference(doc, field)
  if (lock === 'unclear') {
    throw new CodedError('PADES_FIELD_INVALID', 'The signature field has a lock that cannot be honoured.')
  }
  return lock ? [...references, lock] : references
}

function patchByteRange(
  base: Uint8Array,
  tail: Uint8Array,
  spans: ReadonlyMap<string, ByteSpan>,
  contentsSize: number,
): Pick<PreparedPades, 'state' | 'digestInput' | 'byteRange'> {
  const contents = spans.get('Contents') as ByteSpan
  const slot = spans.get('ByteRange') as ByteSpan
  const before = base.length + contents.start
  const after = base.length + contents.end
  const byteRange = [0, before, after, tail.length - contents.end] as const
  const text = encodeByteRange(byteRange, slot.end - slot.start)
  tail.set(new TextEncoder().encode(text), slot.start)
  return {
    state: { base, tail, digitsStart: contents.start + 1, contentsSize },
    digestInput: [base, tail.subarray(0, contents.start), tail.subarray(contents.end)],
    byteRange,
  }
}

/**
 * The array of a /ByteRange, filled up with spaces to `width` bytes: patching must not move a byte.
 *
 * @throws {PDF_TOO_LARGE} where the numbers do not fit
 */
export function encodeByteRange(byteRange: readonly number[], width: number): string {
  const text = `[${byteRange.join(' ')}`
  if (text.length + 1 > width) throw new CodedError('PDF_TOO_LARGE', 'The PDF is too large for a signature.')
  return `${text.padEnd(width - 1)}]`
}

export type { PadesAppearance, PdfSignature }
