/**
 * What the trusted core needs from outside, and the plain data that crosses its door.
 *
 * The core never opens a database, a socket or a clock of its own. Every store method that changes
 * something takes the audit records of that change and writes both in ONE durable transaction:
 * after a crash there is either neither or both (design.md promise 1). Methods take arrays, so that
 * many requests share one commit.
 */
import type { CrlEntryRow, CrlRow, CrlScope, RevocationReason } from './crl-types.ts'
import type { CodedError } from './errors.ts'
import type { CaMaterial } from './material-types.ts'
import type { FailedRotation, RotatedService } from './rotation-types.ts'
import type { CommitmentType } from './x509/cms-writer.ts'
import type { SubjectAttribute } from './x509/name.ts'

export type { CrlEntryRow, CrlRow, CrlScope, RevocationReason }

/** What a record may hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Who acts, for records and tenancy: `system`, `apikey:<id>`, `operator:<name>`. */
export interface Actor {
  readonly actor: string
  readonly tenant: string | null
}

/** A record before the store gives it its id; becomes a leaf of the log. Personal data only as salted hashes. */
export interface RecordDraft extends Actor {
  readonly type: string
  readonly at: Date
  readonly data: { readonly [key: string]: Json }
}

/** Whom a certificate names, or what the certified key does for the institution. */
export type CertificateClass = 'individual' | 'organisation' | 'device' | 'event' | 'ca' | 'ocsp' | 'tsa'

/** Written before a key is touched: the serial is taken for ever, whatever happens next. */
export interface IntentRow extends Actor {
  readonly issuerId: string
  readonly serialHex: string
  readonly profile: string
  readonly class: CertificateClass
  readonly tbsSha256: string
  readonly spkiSha256: string
  /** CRL shard of the serial (an orphan can be revoked too); null where the issuer has one full CRL only. */
  readonly shard: number | null
  readonly at: Date
}

/** A certificate as stored; `subject` is personal data and stays out of the log. */
export interface IssuedRow extends IntentRow {
  readonly certDer: Uint8Array
  readonly certSha256: string
  readonly algorithm: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly subject: string
  readonly commonName: string | null
  /** Hex salt of the record's `subjectHash`; deleting it and the subject erases the person from the log. */
  readonly subjectSalt: string
  readonly keyId: string | null
  readonly identityEvidenceId: string | null
}

/** 电子认证服务管理办法 art. 29, grounds ① to ⑤. */
export type LegalGround =
  'holder-request' | 'false-information' | 'contract-breach' | 'security-not-assured' | 'other-by-law'

/** `intent` = serial taken, no certificate known (crash or refusal): assigned, never good. */
export type CertificateState = 'intent' | 'valid' | 'held' | 'revoked'

/** What the status database says about one serial. */
export interface CertificateStatus {
  readonly issuerId: string
  readonly serialHex: string
  readonly state: CertificateState
  readonly tenant: string | null
  readonly class: CertificateClass
  readonly spkiSha256: string
  readonly notAfter: Date | null
  readonly shard: number | null
  readonly revokedAt: Date | null
  readonly reason: RevocationReason | null
  readonly legalGround: LegalGround | null
  readonly invalidityDate: Date | null
}

/** One step of a status, by compare-and-set. */
export interface StatusChange {
  readonly issuerId: string
  readonly serialHex: string
  /** State that the caller saw; the store refuses with REVOCATION_CONFLICT when it is another by now. */
  readonly from: CertificateState
  readonly to: CertificateState
  readonly revokedAt: Date | null
  readonly reason: RevocationReason | null
  readonly legalGround: LegalGround | null
  readonly invalidityDate: Date | null
  /** SHA-256 of an SPKI to block for ever (reason keyCompromise), hex. */
  readonly blockSpkiSha256?: string
}

