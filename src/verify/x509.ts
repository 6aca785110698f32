/** X.509 certificate validation of ETSI EN 319 102-1 §5.2.6: path, revocation, freshness and algorithms. */
import {
  type Certificate,
  EXT,
  type HashName,
  compareBytes,
  findAttribute,
  nameToString,
} from '../../ca/formats.ts'
import { type EvidenceNeed, type KnownCertificates, issuerNeeds, statusNeeds } from './evidence.ts'
import { type Conclusion, type SubIndication, joinConclusions, passed, undecided } from './indications.ts'
import { type PathSearch, validPaths } from './path/build.ts'
import { findSignatureAlgorithm, findSubjectKey } from './path/facts.ts'
import type { PathIssue, PathIssueKey } from './path/issues.ts'
import type { Purpose } from './path/purpose.ts'
import type { PathVerdict } from './path/validate.ts'
import { type Policy, findWeakness } from './policy.ts'
import { checkRevocation } from './revocation/check.ts'
import type { RevocationContext, RevocationStatus } from './revocation/status.ts'
import { type Reason, type TextKey, type ReasonCertificate, certificateReason, reason } from './texts.ts'

/** What certificate validation needs to know beside the certificate. */
export interface TrustContext {
  readonly policy: Policy
  readonly anchors: readonly Certificate[]
  readonly pool: readonly Certificate[]
  readonly crls: RevocationContext['crls']
  readonly ocspResponses: RevocationContext['ocspResponses']
  /** Time of validation. */
  readonly at: Date
  readonly known?: KnownCertificates
}

/** One certificate of the chain with its status. */
export interface ChainLink {
  readonly certificate: Certificate
  readonly status: RevocationStatus | 'anchor' | 'not-offered' | 'not-offered-too-long' | 'not-checked'
}

/** Result of certificate validation. */
export interface ChainVerdict {
  readonly conclusion: Conclusion
  /** Target first. */
  readonly links: readonly ChainLink[]
  /** Undefined when no path to an anchor was found. */
  readonly anchor: Certificate | undefined
  readonly needs: readonly EvidenceNeed[]
}

/** Valid paths whose revocation is looked at before the first one is taken as it is. */
const MAX_PATHS_JUDGED = 8

/**
 * Validates a certificate.
 *
 * @param provenTime time at which the signature is proved to have existed; `context.at` when nothing proves it
 */
export function validateCertificate(
  target: Certificate,
  purpose: Purpose,
  context: TrustContext,
  provenTime: Date = context.at,
): ChainVerdict {
  const search: PathSearch = { target, pool: context.pool, anchors: context.anchors }
  const policies = purpose.certificatePolicies
  const options = {
    at: provenTime,
    purpose,
    ...(policies ? { initialPolicies: new Set(policies), requireExplicitPolicy: true } : {}),
  }
  let best: ChainVerdict | undefined
  let judged = 0
  for (const verdict of validPaths(search, options)) {
    const chain = judgePath(verdict, context, provenTime)
    if (chain.conclusion.indication === 'TOTAL-PASSED') return chain
    if (!best || isBetter(chain, best)) best = chain
    if (++judged >= MAX_PATHS_JUDGED) break
  }
  if (!best) throw new RangeError('a search always ends with a verdict')
  return best
}

const isBetter = (a: ChainVerdict, b: ChainVerdict): boolean =>
  a.anchor !== undefined && a.conclusion.reasons.length < b.conclusion.reasons.length

