/** What revocation evidence says about one certificate. */
import type { Certificate, Crl, CrlReason, OcspResponse, SignatureAlgorithm } from '../../../ca/formats.ts'
import type { PathOptions } from '../path/validate.ts'

/** The statement that a status rests on. */
export interface RevocationSource {
  readonly kind: 'crl' | 'ocsp'
  readonly thisUpdate: Date
  readonly nextUpdate?: Date
  /** Subject of the certificate that signed the statement. */
  readonly signer: string
}

/** Why nothing is known. Keys are stable. */
export type RevocationIssueKey =
  /** No statement about this certificate is at hand. */
  | 'REVOCATION_MISSING'
  /** There are statements, but all of them are too old. */
  | 'REVOCATION_STALE'
  /** There are statements, but none can be used (signature, signer, scope, unknown critical extension). */
  | 'REVOCATION_UNUSABLE'
  /** The responder does not know the certificate. */
  | 'REVOCATION_UNKNOWN_TO_RESPONDER'

/** Status of one certificate; `unknown` is never good. */
export type RevocationStatus =
  | { readonly kind: 'good'; readonly source: RevocationSource }
  | {
      readonly kind: 'revoked'
      readonly source: RevocationSource
      readonly revokedAt: Date
      readonly reason: CrlReason
      readonly invalidityDate?: Date
    }
  | { readonly kind: 'unknown'; readonly key: RevocationIssueKey; readonly staleSince?: Date }

/** What is needed to judge revocation on one path. */
export interface RevocationContext {
  readonly crls: readonly Crl[]
  readonly ocspResponses: readonly OcspResponse[]
  /** Where signers of CRLs and responses are looked for, beside the certificates that came with them. */
  readonly pool: readonly Certificate[]
  /** The path's anchor: a CRL signer must lead to the same one (RFC 5280 §6.3.3 (f)). */
  readonly anchor: Certificate
  /** Time of validation. */
  readonly at: Date
  /** A statement issued at or after this time counts even when it is stale now: it covers the signing. */
  readonly coversTime?: Date
  /** Upper bound of the age of a statement in seconds; needed where a statement has no nextUpdate. */
  readonly maxAgeSeconds?: number
  /** Whether delta CRLs are combined with complete ones; true unless given. */
  readonly useDeltas?: boolean
  /**
   * Whether a delegated responder without ocsp-nocheck is believed when nothing is known of its own status
   * (RFC 6960 §4.2.2.2.1 leaves that to local policy); false unless given.
   */
  readonly responderMayLackStatus?: boolean
  /** Whether a statement signed so is worth nothing; forged statements would otherwise be the cheapest attack. */
  readonly isTooWeak?: (algorithm: SignatureAlgorithm, signer: Certificate) => boolean
  /** Options for the path of a signer; purpose and time are replaced. */
  readonly pathOptions?: Partial<PathOptions>
  /** Certificates whose status is being asked for further up: a signer cannot vouch for itself. */
  readonly inProgress?: ReadonlySet<Certificate>
}

/** Age of a statement against the time of validation. */
export type Freshness = 'fresh' | 'stale' | 'not-yet'

/** How a statement stands to the time of validation. @see RFC 5280 §6.3.3 (a), RFC 6960 §4.2.2.1, EN 319 102-1 §5.2.5 */
export function freshnessOf(
  thisUpdate: Date,
  nextUpdate: Date | undefined,
  context: RevocationContext,
): Freshness {
  const { at, coversTime, maxAgeSeconds } = context
  if (thisUpdate > at) return 'not-yet'
  if (nextUpdate && nextUpdate < thisUpdate) return 'stale'
  if (coversTime && coversTime < at && thisUpdate >= coversTime) return 'fresh'
  if (nextUpdate && at > nextUpdate) return 'stale'
  if (maxAgeSeconds === undefined) return nextUpdate ? 'fresh' : 'stale'
  return at.getTime() - thisUpdate.getTime() > maxAgeSeconds * 1000 ? 'stale' : 'fresh'
}

const severity = { good: 0, unknown: 1, revoked: 2 } as const

/**
 * Joins what several statements say: the newest one counts, but a revocation for good is never undone
 * (RFC 5280 §5.3.1: only certificateHold can be lifted).
 */
export function joinStatuses(statuses: readonly RevocationStatus[]): RevocationStatus {
  const known = statuses.filter((status) => status.kind !== 'unknown')
  const final = known.find((status) => status.kind === 'revoked' && status.reason !== 'certificateHold')
  if (final) return final
  const [newest] = known.sort(
    (a, b) =>
      b.source.thisUpdate.getTime() - a.source.thisUpdate.getTime() || severity[b.kind] - severity[a.kind],
  )
  return newest ?? worstUnknown(statuses)
}

const precedence: readonly RevocationIssueKey[] = [
  'REVOCATION_STALE',
  'REVOCATION_UNKNOWN_TO_RESPONDER',
  'REVOCATION_UNUSABLE',
]

function worstUnknown(statuses: readonly RevocationStatus[]): RevocationStatus {
  for (const key of precedence)
    for (const status of statuses) if (status.kind === 'unknown' && status.key === key) return status
  return { kind: 'unknown', key: 'REVOCATION_MISSING' }
}