/** The database as the core sees it. */
export interface CaStore {
  /** Takes serials and writes records; all or nothing; durable on return. @throws SERIAL_COLLISION */
  recordIntents(rows: readonly IntentRow[], records: readonly RecordDraft[]): Promise<void>
  /** Completes intents; all or nothing; durable on return. @returns ids of the records, in their order */
  recordIssued(rows: readonly IssuedRow[], records: readonly RecordDraft[]): Promise<readonly string[]>
  /** Records that change no other table (key use, key destruction, refusals); durable on return. */
  record(records: readonly RecordDraft[]): Promise<void>
  /**
   * @param reading `may-lag`: for whoever follows `statusChanges` and forgets what changed; the answer holds every change
   *   that `statusChanges` told of, and may come from a replica
   */
  findStatus(issuerId: string, serialHex: string, reading?: 'may-lag'): Promise<CertificateStatus | undefined>
  /** The certificate behind an issued serial, for signing with a held key; undefined for intents. With `may-lag` from anywhere. */
  findIssued(issuerId: string, serialHex: string, reading?: 'may-lag'): Promise<IssuedRow | undefined>
  /** Changes one status by compare-and-set with its record. @throws REVOCATION_CONFLICT, CERT_NOT_FOUND */
  changeStatus(change: StatusChange, records: readonly RecordDraft[]): Promise<CertificateStatus>
  /**
   * Serials whose status changed after `since` (a number that only grows), for caches; cheap when nothing did.
   * `since` = Number.MAX_SAFE_INTEGER asks for `latest` alone.
   */
  statusChanges(
    since: number,
  ): Promise<{ latest: number; changed: readonly { issuerId: string; serialHex: string }[] }>
  /** Revoked and held entries of a scope, by serial ascending, streamed; expired ones stay until one CRL after notAfter. */
  crlEntries(scope: CrlScope, at: Date): AsyncIterable<CrlEntryRow>
  lastCrl(scope: CrlScope): Promise<CrlRow | undefined>
  /**
   * Stores runs of entries ahead of the list that will name them; durable on return. Those that no list names are
   * forgotten after a day. @returns their ids, in their order
   */
  addCrlParts(parts: readonly Uint8Array[], at: Date): Promise<readonly string[]>
  /**
   * Octets of a part of the newest list, or of one that was it a moment ago; they are the caller's own.
   *
   * @throws STORE_UNAVAILABLE
   */
  readCrlPart(id: string): Promise<Uint8Array>
  /**
   * Compare-and-swap on the last number of the scope.
   *
   * @throws REVOCATION_CONFLICT when another CRL came first, or a part is not there
   */
  publishCrl(row: CrlRow, previousNumber: string | null, records: readonly RecordDraft[]): Promise<void>
  /** Which of these keys are blocked, by SHA-256 of their SPKI. */
  findBlockedKeys(spkiSha256: readonly string[]): Promise<ReadonlySet<string>>
  /**
   * Live certificates by key (for revocation of siblings, and for the unique-key rule), serials without one too. Keys
   * that have none are left out.
   */
  certificatesWithKeys(
    spkiSha256: readonly string[],
  ): Promise<ReadonlyMap<string, readonly CertificateStatus[]>>
  /** Instant of the newest record, or undefined: a clock behind it must not sign. */
  lastRecordTime(): Promise<Date | undefined>
}

/** Everything that the core needs from outside. */
export interface CaPorts {
  readonly store: CaStore
  readonly now: () => Date
  readonly randomBytes: (count: number) => Uint8Array
}

/** What a certificate is asked to be. */
export interface IssueRequest extends Actor {
  readonly profile: string
  readonly issuerId?: string
  readonly subject: readonly SubjectAttribute[]
  /** A PKCS#10 request (proof of possession inside), or a key that the core itself holds. */
  readonly key: { readonly csrDer: Uint8Array } | { readonly keyId: string }
  /** Whole seconds; the profile's default when left out, its limit when larger is refused. */
  readonly validitySeconds?: number
  readonly subjectAltNames?: readonly {
    readonly type: 'email' | 'dns' | 'uri' | 'ip'
    readonly value: string
  }[]
  readonly identityEvidenceId: string | null
  /** Digests that a one-time key may sign, and nothing else (event certificates). */
  readonly eventDigests?: readonly { readonly alg: string; readonly digestHex: string }[]
  /** Salt of what its records say of the person, 16 random octets; fresh ones when left out. */
  readonly recordSalt?: Uint8Array
}

/** A certificate with its chain. */
export interface IssuedCertificate extends IssuedRow {
  /** Issuing CA first, root last. */
  readonly chainDer: readonly Uint8Array[]
}

