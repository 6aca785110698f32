/** Verification of the signatures in a PDF (EN 319 142-1, ISO 32000-2, 12.8): every one of them, however odd. */
import {
  ATTRIBUTE,
  type CmsAttribute,
  type HashName,
  compareBytes,
  digest,
  findHash,
  isCoded,
} from '../../ca/formats.ts'
import { type PdfDocument, findString } from '../formats/pdf/document.ts'
import { getText } from '../formats/pdf/objects.ts'
import { type PdfSignature, listSignatures } from '../formats/pdf/signatures.ts'
import type { SignatureReports } from './cades.ts'
import { analyseAllChanges } from './changes/analyse-changes.ts'
import type { ChangeAnalysis } from './changes/change-types.ts'
import { type CmsIssueKey, type CmsMessage, parseCms } from './cms.ts'
import { evidenceOfPdf } from './document-evidence.ts'
import type { EvidenceNeed } from './evidence.ts'
import { type Conclusion, failed, joinConclusions } from './indications.ts'
import { distrustLater } from './later-signatures.ts'
import { type RangeDigest, digestRanges } from './pdf-digests.ts'
import { parsePdfDate } from './pdf-date.ts'
import type { SignatureReport } from './report.ts'
import {
  type SignatureFacts,
  documentTimestampReport,
  signatureReport,
  unreadableReport,
} from './report-build.ts'
import { type Session, type SessionInput, evidenceOfMessages, openSession } from './session.ts'
import { type SignatureInput, validateSignature } from './signature.ts'
import { type Reason, changeReason, problemReason, reason } from './texts.ts'
import { type TimestampVerdict, validateTimestamp } from './timestamp.ts'

/** One signature with what the format says about it. */
interface Candidate {
  readonly signature: PdfSignature
  readonly analysis: ChangeAnalysis
  readonly message: CmsMessage | undefined
  /** The signed octets in two parts. */
  readonly content: readonly Uint8Array[] | undefined
  /** Digests of the content, computed for all signatures together. */
  readonly digests: Map<HashName, Uint8Array>
  readonly facts: SignatureFacts
  /** Structure, coverage and changes. */
  readonly formatBlocks: readonly Conclusion[]
}

/** A candidate with its verdict, before later signatures are looked at. */
interface Judged {
  readonly candidate: Candidate
  readonly report: SignatureReport
  readonly needs: readonly EvidenceNeed[]
}

/**
 * Verifies all signatures of an opened PDF, oldest first.
 *
 * @throws {CodedError} PDF_MALFORMED, PDF_TOO_LARGE
 */
export function verifyPdf(doc: PdfDocument, input: SessionInput): SignatureReports {
  const all = listSignatures(doc)
  const analyses = analyseAllChanges(doc, all)
  const found = all
    .map((signature, i) => ({ signature, analysis: analyses[i] }))
    .flatMap(({ signature, analysis }) =>
      analysis && signature.kind !== 'usage-rights' ? [{ signature, analysis }] : [],
    )
    .sort((a, b) => (a.signature.signedEnd ?? Infinity) - (b.signature.signedEnd ?? Infinity))
  const limit = input.policy.validation.limits.signatures
  const candidates = found.slice(0, limit).map((item, i) => examine(doc, item.signature, item.analysis, i))
  digestRanges(doc.bytes, candidates.flatMap(wantedDigest))
  const messages = candidates.flatMap(({ message }) => message ?? [])
  const session = openSession(input, [...evidenceOfMessages(messages), evidenceOfPdf(doc)])
  const stamps = new Map(
    candidates
      .filter(isDocumentTimestamp)
      .map((candidate) => [candidate, judgeTimestamp(candidate, session)]),
  )
  const judged = candidates.map((candidate) => judge(candidate, stamps, session))
  return {
    signatures: distrustLater(judged.map(({ report, candidate: { analysis } }) => ({ report, analysis }))),
    needs: judged.flatMap(({ needs }) => needs),
    unavailable: session.unavailable,
    isCut: found.length > limit,
  }
}

/** Only where the content is the two ranges themselves. */
function wantedDigest({ signature, message, digests }: Candidate): RangeDigest[] {
  const range = signature.byteRange
  const hash = findHash(message?.signedData.signerInfos[0]?.digestAlgorithm.oid ?? '')?.name
  if (
    !range ||
    hash === undefined ||
    signature.subFilter === 'adbe.pkcs7.sha1' ||
    signature.kind === 'timestamp'
  )
    return []
  return [{ range, hash, digests }]
}

const isDocumentTimestamp = ({ signature }: Candidate): boolean => signature.kind === 'timestamp'

