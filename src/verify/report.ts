/** The report of a verification: stable, plain JSON (dates are RFC 3339 UTC); `report-schema.ts` says the same as a schema. */
import type { Indication, SubIndication } from './indications.ts'
import type { Reason } from './texts.ts'

/** Verdict on a whole document: the worst of its signatures, or that there is nothing to judge. */
export type DocumentIndication =
  | Indication
  /** The file was read and holds no electronic signature. */
  | 'NO_SIGNATURE_FOUND'
  /** The file could not be read, so nothing can be said. */
  | 'NOT_VERIFIABLE'

/** One of a few plain answers; the page and the command line say the same. */
export type AnswerKey =
  | 'SIGNATURES_ALL_VALID'
  | 'SIGNATURES_NOT_ALL_DECIDED'
  | 'SIGNATURES_NOT_ALL_VALID'
  | 'NO_SIGNATURE_FOUND'
  | 'CONTENT_MISSING'
  | 'PICTURE_OF_A_SEAL'
  | 'DOCUMENT_DAMAGED'
  | 'DOCUMENT_DAMAGED_SIGNED'
  | 'DOCUMENT_ENCRYPTED'
  | 'DOCUMENT_PASSWORD_WRONG'
  | 'DOCUMENT_ENCRYPTION_UNSUPPORTED'
  | 'DOCUMENT_UNSUPPORTED'
  | 'DOCUMENT_TOO_LARGE'
  | 'DOCUMENT_EMPTY'

/** A certificate in short. */
export interface CertificateReport {
  readonly subject: string
  readonly commonName: string | null
  readonly organisation: string | null
  readonly issuer: string
  readonly serialHex: string
  readonly sha256: string
  readonly notBefore: string
  readonly notAfter: string
}

/** Status of one certificate and the statement that it rests on. */
export interface RevocationReport {
  readonly status: 'good' | 'revoked' | 'unknown' | 'anchor' | 'not-offered' | 'not-checked'
  readonly source: 'crl' | 'ocsp' | null
  readonly thisUpdate: string | null
  readonly nextUpdate: string | null
  readonly signer: string | null
  readonly revokedAt: string | null
  readonly revocationReason: string | null
  /** Why the status is not known, or what `not-offered` means. */
  readonly reason: Reason | null
}

/** One certificate of a chain. */
export interface ChainReport extends CertificateReport {
  readonly revocation: RevocationReport
}

/** The trust anchor at the end of a chain. */
export interface AnchorReport {
  readonly name: string
  readonly source: string
  readonly jurisdiction: string | null
  readonly sha256: string
}

/** Algorithms of one signature, and until when the policy takes them. */
export interface AlgorithmReport {
  readonly signature: string | null
  readonly digest: string | null
  readonly key: string | null
  /** RFC 3339; null without an end, or when it is not known; `never` when the policy does not accept them at all. */
  readonly acceptableUntil: string | null
}

/** One time stamp. */
export interface TimestampReport {
  readonly kind: 'signature-timestamp' | 'content-timestamp' | 'document-timestamp'
  readonly indication: Indication
  readonly subIndication: SubIndication | null
  readonly time: string | null
  readonly accuracyMs: number | null
  readonly policy: string | null
  readonly serialHex: string | null
  readonly authority: CertificateReport | null
  readonly chain: readonly ChainReport[]
  readonly anchor: AnchorReport | null
  readonly reasons: readonly Reason[]
}

/** Which bytes a signature covers. */
export interface CoverageReport {
  readonly wholeFile: boolean
  readonly bytesCovered: number
  readonly bytesTotal: number
  /** Counted from 1; null where the signed range ends at no save of the file. */
  readonly revision: number | null
  readonly revisions: number
}

/** One change after signing. */
export interface ChangeReport extends Reason {
  readonly allowed: boolean
  /** Counted from 1. */
  readonly revision: number
  readonly place: string
}

/** One of the four conditions of Electronic Signature Law art. 13, first paragraph. */
export interface ConditionReport {
  readonly number: 1 | 2 | 3 | 4
  readonly result: 'pass' | 'fail' | 'unknown'
  readonly zh: string
  readonly en: string
  readonly facts: readonly Reason[]
}

/** One signature, or one document timestamp. */
export interface SignatureReport {
  readonly id: string
  readonly kind: 'signature' | 'document-timestamp'
  /** Name of the form field of a PDF. */
  readonly field: string | null
  readonly format: 'PAdES' | 'CAdES' | 'PKCS7' | 'RFC3161' | 'unknown'
  readonly subFilter: string | null
  /** Baseline level; B-T only with a time stamp that verifies, `other` where it is none of them. */
  readonly level: 'B-B' | 'B-T' | 'other'
  readonly indication: Indication
  readonly subIndication: SubIndication | null
  readonly reasons: readonly Reason[]
  readonly warnings: readonly Reason[]
  readonly signer: CertificateReport | null
  readonly claimedTime: string | null
  readonly bestSignatureTime: string
  /** What proves the best signature time; null when it is only that of the verification. */
  readonly timeProof: { readonly kind: TimestampReport['kind']; readonly authority: string | null } | null
  readonly timestamps: readonly TimestampReport[]
  readonly coverage: CoverageReport | null
  readonly changes: readonly ChangeReport[]
  readonly chain: readonly ChainReport[]
  readonly anchor: AnchorReport | null
  readonly algorithms: AlgorithmReport
  readonly conditions: readonly ConditionReport[]
}

/** The whole report. */
export interface Report {
  readonly schema: 'yinxin-verification-report-1'
  readonly indication: DocumentIndication
  readonly answer: Reason
  readonly reasons: readonly Reason[]
  readonly document: {
    readonly kind: 'pdf' | 'cms' | 'other'
    readonly size: number
    readonly sha256: string
    readonly revisions: number | null
    readonly encrypted: boolean
  }
  /** The file that a detached signature is about. */
  readonly content: { readonly size: number; readonly sha256: string } | null
  readonly validationTime: string
  readonly policy: {
    readonly name: string
    readonly version: string
    readonly algorithms: string
    readonly sha256: string
  }
  readonly validator: { readonly name: string; readonly version: string }
  readonly signatures: readonly SignatureReport[]
}
