/**
 * Verification of a document: bytes, evidence, trust, policy and time in, report out. Nothing is fetched and no
 * clock is read here: the caller brings what the verifier asks for, and asks again.
 */
import { isCoded } from '../../ca/formats.ts'
import { type PdfDocument, openPdf } from '../formats/pdf/document.ts'
import { type SignatureReports, findCms, isLikeCms, verifyCades } from './cades.ts'
import type { CmsMessage } from './cms.ts'
import { type EvidenceNeed, uniqueNeeds } from './evidence.ts'
import { worstIndication } from './indications.ts'
import { verifyPdf } from './pdf.ts'
import { hasPictureOfSeal } from './picture.ts'
import type { AnswerKey, DocumentIndication, Report } from './report.ts'
import { sha256Hex } from '../lib/sha256.ts'
import type { SessionInput } from './session.ts'
import { type Reason, reason } from './texts.ts'

/** Input of a verification. */
export interface VerifyInput extends SessionInput {
  /** A PDF, or a CMS signature (.p7s, .p7m) in DER, BER or PEM. */
  readonly document: Uint8Array
  /** The file that a detached signature is about; the two may also come the other way round. */
  readonly content?: Uint8Array
  /** Of an encrypted PDF. */
  readonly password?: string
  /** True when nothing more will be brought: the answer is a report in any case. */
  readonly final?: boolean
}

/** A report, or what would help to decide more; bring it and ask again, with `final` in the last round. */
export type VerifyOutcome = { readonly report: Report } | { readonly needs: readonly EvidenceNeed[] }

/** Name and version of the rules that this code implements; a report says which made it. */
const VALIDATOR = { name: 'yinxin', version: '0.1.0' }

/** First bytes of a file that may stand before a PDF header. */
const HEADER_WINDOW = 1024

/**
 * Verifies a document.
 *
 * @throws {CodedError} TRUST_LIST_INVALID; bad documents are not errors but reports
 */
export function verify(input: VerifyInput): VerifyOutcome {
  const { document } = input
  if (document.length === 0) return unreadable(input, 'DOCUMENT_EMPTY', 'other')
  const first = findCms(document)
  if (first) return verifyMessage(first, input, input.document, input.content)
  const second = input.content && findCms(input.content)
  if (second) return verifyMessage(second, input, input.content ?? document, document)
  if (isLikeCms(document)) return unreadable(input, 'DOCUMENT_DAMAGED_SIGNED', 'cms')
  if (input.content && isLikeCms(input.content)) return unreadable(input, 'DOCUMENT_DAMAGED_SIGNED', 'other')
  if (!isPdf(document)) return unreadable(input, 'DOCUMENT_UNSUPPORTED', 'other')
  return verifyPdfBytes(input)
}

function isPdf(bytes: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(bytes.subarray(0, HEADER_WINDOW + 5)).includes('%PDF-')
}

function verifyMessage(
  message: CmsMessage,
  input: VerifyInput,
  signature: Uint8Array,
  content: Uint8Array | undefined,
): VerifyOutcome {
  const found = verifyCades(message, content, input)
  const base = {
    document: { ...describe(signature, 'cms'), revisions: null, encrypted: false },
    content: content ? { size: content.length, sha256: sha256Hex(content) } : null,
  }
  if (found.signatures.length === 0)
    return {
      report: assemble(input, base, 'TOTAL-FAILED', reason('SIGNATURES_NOT_ALL_VALID'), [
        reason('CMS_SIGNER_COUNT', '0'),
      ]),
    }
  return conclude(input, base, found)
}

function verifyPdfBytes(input: VerifyInput): VerifyOutcome {
  try {
    const doc = openPdf(input.document, input.password === undefined ? {} : { password: input.password })
    const found = verifyPdf(doc, input)
    const base = {
      document: {
        ...describe(input.document, 'pdf'),
        revisions: doc.revisions.length,
        encrypted: doc.security !== undefined,
      },
      content: null,
    }
    return found.signatures.length === 0 ? withoutSignature(input, base, doc) : conclude(input, base, found)
  } catch (error) {
    if (!isCoded(error)) throw error
    return unreadable(input, answerOf(error.code, input), 'pdf', error.message)
  }
}