function judgePath(verdict: PathVerdict, context: TrustContext, provenTime: Date): ChainVerdict {
  const { path, issues } = verdict
  const last = path.at(-1)
  const anchor = last && context.anchors.some((a) => compareBytes(a.raw, last.raw) === 0) ? last : undefined
  const blocks = issues.map(concludeIssue)
  if (!anchor || !last) return withoutAnchor(path, blocks)
  const links = path.map((certificate, i): ChainLink => {
    const issuer = path[i + 1]
    return {
      certificate,
      status: issuer ? statusOf(certificate, issuer, anchor, context, provenTime) : 'anchor',
    }
  })
  blocks.push(...links.map((link, i) => concludeStatus(link, i, context, provenTime)))
  blocks.push(
    ...path
      .slice(0, -1)
      .map((certificate, i) => concludeAlgorithm(certificate, path[i + 1], context, provenTime)),
  )
  const needs = links.flatMap(({ certificate, status }, i) => {
    const issuer = path[i + 1]
    return issuer && typeof status === 'object' && status.kind === 'unknown'
      ? statusNeeds(certificate, issuer)
      : []
  })
  const conclusion = joinConclusions(blocks)
  return {
    conclusion: blocks.every(({ indication }) => indication === 'TOTAL-PASSED')
      ? { ...conclusion, reasons: [reason('CHAIN_VALID'), ...conclusion.reasons] }
      : conclusion,
    links,
    anchor,
    needs,
  }
}

function withoutAnchor(path: readonly Certificate[], blocks: readonly Conclusion[]): ChainVerdict {
  return {
    conclusion: joinConclusions(blocks),
    links: path.map((certificate) => ({ certificate, status: 'not-checked' })),
    anchor: undefined,
    needs: path.slice(-1).flatMap(issuerNeeds),
  }
}

const subIndications: Partial<Record<PathIssueKey, SubIndication>> = {
  CERT_EXPIRED: 'OUT_OF_BOUNDS_NO_POE',
  CERT_NOT_YET_VALID: 'OUT_OF_BOUNDS_NO_POE',
  CERT_KEY_USAGE: 'CHAIN_CONSTRAINTS_FAILURE',
  CERT_EXT_KEY_USAGE: 'CHAIN_CONSTRAINTS_FAILURE',
  CERT_IS_A_CA: 'CHAIN_CONSTRAINTS_FAILURE',
  PATH_POLICY: 'CHAIN_CONSTRAINTS_FAILURE',
  PATH_NOT_FOUND: 'NO_CERTIFICATE_CHAIN_FOUND',
  PATH_SIGNATURE_INVALID: 'NO_CERTIFICATE_CHAIN_FOUND',
  ALGORITHM_UNKNOWN: 'NO_CERTIFICATE_CHAIN_FOUND',
}

const concludeIssue = ({ key, subject, detail }: PathIssue): Conclusion =>
  undecided(
    subIndications[key] ?? 'CERTIFICATE_CHAIN_GENERAL_FAILURE',
    reason(key, detail === undefined ? subject : `${subject}: ${detail}`),
  )

function statusOf(
  certificate: Certificate,
  issuer: Certificate,
  anchor: Certificate,
  context: TrustContext,
  provenTime: Date,
): ChainLink['status'] {
  const rules = context.policy.validation.revocation
  const status = checkRevocation(certificate, issuer, {
    crls: context.crls,
    ocspResponses: context.ocspResponses,
    pool: context.pool,
    anchor,
    at: context.at,
    coversTime: provenTime,
    maxAgeSeconds: rules.maxAgeSeconds,
    responderMayLackStatus: rules.responderMayLackStatus,
    // A statement is judged as of now: nothing proves how old it is.
    isTooWeak: (algorithm, signer) => isTooWeak(context, algorithm.hash, signer),
    pathOptions: {
      checkAlgorithm: (signed, by) =>
        isTooWeak(context, findSignatureAlgorithm(signed)?.hash, by) ? 'signer of a statement' : undefined,
    },
  })
  // Evidence outranks the certificate's own word that there is none.
  if (status.kind !== 'unknown' || !certificate.extensions.has(EXT.noRevAvail)) return status
  const seconds = (certificate.notAfter.getTime() - certificate.notBefore.getTime()) / 1000
  return seconds <= rules.noRevAvailMaxValiditySeconds ? 'not-offered' : 'not-offered-too-long'
}

function isTooWeak({ policy, at }: TrustContext, hash: HashName | undefined, signer: Certificate): boolean {
  const key = findSubjectKey(signer)?.info
  if (!key) return true
  const use = { kind: key.kind, bits: key.bits, ...(hash === undefined ? {} : { hash }) }
  return findWeakness(policy.algorithms, use, at) !== undefined
}

