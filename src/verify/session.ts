/** What all signatures of one verification share: policy, trust, evidence, time. */
import { type CmsMessage } from './cms.ts'
import { evidenceOfCms } from './document-evidence.ts'
import { type Evidence, type KnownCertificates, readEvidence, uniqueCertificates } from './evidence.ts'
import type { KeyCustody } from './law13.ts'
import type { Policy } from './policy.ts'
import type { ReportContext } from './report-build.ts'
import { type Anchor, type TrustAnchor, anchorsFor, readTrust } from './trust.ts'
import type { TrustContext } from './x509.ts'

/** Input of a verification beside the document. */
export interface SessionInput {
  readonly evidence: Evidence
  readonly trust: readonly TrustAnchor[]
  readonly policy: Policy
  readonly at: Date
  readonly custody?: readonly KeyCustody[]
}

/** Contexts for one verification. */
export interface Session {
  readonly signerContext: TrustContext
  readonly timestampContext: TrustContext
  readonly report: ReportContext
  readonly unavailable: ReadonlySet<string>
}

/**
 * Prepares the contexts.
 *
 * @param found evidence inside of the document
 * @throws {CodedError} TRUST_LIST_INVALID
 */
export function openSession(input: SessionInput, found: readonly Evidence[]): Session {
  const known: KnownCertificates = new Map()
  const all: Evidence = {
    certificates: [...found.flatMap((e) => e.certificates ?? []), ...(input.evidence.certificates ?? [])],
    crls: [...found.flatMap((e) => e.crls ?? []), ...(input.evidence.crls ?? [])],
    ocspResponses: [...found.flatMap((e) => e.ocspResponses ?? []), ...(input.evidence.ocspResponses ?? [])],
    unavailable: input.evidence.unavailable ?? [],
  }
  const read = readEvidence(all, known)
  const anchors: Anchor[] = readTrust(input.trust)
  const shared = {
    policy: input.policy,
    pool: uniqueCertificates(read.certificates),
    crls: read.crls,
    ocspResponses: read.ocspResponses,
    at: input.at,
    known,
  }
  return {
    signerContext: { ...shared, anchors: anchorsFor(anchors, 'signature') },
    timestampContext: { ...shared, anchors: anchorsFor(anchors, 'timestamp') },
    report: { policy: input.policy, anchors, custody: input.custody ?? [], at: input.at },
    unavailable: read.unavailable,
  }
}

/** Evidence inside of messages: certificates and revocation data that came with the signatures. */
export const evidenceOfMessages = (messages: readonly CmsMessage[]): Evidence[] =>
  messages.map(({ signedData }) => evidenceOfCms(signedData))
