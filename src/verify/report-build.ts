/** Makes the report of one signature from its verdict. */
import type { CmsCheck } from './cms.ts'
import type { Conclusion } from './indications.ts'
import { type KeyCustody, judgeConditions } from './law13.ts'
import { custodyOf, isMadeForOther } from './made-for.ts'
import { type Policy, findWeakness } from './policy.ts'
import type { ChangeReport, CoverageReport, SignatureReport } from './report.ts'
import {
  algorithmReport,
  anchorReport,
  certificateReport,
  chainReport,
  timestampReport,
} from './report-parts.ts'
import type { SignatureVerdict } from './signature.ts'
import { type Reason, reason } from './texts.ts'
import type { TimestampVerdict } from './timestamp.ts'
import type { Anchor } from './trust.ts'

/** What the format knows of a signature. */
export interface SignatureFacts {
  readonly id: string
  readonly field: string | null
  readonly format: SignatureReport['format']
  readonly subFilter: string | null
  /** That the structure reaches; its time stamp may still prove nothing. */
  readonly level: SignatureReport['level']
  /** Claimed by the format (/M of a PDF); that of the CMS where it is undefined. */
  readonly claimedTime: Date | undefined
  readonly coverage: CoverageReport | null
  readonly changes: readonly ChangeReport[]
}

/** What all reports of one verification share. */
export interface ReportContext {
  readonly policy: Policy
  readonly anchors: readonly Anchor[]
  readonly custody: readonly KeyCustody[]
  readonly at: Date
}

/** Report of a signature that could be read. */
export function signatureReport(
  facts: SignatureFacts,
  verdict: SignatureVerdict,
  context: ReportContext,
): SignatureReport {
  const { check, chain, timeProof, conclusion } = verdict
  const authority = timeProof?.timestamp.check?.certificate
  return {
    ...common(facts, 'signature'),
    level: levelOf(facts, verdict),
    indication: conclusion.indication,
    subIndication: conclusion.subIndication ?? null,
    reasons: conclusion.reasons,
    warnings: verdict.warnings,
    signer: check.certificate ? certificateReport(check.certificate) : null,
    claimedTime: (facts.claimedTime ?? check.claimedTime)?.toISOString() ?? null,
    bestSignatureTime: verdict.bestSignatureTime.toISOString(),
    timeProof: timeProof
      ? { kind: timeProof.timestamp.kind, authority: authority ? certificateReport(authority).subject : null }
      : null,
    timestamps: verdict.timestamps.map((timestamp) => timestampReport(timestamp, context.anchors)),
    chain: chainReport(chain),
    anchor: anchorReport(chain, context.anchors),
    algorithms: algorithmReport(check, context.policy),
    conditions: judgeConditions({
      conclusion,
      value: valueOf(check),
      content: contentOf(check, conclusion, facts),
      isHashSafe: isHashSafe(check, context.policy, verdict.bestSignatureTime),
      isCertificateTrusted: chain?.conclusion.indication === 'TOTAL-PASSED',
      custody: custodyFor(check, context),
    }),
  }
}

/** A time stamp that does not verify makes no level: it proves nothing that B-B does not. */
function levelOf({ level }: SignatureFacts, { timestamps }: SignatureVerdict): SignatureReport['level'] {
  const isProved = timestamps.some(
    ({ kind, conclusion }) => kind === 'signature-timestamp' && conclusion.indication === 'TOTAL-PASSED',
  )
  return level === 'B-T' && !isProved ? 'B-B' : level
}

const common = (facts: SignatureFacts, kind: SignatureReport['kind']) => ({
  id: facts.id,
  kind,
  field: facts.field,
  format: facts.format,
  subFilter: facts.subFilter,
  level: facts.level,
  coverage: facts.coverage,
  changes: facts.changes,
})

/** Report of something that stands where a signature should and cannot be read as one. */
export function unreadableReport(
  facts: SignatureFacts,
  conclusion: Conclusion,
  warnings: readonly Reason[],
  context: ReportContext,
): SignatureReport {
  return {
    ...common(facts, 'signature'),
    indication: conclusion.indication,
    subIndication: conclusion.subIndication ?? null,
    reasons: conclusion.reasons,
    warnings,
    signer: null,
    claimedTime: facts.claimedTime?.toISOString() ?? null,
    bestSignatureTime: context.at.toISOString(),
    timeProof: null,
    timestamps: [],
    chain: [],
    anchor: null,
    algorithms: algorithmReport(undefined, context.policy),
    conditions: judgeConditions({
      conclusion,
      value: 'unchecked',
      content: facts.changes.some(({ allowed }) => !allowed) ? 'changed' : 'unchecked',
      isHashSafe: false,
      isCertificateTrusted: false,
      custody: undefined,
    }),
  }
}

/** Report of a time stamp over a whole document. */
export function documentTimestampReport(
  facts: SignatureFacts,
  verdict: TimestampVerdict,
  conclusion: Conclusion,
  context: ReportContext,
): SignatureReport {
  const { check, chain, tstInfo } = verdict
  return {
    ...common(facts, 'document-timestamp'),
    indication: conclusion.indication,
    subIndication: conclusion.subIndication ?? null,
    reasons: conclusion.reasons,
    warnings: [],
    signer: check?.certificate ? certificateReport(check.certificate) : null,
    claimedTime: null,
    bestSignatureTime: (tstInfo?.genTime ?? context.at).toISOString(),
    timeProof: null,
    timestamps: [timestampReport(verdict, context.anchors)],
    chain: chainReport(chain),
    anchor: anchorReport(chain, context.anchors),
    algorithms: algorithmReport(check, context.policy),
    conditions: [],
  }
}

function valueOf(check: CmsCheck): 'right' | 'wrong' | 'unchecked' {
  const keys = new Set(check.issues.map(({ key }) => key))
  if (keys.has('CMS_SIGNATURE_WRONG')) return 'wrong'
  return keys.has('CMS_NO_CERTIFICATE') || keys.has('CMS_ALGORITHM_UNSUPPORTED') ? 'unchecked' : 'right'
}

function contentOf(
  check: CmsCheck,
  conclusion: Conclusion,
  facts: SignatureFacts,
): 'unchanged' | 'changed' | 'unchecked' {
  const keys = new Set(check.issues.map(({ key }) => key))
  // Without attributes no digest was compared.
  if (conclusion.subIndication === 'SIGNED_DATA_NOT_FOUND' || keys.has('CMS_ATTRIBUTES_MISSING'))
    return 'unchecked'
  const isBroken = keys.has('CMS_DIGEST_MISMATCH')
  const isFormatBroken = conclusion.subIndication === 'FORMAT_FAILURE'
  if (isBroken || isFormatBroken || facts.changes.some(({ allowed }) => !allowed)) return 'changed'
  return check.digestAlgorithm === undefined ? 'unchecked' : 'unchanged'
}

/** Whether a change would be found: the digest must resist collisions at the time that is proved. */
function isHashSafe({ digestAlgorithm: hash }: CmsCheck, policy: Policy, at: Date): boolean {
  return (
    hash !== undefined &&
    findWeakness(policy.algorithms, { hash, kind: 'ed448', bits: 448 }, at) === undefined
  )
}

/** A key that signed what it was not made for was not the signatory's alone, whatever else is on record. */
function custodyFor(check: CmsCheck, context: ReportContext): KeyCustody | undefined {
  const custody = custodyOf(check, context.custody)
  if (!custody || !isMadeForOther(check, custody)) return custody
  return { ...custody, exclusive: false, facts: [reason('EVENT_DIGEST_OTHER')] }
}