/** What is asked of a status: revocation, hold or release. */
export interface RevokeRequest extends Actor {
  readonly issuerId: string
  readonly serialHex: string
  readonly reason: RevocationReason
  readonly legalGround: LegalGround
  readonly invalidityDate?: Date
}

/** What an event certificate is asked to be; its key is made for it. */
export type EventRequest = Omit<IssueRequest, 'key' | 'eventDigests' | 'recordSalt' | keyof Actor>

/** What is signed: a digest of content, wrapped by the core in CMS signed attributes that it builds itself. */
export interface SignDigestRequest extends Actor {
  /** A held key with its certificate, or an event certificate made for this digest alone. */
  readonly signer:
    { readonly issuerId: string; readonly serialHex: string } | { readonly event: EventRequest }
  /** SHA-256 of the content (the ByteRange octets of a PDF, or the whole file). */
  readonly contentSha256: Uint8Array
  /** `pades` omits signing-time (EN 319 142-1 §6.3), `cades` carries it (EN 319 122-1 §6.3). */
  readonly format: 'pades' | 'cades'
  /** Adds a signature time-stamp of this house's TSA (level B-T). */
  readonly withTimestamp: boolean
}

/** A finished signature over a content digest. */
export interface SignedDigest {
  /** ContentInfo with SignedData, detached, one SignerInfo, no unsigned attribute but the time-stamp asked for. */
  readonly cmsDer: Uint8Array
  readonly signatureValue: Uint8Array
  readonly certificate: IssuedCertificate
  readonly signingTime: Date
}

/** One signer, one key, one certificate, and the digests that it is made for. */
export interface EventSignatureRequest extends Actor {
  readonly event: EventRequest
  /** SHA-256 values, 1 to 100, each once. */
  readonly contentsSha256: readonly Uint8Array[]
  readonly format: 'pades' | 'cades'
  readonly withTimestamp: boolean
  /** Said in the signature itself. */
  readonly commitment?: CommitmentType
  /** SHA-256 of what the signer agreed to; the records hold a salted hash of it. */
  readonly agreedSha256?: Uint8Array
}

/** A signature with its place in the records. */
export interface RecordedSignature extends Omit<SignedDigest, 'certificate'> {
  /** Id of its `signature.created` record: the receipt of that proves it. */
  readonly recordId: string
  /** `genTime` of the time-stamp. */
  readonly timestampedAt: Date | null
}

/** What came of an {@link EventSignatureRequest}: the key is destroyed by now. */
export interface EventSignatures {
  readonly certificate: IssuedCertificate
  /** One per digest, in their order. */
  readonly signatures: readonly RecordedSignature[]
  /** Salt of `subjectHash` and `agreedHash` in the records. */
  readonly recordSalt: Uint8Array
  /** Ids of the records `certificate.issued` and `key.destroyed`. */
  readonly issuedRecordId: string
  readonly destroyedRecordId: string
}

/** An OCSP response and what caches may do with it. */
export interface OcspAnswer {
  readonly der: Uint8Array
  /** False when the request had a nonce or was not answered successfully (RFC 5019 §6). */
  readonly cacheable: boolean
  /** Seconds until the answer is renewed here (half of its validity): what a cache may keep it for. */
  readonly maxAgeSeconds: number
  readonly thisUpdate?: Date
  readonly nextUpdate?: Date
}

/** One CA certificate with what relying parties may fetch. */
export interface IssuerInfo {
  readonly issuerId: string
  readonly role: 'root' | 'issuing'
  readonly certDer: Uint8Array
  readonly chainDer: readonly Uint8Array[]
  readonly shards: number
  /** False where the private key is kept elsewhere (offline root): its CRLs are made there. */
  readonly canSign: boolean
}

/** A key that the core holds for a tenant; the private part never leaves. */
export interface HeldKey {
  readonly keyId: string
  readonly algorithm: string
  readonly spkiDer: Uint8Array
  readonly tenant: string | null
  readonly createdAt: Date
}

/** What is rotated, and in whose name. */
export interface RotationRequest {
  readonly actor: Actor
  /** All of them, also those with a long life ahead. */
  readonly force: boolean
}

