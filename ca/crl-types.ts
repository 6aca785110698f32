/** What a CRL is outside the core: its entries as the status database has them, and a published list. */
import type { CrlContent } from './x509/crl-content.ts'

/** RFC 5280 §5.3.1 CRLReason by name. */
export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'cACompromise'
  | 'affiliationChanged'
  | 'superseded'
  | 'cessationOfOperation'
  | 'certificateHold'
  | 'removeFromCRL'
  | 'privilegeWithdrawn'
  | 'aACompromise'

/** One entry of a CRL. */
export interface CrlEntryRow {
  readonly serialHex: string
  readonly revokedAt: Date
  readonly reason: RevocationReason
  readonly invalidityDate: Date | null
}

/** One CRL scope: `shard` null is the full CRL of the issuer. */
export interface CrlScope {
  readonly issuerId: string
  readonly shard: number | null
}

/** One published CRL. */
export interface CrlRow extends CrlScope {
  /** Decimal text: up to 2^159-1 (RFC 5280 §5.2.3). */
  readonly number: string
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly entryCount: number
  readonly content: CrlContent
}