function concludeStatus(
  { certificate, status }: ChainLink,
  index: number,
  context: TrustContext,
  provenTime: Date,
): Conclusion {
  const about = (key: TextKey, ...more: readonly string[]): Reason =>
    certificateReason(key, identify(certificate), ...more)
  if (status === 'anchor' || status === 'not-checked') return passed()
  if (status === 'not-offered') return passed(about('REVOCATION_NOT_OFFERED'))
  if (status === 'not-offered-too-long')
    return undecided('CERTIFICATE_CHAIN_GENERAL_FAILURE', about('REVOCATION_NOT_OFFERED_TOO_LONG'))
  if (status.kind === 'good') return passed()
  if (status.kind === 'unknown') {
    const isStale = status.key === 'REVOCATION_STALE'
    return undecided(isStale ? 'TRY_LATER' : 'CERTIFICATE_CHAIN_GENERAL_FAILURE', about(status.key))
  }
  const isProvenEarlier = provenTime < context.at && provenTime < revokedFrom(status)
  const key = revokedKey(status, index, isProvenEarlier)
  return concludeRevoked(key, about(key, status.reason, status.revokedAt.toISOString()))
}

/** Since when a revocation counts: a key known to be compromised was so from its invalidity date (RFC 5280 §5.3.2). */
export const revokedFrom = (status: Extract<RevocationStatus, { kind: 'revoked' }>): Date =>
  status.invalidityDate && status.invalidityDate < status.revokedAt ? status.invalidityDate : status.revokedAt

const identify = (certificate: Certificate): ReasonCertificate => ({
  name: findAttribute(certificate.subject, 'CN') ?? nameToString(certificate.subject),
  issuer: nameToString(certificate.issuer),
  serialHex: certificate.serialHex,
})

/** EN 319 102-1 §5.2.6 and §5.5.4: a later revocation does no harm to what is proved to be older. */
function revokedKey(
  status: Extract<RevocationStatus, { kind: 'revoked' }>,
  index: number,
  isProvenEarlier: boolean,
): keyof typeof REVOKED_INDICATIONS {
  if (isProvenEarlier) return 'REVOKED_LATER'
  if (status.reason === 'certificateHold') return 'CERT_ON_HOLD'
  return index === 0 ? 'REVOKED_UNPROVEN' : 'CA_REVOKED'
}

const REVOKED_INDICATIONS = {
  REVOKED_LATER: undefined,
  CERT_ON_HOLD: 'TRY_LATER',
  REVOKED_UNPROVEN: 'REVOKED_NO_POE',
  CA_REVOKED: 'REVOKED_CA_NO_POE',
} as const

function concludeRevoked(key: keyof typeof REVOKED_INDICATIONS, about: Reason): Conclusion {
  const subIndication = REVOKED_INDICATIONS[key]
  return subIndication === undefined ? passed(about) : undecided(subIndication, about)
}

function concludeAlgorithm(
  certificate: Certificate,
  issuer: Certificate | undefined,
  context: TrustContext,
  provenTime: Date,
): Conclusion {
  const key = issuer && findSubjectKey(issuer)
  const hash = findSignatureAlgorithm(certificate)?.hash
  if (!key) return passed()
  return concludeUse(
    context.policy,
    { kind: key.info.kind, bits: key.info.bits },
    hash,
    provenTime,
    `serial ${certificate.serialHex}`,
  )
}

/** Cryptographic constraints (EN 319 102-1 §5.2.8) on one signature at a time; without proof it is the present. */
export function concludeUse(
  policy: Policy,
  key: { readonly kind: Parameters<typeof findWeakness>[1]['kind']; readonly bits: number },
  hash: HashName | undefined,
  provenTime: Date,
  what: string,
): Conclusion {
  const weakness = findWeakness(
    policy.algorithms,
    { ...key, ...(hash === undefined ? {} : { hash }) },
    provenTime,
  )
  if (weakness === undefined) return passed()
  return undecided('CRYPTO_CONSTRAINTS_FAILURE_NO_POE', reason('ALGORITHM_TOO_WEAK', `${what}: ${weakness}`))
}