/** Door 1 of the core: plain data in, DER out. */
export interface Ca {
  /** Checks, builds and lints; takes the serial and writes the intent durably; the token is good once. */
  prepare(request: IssueRequest): Promise<IssuanceToken>
  /** The same for many requests with one durable commit; one outcome per request, in their order. */
  prepareMany(requests: readonly IssueRequest[]): Promise<readonly (IssuanceToken | CodedError)[]>
  issue(token: IssuanceToken): Promise<IssuedCertificate>
  /** The same for many tokens with one durable commit; one outcome per token, in their order. */
  issueMany(tokens: readonly IssuanceToken[]): Promise<readonly (IssuedCertificate | CodedError)[]>
  revoke(request: RevokeRequest): Promise<CertificateStatus>
  /** Builds, explains the difference to the last one, signs and publishes the next CRL of a scope. */
  crl(scope: CrlScope): Promise<CrlRow>
  /** Takes in the CRL of a CA whose key is elsewhere (offline root). @throws CRL_REFUSED with the rule in `extra.rule` */
  importCrl(crlDer: Uint8Array, actor: Actor): Promise<CrlRow>
  /** Whether its root revoked an issuing CA, which then signs nothing any more. @throws ISSUER_UNKNOWN */
  isRevoked(issuerId: string): Promise<boolean>
  /** OCSPRequest in, OCSPResponse out, refusals too; at once where the answer is at hand. */
  ocsp(requestDer: Uint8Array): OcspAnswer | Promise<OcspAnswer>
  /**
   * Renews the certificates of OCSP responders and TSA that are in the last third of their life, or all of them. New
   * answers and tokens use them as soon as `save` has made the material durable; what was signed before stays valid.
   */
  rotate(
    request: RotationRequest,
    save: (material: CaMaterial) => Promise<void>,
  ): Promise<{ readonly rotated: readonly RotatedService[]; readonly failed: readonly FailedRotation[] }>
  /** Goes on with the service certificates of material that another process saved. @returns whether they differ */
  adopt(material: CaMaterial): Promise<boolean>
  /** RFC 3161: TimeStampReq in, TimeStampResp out (also for refusals). */
  timestamp(requestDer: Uint8Array): Promise<Uint8Array>
  signDigest(request: SignDigestRequest): Promise<SignedDigest>
  /** Many signers, each with a key and a certificate for this alone, in two durable commits; one outcome per request. */
  signEvents(requests: readonly EventSignatureRequest[]): Promise<readonly (EventSignatures | CodedError)[]>
  /** Signs a log checkpoint note body with the log key (Ed25519). */
  signNote(body: Uint8Array): Promise<Uint8Array>
  readonly logPublicKey: Uint8Array
  readonly issuers: readonly IssuerInfo[]
  /** Certificates of the delegated services. */
  readonly services: { readonly ocspDer: readonly Uint8Array[]; readonly tsaDer: Uint8Array }
  readonly keys: {
    generate(algorithm: string, actor: Actor): Promise<HeldKey>
    importPkcs12(
      p12: Uint8Array,
      passphrase: string,
      actor: Actor,
    ): Promise<HeldKey & { readonly certificatesDer: readonly Uint8Array[] }>
    /** PKCS#10 for a held key; `actor` (where given) must be of the tenant that the key is held for. */
    csr(keyId: string, subject: readonly SubjectAttribute[], actor?: Actor): Promise<Uint8Array>
    destroy(keyId: string, actor: Actor): Promise<void>
  }
  /** Writes what is still counted in memory only; called once, when the service stops. */
  close(): Promise<void>
  /** Profiles as loaded: name, class, SHA-256 of the file. */
  readonly profiles: readonly {
    readonly name: string
    readonly class: CertificateClass
    readonly sha256: string
    /** Whether a request must name an identity-evidence entry (Electronic Signature Law art. 20). */
    readonly identityEvidence: 'required' | 'none'
  }[]
}

declare const issuanceToken: unique symbol

/** Opaque: proof that exactly this TBSCertificate was checked, linted and recorded. Redeemed at most once. */
export interface IssuanceToken {
  readonly [issuanceToken]: true
  readonly serialHex: string
  readonly issuerId: string
}
