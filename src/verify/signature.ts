/**
 * Validation of one CAdES or PAdES signature: basic process and signatures with time
 * (ETSI EN 319 102-1 §5.3 and §5.5). Same input, same evidence, same policy, same time: same verdict.
 */
import { ATTRIBUTE, type Certificate, type HashName, attributeValuesOf } from '../../ca/formats.ts'
import { type CmsCheck, type CmsIssueKey, type CmsMessage, checkCms } from './cms.ts'
import { concludeCms } from './conclude-cms.ts'
import { type EvidenceNeed, readCertificates, uniqueCertificates } from './evidence.ts'
import { type Conclusion, failed, joinConclusions, passed, undecided } from './indications.ts'
import type { KeyCustody } from './law13.ts'
import { concludeMadeFor } from './made-for.ts'
import { findSubjectKey } from './path/facts.ts'
import type { Purpose } from './path/purpose.ts'
import { type Reason, reason } from './texts.ts'
import { type TimestampVerdict, validateTimestamp } from './timestamp.ts'
import {
  type ChainVerdict,
  type TrustContext,
  concludeUse,
  revokedFrom,
  validateCertificate,
} from './x509.ts'

/** What is validated, and with what. */
export interface SignatureInput {
  readonly message: CmsMessage
  /** Index of the SignerInfo. */
  readonly index: number
  /** The signed octets in parts; undefined when nobody has them. */
  readonly content: readonly Uint8Array[] | undefined
  /** Issues that the format of this signature allows. */
  readonly tolerated: readonly CmsIssueKey[]
  /** Later timestamps over the whole document, which also prove that this signature existed. */
  readonly documentTimestamps: readonly TimestampVerdict[]
  /** Verdicts of the format: structure, coverage, changes after signing. */
  readonly formatBlocks: readonly Conclusion[]
  readonly warnings: readonly Reason[]
  readonly signerContext: TrustContext
  readonly timestampContext: TrustContext
  readonly digests?: Map<HashName, Uint8Array>
  /** What the keepers of keys have on record. */
  readonly custody: readonly KeyCustody[]
}

/** Proof that the signature existed at a time. */
export interface TimeProof {
  readonly time: Date
  readonly timestamp: TimestampVerdict
}

/** Result of one signature. */
export interface SignatureVerdict {
  readonly conclusion: Conclusion
  readonly warnings: readonly Reason[]
  readonly check: CmsCheck
  readonly chain: ChainVerdict | undefined
  readonly timestamps: readonly TimestampVerdict[]
  readonly bestSignatureTime: Date
  /** Undefined when nothing proves the time: it is that of validation then. */
  readonly timeProof: TimeProof | undefined
  readonly needs: readonly EvidenceNeed[]
}

/** Runs the process for one signer of a message. */
export function validateSignature(input: SignatureInput): SignatureVerdict {
  const { message, index, signerContext } = input
  const own = message.signedData.certificates.flatMap((der) => readCertificates(der, signerContext.known))
  const pool = uniqueCertificates([...own, ...signerContext.pool])
  const content = input.content ?? []
  const check = checkCms({
    message,
    index,
    content,
    pool,
    ...(input.digests ? { digests: input.digests } : {}),
  })
  const timestamps = validateTimestamps(input, check)
  const timeProof = findTimeProof([...timestamps, ...input.documentTimestamps])
  const bestSignatureTime = timeProof?.time ?? signerContext.at
  const chain =
    check.certificate &&
    validateCertificate(
      check.certificate,
      signerPurpose(signerContext),
      { ...signerContext, pool },
      bestSignatureTime,
    )
  const lowerBound = latestContentTime(timestamps)
  const blocks = [
    ...input.formatBlocks,
    ...(input.content
      ? concludeCms(check, input.tolerated)
      : [undecided('SIGNED_DATA_NOT_FOUND', reason('CONTENT_MISSING'))]),
    ...(chain && check.certificate
      ? [concludeChain(chain, check.certificate, bestSignatureTime, lowerBound, timeProof !== undefined)]
      : []),
    ...concludeMadeFor(check, input.custody),
    ...concludeAlgorithms(check, signerContext, bestSignatureTime),
    ...concludeOrder(timestamps, lowerBound, timeProof),
  ]
  return {
    conclusion: joinConclusions(blocks),
    warnings: [...input.warnings, ...warningsOf(input, check, timestamps, timeProof)],
    check,
    chain,
    timestamps,
    bestSignatureTime,
    timeProof,
    needs: [...(chain?.needs ?? []), ...timestamps.flatMap(({ needs }) => needs)],
  }
}

/** Demands of the policy on the certificate of a signer. */
function signerPurpose({ policy }: TrustContext): Purpose {
  const { keyUsage, extKeyUsage, certificatePolicies } = policy.validation.signer
  return {
    keyUsage,
    extKeyUsage: { ...extKeyUsage, cas: 'ignored' },
    refusesCa: true,
    ...(certificatePolicies ? { certificatePolicies } : {}),
  }
}

/** Tokens on one signature that are looked at; each costs public-key operations. */
const MAX_TIMESTAMPS = 20