function examine(
  doc: PdfDocument,
  signature: PdfSignature,
  analysis: ChangeAnalysis,
  index: number,
): Candidate {
  const range = signature.byteRange
  const content = range && [
    doc.bytes.subarray(range[0], range[0] + range[1]),
    doc.bytes.subarray(range[2], range[2] + range[3]),
  ]
  const message = readMessage(signature)
  const blocks = formatBlocks(signature, analysis)
  if (!message) blocks.push(failed('FORMAT_FAILURE', reason('CMS_MALFORMED')))
  if (isCadesWithoutAttributes(signature, message))
    blocks.push(failed('FORMAT_FAILURE', reason('CMS_ATTRIBUTES_MISSING')))
  return {
    signature,
    analysis,
    message,
    content,
    digests: new Map(),
    formatBlocks: blocks,
    facts: {
      id: `signature-${index + 1}`,
      field: signature.fieldName ?? null,
      subFilter: signature.subFilter ?? null,
      claimedTime: claimedTime(doc, signature),
      ...levelOf(signature, message),
      coverage: {
        wholeFile: signature.coversWholeFile,
        bytesCovered: analysis.coverage.bytesCovered,
        bytesTotal: analysis.coverage.totalBytes,
        revision: analysis.coverage.revision ?? null,
        revisions: analysis.coverage.revisions,
      },
      changes: analysis.changes.map((change) => ({
        ...changeReason(change.detail, change.path),
        allowed: change.allowed,
        revision: change.revision + 1,
        place: change.path,
      })),
    },
  }
}

/** CAdES is signed attributes (EN 319 122-1 §5.1): what names itself so and has none breaks its format. */
const isCadesWithoutAttributes = ({ subFilter }: PdfSignature, message: CmsMessage | undefined): boolean =>
  subFilter === 'ETSI.CAdES.detached' &&
  message?.signedData.signerInfos[0] !== undefined &&
  message.signedData.signerInfos[0].signedAttributesDer === undefined

function readMessage({ contents }: PdfSignature): CmsMessage | undefined {
  if (contents.length === 0) return undefined
  try {
    return parseCms(contents)
  } catch (error) {
    if (!isCoded(error)) throw error
    return undefined
  }
}

/** Anything wrong with structure or coverage, and any change that is not known to be harmless, is a format failure. */
function formatBlocks({ problems }: PdfSignature, analysis: ChangeAnalysis): Conclusion[] {
  const changes = analysis.changes.filter(({ allowed }) => !allowed)
  return [
    ...problems.map((problem) => failed('FORMAT_FAILURE', problemReason(problem))),
    ...changes.map((change) => failed('FORMAT_FAILURE', changeReason(change.detail, change.path))),
    ...(analysis.verdict === 'forbidden' && changes.length === 0
      ? [failed('FORMAT_FAILURE', changeReason('object-unreadable', ''))]
      : []),
  ]
}

function claimedTime(doc: PdfDocument, { dict }: PdfSignature): Date | undefined {
  try {
    const text = findString(doc, dict, 'M')
    return text && parsePdfDate(getText(text))
  } catch (error) {
    if (!isCoded(error)) throw error
    return undefined
  }
}

const hasAttribute = (list: readonly CmsAttribute[] | undefined, ...oids: readonly string[]): boolean =>
  list?.some((attribute) => oids.includes(attribute.oid)) ?? false

function levelOf(
  signature: PdfSignature,
  message: CmsMessage | undefined,
): Pick<SignatureFacts, 'format' | 'level'> {
  const { subFilter } = signature
  if (subFilter === 'ETSI.RFC3161') return { format: 'RFC3161', level: 'other' }
  if (subFilter !== 'ETSI.CAdES.detached')
    return { format: subFilter?.startsWith('adbe.pkcs7') ? 'PKCS7' : 'unknown', level: 'other' }
  if (!isBaseline(signature, message)) return { format: 'PAdES', level: 'other' }
  const unsigned = message?.signedData.signerInfos[0]?.unsignedAttributes
  return { format: 'PAdES', level: hasAttribute(unsigned, ATTRIBUTE.signatureTimeStamp) ? 'B-T' : 'B-B' }
}

/** PAdES baseline: /M, certificate reference, no signing time in the CMS, DER (EN 319 142-1 §6.3). */
function isBaseline({ dict }: PdfSignature, message: CmsMessage | undefined): boolean {
  const signed = message?.signedData.signerInfos[0]?.signedAttributes
  return (
    message?.isDer === true &&
    dict.entries.has('M') &&
    hasAttribute(signed, ATTRIBUTE.signingCertificateV2, ATTRIBUTE.signingCertificate) &&
    !hasAttribute(signed, ATTRIBUTE.signingTime)
  )
}

