/** Parts of a report that signatures and time stamps share: certificates, chains, algorithms, time stamps. */
import { type Certificate, findAttribute, nameToString, serialHexOf } from '../../ca/formats.ts'
import { sha256Hex } from '../lib/sha256.ts'
import type { CmsCheck } from './cms.ts'
import { findSubjectKey } from './path/facts.ts'
import { type Policy, acceptableUntil } from './policy.ts'
import type {
  AlgorithmReport,
  AnchorReport,
  CertificateReport,
  ChainReport,
  RevocationReport,
  TimestampReport,
} from './report.ts'
import type { RevocationStatus } from './revocation/status.ts'
import { reason } from './texts.ts'
import type { TimestampVerdict } from './timestamp.ts'
import type { Anchor } from './trust.ts'
import type { ChainLink, ChainVerdict } from './x509.ts'

/** A certificate in short. */
export const certificateReport = (certificate: Certificate): CertificateReport => ({
  subject: nameToString(certificate.subject),
  commonName: findAttribute(certificate.subject, 'CN') ?? null,
  organisation: findAttribute(certificate.subject, 'O') ?? null,
  issuer: nameToString(certificate.issuer),
  serialHex: certificate.serialHex,
  sha256: sha256Hex(certificate.raw),
  notBefore: certificate.notBefore.toISOString(),
  notAfter: certificate.notAfter.toISOString(),
})

const nothing: Omit<RevocationReport, 'status'> = {
  source: null,
  thisUpdate: null,
  nextUpdate: null,
  signer: null,
  revokedAt: null,
  revocationReason: null,
  reason: null,
}

function revocationReport(status: ChainLink['status']): RevocationReport {
  if (status === 'not-offered-too-long')
    return { status: 'not-offered', ...nothing, reason: reason('REVOCATION_NOT_OFFERED_TOO_LONG') }
  if (status === 'not-offered') return { status, ...nothing, reason: reason('REVOCATION_NOT_OFFERED') }
  if (typeof status === 'string') return { status, ...nothing }
  return knownStatus(status)
}

function knownStatus(status: RevocationStatus): RevocationReport {
  if (status.kind === 'unknown')
    return {
      status: 'unknown',
      ...nothing,
      nextUpdate: status.staleSince?.toISOString() ?? null,
      reason: reason(status.key),
    }
  const { source } = status
  const isRevoked = status.kind === 'revoked'
  return {
    status: status.kind,
    source: source.kind,
    thisUpdate: source.thisUpdate.toISOString(),
    nextUpdate: source.nextUpdate?.toISOString() ?? null,
    signer: source.signer,
    revokedAt: isRevoked ? status.revokedAt.toISOString() : null,
    revocationReason: isRevoked ? status.reason : null,
    reason: isRevoked ? null : reason('REVOCATION_GOOD'),
  }
}

/** The certificates of a chain, target first. */
export const chainReport = (chain: ChainVerdict | undefined): ChainReport[] =>
  (chain?.links ?? []).map(({ certificate, status }) => ({
    ...certificateReport(certificate),
    revocation: revocationReport(status),
  }))

/** The trust list entry that a chain ends at. */
export function anchorReport(
  chain: ChainVerdict | undefined,
  anchors: readonly Anchor[],
): AnchorReport | null {
  if (!chain?.anchor) return null
  const sha256 = sha256Hex(chain.anchor.raw)
  const found = anchors.find(({ certificate }) => sha256Hex(certificate.raw) === sha256)
  return {
    name: found?.entry.name ?? nameToString(chain.anchor.subject),
    source: found?.entry.source ?? '',
    jurisdiction: found?.entry.jurisdiction ?? null,
    sha256,
  }
}

/** Algorithms of a signature. */
export function algorithmReport(check: CmsCheck | undefined, policy: Policy): AlgorithmReport {
  if (!check) return { signature: null, digest: null, key: null, acceptableUntil: null }
  return {
    signature: check.algorithm?.name ?? null,
    digest: check.digestAlgorithm ?? null,
    ...keyReport(check, policy),
  }
}

function keyReport(
  { certificate, digestAlgorithm: hash }: CmsCheck,
  policy: Policy,
): Pick<AlgorithmReport, 'key' | 'acceptableUntil'> {
  const key = certificate && findSubjectKey(certificate)?.info
  if (!key) return { key: null, acceptableUntil: null }
  const { kind, bits } = key
  const until = acceptableUntil(policy.algorithms, { kind, bits, ...(hash ? { hash } : {}) })
  return {
    key: `${key.curve?.name ?? kind} ${bits}`,
    acceptableUntil: until === undefined ? 'never' : until,
  }
}

/** One time stamp. */
export function timestampReport(verdict: TimestampVerdict, anchors: readonly Anchor[]): TimestampReport {
  const { conclusion, tstInfo, check, chain } = verdict
  return {
    kind: verdict.kind,
    indication: conclusion.indication,
    subIndication: conclusion.subIndication ?? null,
    time: tstInfo?.genTime.toISOString() ?? null,
    accuracyMs: tstInfo?.accuracyMs ?? null,
    policy: tstInfo?.policy ?? null,
    serialHex: tstInfo ? serialHexOf(tstInfo.serial) : null,
    authority: check?.certificate ? certificateReport(check.certificate) : null,
    chain: chainReport(chain),
    anchor: anchorReport(chain, anchors),
    reasons: conclusion.reasons,
  }
}