function validateTimestamps(input: SignatureInput, { signer }: CmsCheck): TimestampVerdict[] {
  const context = input.timestampContext
  const later = attributeValuesOf(signer.unsignedAttributes, ATTRIBUTE.signatureTimeStamp)
  const earlier = attributeValuesOf(signer.signedAttributes, ATTRIBUTE.contentTimeStamp)
  return [
    ...later
      .slice(0, MAX_TIMESTAMPS)
      .map((token) => validateTimestamp(token, 'signature-timestamp', [signer.signature], context)),
    ...earlier
      .slice(0, MAX_TIMESTAMPS)
      .map((token) => validateTimestamp(token, 'content-timestamp', input.content ?? [], context)),
  ]
}

const isPassed = ({ conclusion }: TimestampVerdict): boolean => conclusion.indication === 'TOTAL-PASSED'

/** The earliest valid timestamp over the signature (best-signature-time). */
function findTimeProof(timestamps: readonly TimestampVerdict[]): TimeProof | undefined {
  const proofs = timestamps.flatMap((timestamp) =>
    timestamp.kind !== 'content-timestamp' && isPassed(timestamp) && timestamp.tstInfo
      ? [{ time: timestamp.tstInfo.genTime, timestamp }]
      : [],
  )
  return proofs.sort((a, b) => a.time.getTime() - b.time.getTime())[0]
}

/** A valid content timestamp proves that the signature is younger. */
function latestContentTime(timestamps: readonly TimestampVerdict[]): Date | undefined {
  const times = timestamps.flatMap((timestamp) =>
    timestamp.kind === 'content-timestamp' && isPassed(timestamp) && timestamp.tstInfo
      ? [timestamp.tstInfo.genTime]
      : [],
  )
  return times.sort((a, b) => b.getTime() - a.getTime())[0]
}

/** EN 319 102-1 §5.5.4: what is undecided for lack of a time becomes a failure where the time is proved. */
function concludeChain(
  chain: ChainVerdict,
  certificate: Certificate,
  best: Date,
  lowerBound: Date | undefined,
  isProved: boolean,
): Conclusion {
  const { conclusion } = chain
  if (best < certificate.notBefore)
    return failed('NOT_YET_VALID', reason('SIGNED_BEFORE_ISSUE', certificate.notBefore.toISOString()))
  if (lowerBound && lowerBound > certificate.notAfter)
    return failed('EXPIRED', reason('EXPIRED_BEFORE_SIGNING', certificate.notAfter.toISOString()))
  const status = chain.links[0]?.status
  if (
    typeof status === 'object' &&
    status.kind === 'revoked' &&
    lowerBound &&
    lowerBound >= revokedFrom(status)
  )
    return failed('REVOKED', reason('REVOKED', status.revokedAt.toISOString()))
  if (conclusion.subIndication === 'OUT_OF_BOUNDS_NO_POE' && !isProved)
    return { ...conclusion, reasons: [reason('OUT_OF_BOUNDS'), ...conclusion.reasons] }
  return conclusion
}

function concludeAlgorithms(check: CmsCheck, { policy }: TrustContext, best: Date): Conclusion[] {
  const key = check.certificate && findSubjectKey(check.certificate)
  if (!key) return []
  const { kind, bits } = key.info
  return [check.digestAlgorithm, check.algorithm?.hash].map((hash) =>
    concludeUse(policy, { kind, bits }, hash, best, 'signature'),
  )
}

/** Content timestamps come before signature timestamps (EN 319 102-1 §5.5.4). */
function concludeOrder(
  timestamps: readonly TimestampVerdict[],
  lowerBound: Date | undefined,
  proof: TimeProof | undefined,
): Conclusion[] {
  if (timestamps.length === 0 || !lowerBound || !proof || lowerBound <= proof.time) return [passed()]
  return [undecided('TIMESTAMP_ORDER_FAILURE', reason('TIMESTAMP_ORDER'))]
}

function warningsOf(
  input: SignatureInput,
  check: CmsCheck,
  timestamps: readonly TimestampVerdict[],
  proof: TimeProof | undefined,
): Reason[] {
  const skew = input.signerContext.policy.validation.timestamp.maxClockSkewSeconds * 1000
  const { claimedTime } = check
  const isLate = proof && claimedTime && claimedTime.getTime() > proof.time.getTime() + skew
  return [
    proof ? reason('TIMESTAMP_VALID', proof.time.toISOString()) : reason('TIME_NOT_PROVED'),
    ...timestamps
      .filter((timestamp) => !isPassed(timestamp))
      .flatMap(({ conclusion }) => [reason('TIMESTAMP_NOT_VALID'), ...conclusion.reasons]),
    ...check.issues.flatMap(({ key, detail }) =>
      input.tolerated.includes(key) ? [reason(key, detail)] : [],
    ),
    ...(check.isSorted ? [] : [reason('CMS_NOT_SORTED')]),
    ...(input.message.isDer ? [] : [reason('CMS_NOT_DER')]),
    ...(isLate ? [reason('CLAIMED_TIME_AFTER_PROOF', claimedTime.toISOString())] : []),
  ]
}