interface JudgedTimestamp {
  readonly verdict: TimestampVerdict
  readonly conclusion: Conclusion
}

function judgeTimestamp(
  { signature, content, formatBlocks: blocks }: Candidate,
  session: Session,
): JudgedTimestamp {
  const verdict = validateTimestamp(
    signature.contents,
    'document-timestamp',
    content ?? [],
    session.timestampContext,
  )
  return { verdict, conclusion: joinConclusions([...blocks, verdict.conclusion]) }
}

function judge(
  candidate: Candidate,
  stamps: ReadonlyMap<Candidate, JudgedTimestamp>,
  session: Session,
): Judged {
  const stamp = stamps.get(candidate)
  if (stamp) {
    const report = documentTimestampReport(candidate.facts, stamp.verdict, stamp.conclusion, session.report)
    return { candidate, report, needs: stamp.verdict.needs }
  }
  const reading = readSubFilter(candidate)
  const { message } = candidate
  const [problem] = reading.problems
  if (!message || problem) {
    const conclusion = joinConclusions([
      ...candidate.formatBlocks,
      ...reading.problems.map((found) => failed('FORMAT_FAILURE', found)),
    ])
    return { candidate, report: unreadableReport(candidate.facts, conclusion, [], session.report), needs: [] }
  }
  const verdict = validateSignature({
    message,
    index: 0,
    content: reading.content,
    digests: candidate.digests,
    tolerated: reading.tolerated,
    documentTimestamps: laterStamps(candidate, stamps),
    formatBlocks: candidate.formatBlocks,
    warnings: warningsOf(candidate),
    signerContext: session.signerContext,
    timestampContext: session.timestampContext,
    custody: session.report.custody,
  })
  return {
    candidate,
    report: signatureReport(candidate.facts, verdict, session.report),
    needs: verdict.needs,
  }
}

/** Sound document timestamps that cover the signature prove that it existed. */
function laterStamps(
  candidate: Candidate,
  stamps: ReadonlyMap<Candidate, JudgedTimestamp>,
): TimestampVerdict[] {
  const end = candidate.signature.signedEnd ?? Infinity
  return [...stamps].flatMap(([{ signature }, { verdict, conclusion }]) =>
    conclusion.indication === 'TOTAL-PASSED' && (signature.signedEnd ?? 0) > end ? [verdict] : [],
  )
}

interface Reading extends Pick<SignatureInput, 'content' | 'tolerated'> {
  readonly problems: readonly Reason[]
}

/** SubFilters whose content is the octets of the two ranges (ISO 32000-2, table 260). */
const DETACHED = ['ETSI.CAdES.detached', 'adbe.pkcs7.detached']

/** What the SubFilter says is signed. */
function readSubFilter({ signature, message, content }: Candidate): Reading {
  const { subFilter = '' } = signature
  const signers = message?.signedData.signerInfos.length ?? 1
  const carried = message?.signedData.content
  const problems = signers === 1 ? [] : [reason('CMS_SIGNER_COUNT', String(signers))]
  const tolerated: CmsIssueKey[] =
    subFilter === 'ETSI.CAdES.detached' ? [] : ['CMS_CERTIFICATE_REFERENCE_MISSING']
  if (subFilter === 'adbe.pkcs7.sha1') return { ...readSha1(carried, content, problems), tolerated }
  if (!DETACHED.includes(subFilter)) problems.push(reason('CMS_FORMAT_UNSUPPORTED', subFilter))
  if (carried !== undefined && carried.length > 0) problems.push(reason('CMS_NOT_DETACHED'))
  return { content: content ?? [], tolerated, problems }
}

/** The content is the SHA-1 value of the octets, carried inside (a form of the past). */
function readSha1(
  carried: Uint8Array | undefined,
  content: readonly Uint8Array[] | undefined,
  problems: Reason[],
): Pick<Reading, 'content' | 'problems'> {
  const actual = digest('SHA-1', ...(content ?? []))
  if (!carried || compareBytes(carried, actual) !== 0) problems.push(reason('CMS_DIGEST_MISMATCH', 'SHA-1'))
  return { content: [actual], problems }
}

function warningsOf({ facts, message }: Candidate): Reason[] {
  const hasTime = message?.signedData.signerInfos[0]?.signedAttributes.some(
    ({ oid }) => oid === ATTRIBUTE.signingTime,
  )
  return facts.format === 'PAdES' && hasTime ? [reason('SIGNING_TIME_TWICE')] : []
}
