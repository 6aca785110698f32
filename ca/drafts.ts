/** What passes between those who ask for certificates and those who work them out, on whichever thread. */
import type { Actor, CertificateClass, IssueRequest } from './ports.ts'

/** What drafting needs of a request. */
export type DraftRequest = Omit<IssueRequest, keyof Actor>

/** A request with what only the owner of the core can add. */
export interface DraftInput {
  readonly request: DraftRequest
  readonly issuerId: string
  /** SubjectPublicKeyInfo of the key that the core holds, null where the request brings its own. */
  readonly heldSpkiDer: Uint8Array | null
  /** Content octets of the serial number. */
  readonly serial: Uint8Array
  readonly at: Date
}

/** A certificate that could be signed. */
export interface Draft {
  readonly issuerId: string
  readonly serialHex: string
  readonly profile: string
  readonly profileSha256: string
  readonly class: CertificateClass
  /** CRL shard of the serial. */
  readonly shard: number | null
  /** The TBSCertificate that was linted. */
  readonly tbsDer: Uint8Array
  readonly tbsSha256: string
  readonly spkiSha256: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly subjectDer: Uint8Array
  /** As the linter read it from `tbsDer`, RFC 4514. */
  readonly subject: string
  readonly commonName: string | null
}

/** A signed certificate. */
export interface Signed {
  readonly certDer: Uint8Array
  readonly certSha256: string
}

/** What is to be signed, and by whom. */
export type SignInput = Pick<Draft, 'issuerId' | 'tbsDer' | 'tbsSha256'>