function answerOf(code: string, { document, password }: VerifyInput): AnswerKey {
  if (code === 'PDF_ENCRYPTED')
    return password === undefined ? 'DOCUMENT_ENCRYPTED' : 'DOCUMENT_PASSWORD_WRONG'
  if (code === 'PDF_ENCRYPTION_UNSUPPORTED') return 'DOCUMENT_ENCRYPTION_UNSUPPORTED'
  if (code === 'PDF_TOO_LARGE' || code === 'INPUT_TOO_LARGE') return 'DOCUMENT_TOO_LARGE'
  return hasTraceOfSignature(document) ? 'DOCUMENT_DAMAGED_SIGNED' : 'DOCUMENT_DAMAGED'
}

const trace = new TextEncoder().encode('/ByteRange')

function hasTraceOfSignature(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(trace[0] ?? 0); at >= 0; at = bytes.indexOf(trace[0] ?? 0, at + 1))
    if (trace.every((byte, i) => bytes[at + i] === byte)) return true
  return false
}

function describe(
  bytes: Uint8Array,
  kind: Report['document']['kind'],
): Pick<Report['document'], 'kind' | 'size' | 'sha256'> {
  return { kind, size: bytes.length, sha256: sha256Hex(bytes) }
}

type Base = Pick<Report, 'document' | 'content'>

function conclude(input: VerifyInput, base: Base, found: SignatureReports): VerifyOutcome {
  const needs = uniqueNeeds(found.needs, found.unavailable)
  if (needs.length > 0 && input.final !== true) return { needs }
  const cut = found.isCut ? [reason('TOO_MANY_SIGNATURES')] : []
  const own = worstIndication(found.signatures.map(({ indication }) => indication))
  const indication = found.isCut ? worstIndication([own, 'INDETERMINATE']) : own
  const isLacking = found.signatures.every(({ subIndication }) => subIndication === 'SIGNED_DATA_NOT_FOUND')
  const answer: AnswerKey = isLacking ? 'CONTENT_MISSING' : answers[indication]
  return { report: assemble(input, base, indication, reason(answer), cut, found) }
}

const answers = {
  'TOTAL-PASSED': 'SIGNATURES_ALL_VALID',
  INDETERMINATE: 'SIGNATURES_NOT_ALL_DECIDED',
  'TOTAL-FAILED': 'SIGNATURES_NOT_ALL_VALID',
} as const

function withoutSignature(input: VerifyInput, base: Base, doc: PdfDocument): VerifyOutcome {
  const answer: AnswerKey = hasPictureOfSeal(doc) ? 'PICTURE_OF_A_SEAL' : 'NO_SIGNATURE_FOUND'
  return { report: assemble(input, base, 'NO_SIGNATURE_FOUND', reason(answer), []) }
}

const ENCRYPTED: readonly AnswerKey[] = [
  'DOCUMENT_ENCRYPTED',
  'DOCUMENT_PASSWORD_WRONG',
  'DOCUMENT_ENCRYPTION_UNSUPPORTED',
]

function unreadable(
  input: VerifyInput,
  answer: AnswerKey,
  kind: Report['document']['kind'],
  detail?: string,
): VerifyOutcome {
  const encrypted = ENCRYPTED.includes(answer)
  const base = { document: { ...describe(input.document, kind), revisions: null, encrypted }, content: null }
  return { report: assemble(input, base, 'NOT_VERIFIABLE', reason(answer, detail), []) }
}

function assemble(
  input: VerifyInput,
  base: Base,
  indication: DocumentIndication,
  answer: Reason,
  reasons: readonly Reason[],
  found?: SignatureReports,
): Report {
  const { validation, sha256 } = input.policy
  return {
    schema: 'yinxin-verification-report-1',
    indication,
    answer,
    reasons,
    ...base,
    validationTime: input.at.toISOString(),
    policy: { name: validation.name, version: validation.version, algorithms: validation.algorithms, sha256 },
    validator: VALIDATOR,
    signatures: found?.signatures ?? [],
  }
}
