/** What the parts of the core share once it is open; built by `index.ts`; nothing but the service identities changes afterwards. */
import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from './algorithms/signatures.ts'
import type { Draft, DraftInput, Signed, SignInput } from './drafts.ts'
import { CodedError } from './errors.ts'
import type { Certified, CertifyInput } from './event-signature.ts'
import type { OneTimeKeys } from './keys/one-time.ts'
import type { KeyProvider } from './keys/provider.ts'
import type { StreamedMessage } from './keys/sign.ts'
import type { ThrowAwaySignatures } from './keys/throw-away.ts'
import type { CaPorts } from './ports.ts'
import type { Profile } from './profiles.ts'
import type { CertificateTemplate } from './template.ts'
import type { StampInput, Stamped } from './timestamp-token.ts'
import type { Certificate } from './x509/certificate.ts'

/** One CA: its certificate, and the key behind `keyId` unless that is kept elsewhere (offline root). */
export interface Issuer {
  readonly issuerId: string
  readonly role: 'root' | 'issuing'
  readonly certDer: Uint8Array
  readonly certificate: Certificate
  /** Certificates above this one, root last. */
  readonly chainDer: readonly Uint8Array[]
  /** Null where the private key is not in this house. */
  readonly keyId: string | null
  readonly publicKey: KeyObject
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly subjectKeyIdentifier: Uint8Array
  /** Number of CRL shards; shard = serial mod shards. */
  readonly shards: number
}

/** An OCSP responder or a TSA. */
export interface ServiceIdentity {
  readonly issuerId: string
  readonly certDer: Uint8Array
  readonly certificate: Certificate
  readonly keyId: string
  readonly signatureAlgorithm: SignatureAlgorithm
}

/** What issuing needs; a ceremony has this before there is a whole CA. */
export interface IssuingCore {
  readonly ports: CaPorts
  readonly keys: KeyProvider
  /** Keys of event certificates: in memory, good for one signature. */
  readonly oneTimeKeys: OneTimeKeys
  readonly throwAway: ThrowAwaySignatures
  /** Does what costs time. */
  readonly work: IssuingWork
  readonly issuers: ReadonlyMap<string, Issuer>
  readonly profiles: ReadonlyMap<string, Profile>
  readonly template: (profile: Profile, issuer: Issuer) => CertificateTemplate
  /** First octet of every serial: which instance of this CA took it (0x01 to 0x7f). */
  readonly instanceByte: number
  /** Public base address without a trailing slash, as written into certificates. */
  readonly baseUrl: string
  readonly policyArc: string
}

/** What drafting needs of the core: no store and no private key. */
export type DraftCore = Pick<
  IssuingCore,
  'issuers' | 'profiles' | 'template' | 'throwAway' | 'instanceByte' | 'baseUrl' | 'policyArc'
>

/** What signing needs of the core. */
export type SigningCore = Pick<IssuingCore, 'issuers' | 'keys'>

/** What event signatures need of the core. */
export type EventCore = Pick<Core, 'issuers' | 'keys' | 'tsa'>

/** Drafts and signs; one outcome per input, in their order, and a failed one does not hold up the others. */
export interface IssuingWork {
  drafts(core: DraftCore, inputs: readonly DraftInput[]): Promise<(Draft | CodedError)[]>
  /** Only for what `drafts` made and the store has as an intent. */
  signed(core: SigningCore, inputs: readonly SignInput[]): Promise<(Signed | CodedError)[]>
  /** The same for certificates of one-time keys, which then sign; the keys are gone afterwards. */
  certified(core: EventCore, inputs: readonly CertifyInput[]): Promise<(Certified | CodedError)[]>
  /** Only for what the store has a record of. */
  stamped(core: EventCore, inputs: readonly StampInput[]): Promise<(Stamped | CodedError)[]>
  close(): Promise<void>
}

/** Who answers for OCSP and time stamps; replaced as a whole when certificates are renewed. */
export interface ServiceIdentities {
  readonly ocsp: readonly ServiceIdentity[]
  readonly tsa: ServiceIdentity
}

/**
 * A whole CA, open. `ocsp` and `tsa` are those of now: what takes several steps takes them once, and ends with what it
 * began with.
 */
export interface Core extends IssuingCore, ServiceIdentities {
  readonly logKeyId: string
}

/**
 * The issuer of this id.
 *
 * @throws {ISSUER_UNKNOWN}
 */
export function getIssuer(core: Pick<Core, 'issuers'>, issuerId: string): Issuer {
  const issuer = core.issuers.get(issuerId)
  if (!issuer) throw new CodedError('ISSUER_UNKNOWN', 'issuer is not one of this CA')
  return issuer
}

/**
 * Signs with the key of an issuer (certificate or CRL).
 *
 * @throws {KEY_UNAVAILABLE} when the key is kept elsewhere
 */
export async function signAsIssuer(
  core: Pick<Core, 'keys'>,
  issuer: Issuer,
  tbs: Uint8Array | StreamedMessage,
): Promise<Uint8Array> {
  if (issuer.keyId === null)
    throw new CodedError('KEY_UNAVAILABLE', 'the key of this issuer is not in this house (offline root)')
  return core.keys.sign(issuer.keyId, issuer.signatureAlgorithm, tbs)
}

/** CRL shard of a serial: its value mod the number of shards, null when the issuer has one full CRL only. */
export function shardOf(serialHex: string, shards: number): number | null {
  if (shards < 1) return null
  let rest = 0
  for (let at = 0; at < serialHex.length; at += 6) {
    const part = serialHex.slice(at, at + 6)
    rest = (rest * 16 ** part.length + Number.parseInt(part, 16)) % shards
  }
  return rest
}
