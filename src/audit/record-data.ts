/**
 * What `data` holds in the records that figures and the verifier read; structural, so that the trusted core
 * can build the same shapes without importing them. Types only.
 *
 * Serials are lower-case hexadecimal without a leading zero byte, hashes are lower-case hexadecimal SHA-256,
 * instants are RFC 3339 UTC. Fields may be added, never renamed.
 */

/** Whom a certificate names; figures are split by it. */
export type CertificateClass = 'individual' | 'organisation' | 'device' | 'event'

/** The five grounds of 电子认证服务管理办法 art. 29, kept beside the RFC 5280 reason. */
export type LegalGround =
  'holder-request' | 'false-information' | 'contract-breach' | 'security-not-assured' | 'other-by-law'

/** RFC 5280 §5.3.1 names. */
export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'cACompromise'
  | 'affiliationChanged'
  | 'superseded'
  | 'cessationOfOperation'
  | 'certificateHold'
  | 'privilegeWithdrawn'
  | 'aACompromise'

/** `certificate.intent`: written and durable before the issuing key is touched. */
export type CertificateIntentData = {
  readonly serialHex: string
  readonly issuerId: string
  readonly profile: string
  readonly profileSha256: string
  readonly tbsSha256: string
}

/** Classes of the institution's own certificates, which figures leave out. */
export type InstitutionClass = 'ca' | 'ocsp' | 'tsa'

/** `certificate.issued`. */
export type CertificateIssuedData = CertificateIntentData & {
  readonly class: CertificateClass | InstitutionClass
  readonly algorithm: string
  readonly notBefore: string
  readonly notAfter: string
  readonly certSha256: string
  readonly spkiSha256: string
  /** Salted hash of the subject. */
  readonly subjectHash: string
  /** Digests that an event certificate may sign. */
  readonly eventDigests?: readonly { readonly alg: string; readonly digestHex: string }[]
}

/** `certificate.refused` and `certificate.orphaned`: the other outcomes of an intent. */
export type CertificateClosedData = {
  readonly serialHex: string
  readonly issuerId: string
  /** Error code. */
  readonly code: string
}

/** `certificate.revoked`, `certificate.held` (reason `certificateHold`), `certificate.released`. */
export type CertificateStatusData = {
  readonly serialHex: string
  readonly issuerId: string
  readonly reason?: RevocationReason
  readonly legalGround?: LegalGround
  readonly invalidityDate?: string
}

/** `signature.intent`; its outcome names the intent's record id in `intentId`. */
export type SignatureIntentData = {
  readonly keyId: string
  readonly digestAlg: string
  readonly digestHex: string
}

/** `signature.created`, `signature.refused`. */
export type SignatureOutcomeData = {
  readonly intentId: string
  readonly signatureSha256?: string
  readonly code?: string
}

/**
 * `crl.changes`: up to 1,000 serials that enter or leave a CRL, written in the transaction of its
 * `crl.published` and before it; a small change stands in `crl.published` itself.
 */
export type CrlChangesData = {
  readonly issuerId: string
  /** Shard number, or null for the full CRL. */
  readonly shard: number | null
  /** Decimal text: a CRL number has up to 159 bits. */
  readonly crlNumber: string
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

/** `crl.published`: the last record of one CRL. */
export type CrlPublishedData = CrlChangesData & {
  readonly thisUpdate: string
  readonly nextUpdate: string
  readonly entryCount: number
  readonly crlSha256: string
}

/** `statistics.reported`: a figure that was given to somebody, so that it can be counted again. */
export type StatisticsReportedData = {
  /** First and last day in Asia/Shanghai, `YYYY-MM-DD`, both counted. */
  readonly from: string
  readonly to: string
  readonly totals: { readonly issued: number; readonly revoked: number; readonly validAtEnd: number }
}
