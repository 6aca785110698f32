/** A time-stamp token (RFC 3161 §2.4.2): what it says, what is signed of it, and the finished token. Pure. */
import type { KeyObject } from 'node:crypto'
import { digest } from './algorithms/hashes.ts'
import { type SignatureAlgorithm, verifySignature } from './algorithms/signatures.ts'
import { CodedError } from './errors.ts'
import type { Certificate } from './x509/certificate.ts'
import { CONTENT } from './x509/cms.ts'
import { buildSignedAttributes, encodeSignedData } from './x509/cms-writer.ts'
import { encodeTstInfo } from './x509/tsp-writer.ts'

/** Stated distance to UTC in milliseconds; EN 319 421 §7.7.2 asks for a second or better. */
export const TSA_ACCURACY_MS = 1000

/** Who stamps, without the key. */
export interface Stamper {
  readonly certificate: Certificate
  readonly publicKey: KeyObject
  readonly signatureAlgorithm: SignatureAlgorithm
  /** What comes along with a token where it is asked for: the TSA and what leads to the root, without the root. */
  readonly certificatesDer: readonly Uint8Array[]
  /** The attribute that names its certificate in every token. */
  readonly signingCertificate: Uint8Array
}

/** Place of a token in the order of its TSA. */
export interface TokenSlot {
  readonly policy: string
  /** Unsigned octets. */
  readonly serial: Uint8Array
  /** Microseconds since 1970. */
  readonly genTimeMicros: bigint
}

/** Nanoseconds of the clock that all threads of this process share and that is never set. */
export const monotonicNow = (): bigint => process.hrtime.bigint()

/** A slot that was taken some time ago, moved to this moment: a token does not say that something existed before it did. */
export const slotNow = (slot: TokenSlot, takenAt: bigint): TokenSlot => ({
  ...slot,
  genTimeMicros: slot.genTimeMicros + (monotonicNow() - takenAt) / 1000n,
})

/** What is to be stamped: TSTInfo, and whether certificates come along (RFC 3161 §2.4.1). */
export interface StampInput {
  readonly tstInfo: Uint8Array
  readonly certReq: boolean
}

/** A token. */
export interface Stamped {
  readonly tokenDer: Uint8Array
}

/** The TSA with its key. */
export interface SigningStamper {
  readonly stamper: Stamper
  readonly sign: (data: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** What a token is about. */
export interface TokenSubject {
  /** MessageImprint exactly as it was asked. */
  readonly messageImprintRaw: Uint8Array
  /** Content octets of the nonce INTEGER, as asked. */
  readonly nonce?: Uint8Array | undefined
}

/** TSTInfo of a token. */
export const buildTstInfo = (
  { certificate }: Pick<Stamper, 'certificate'>,
  slot: TokenSlot,
  { messageImprintRaw, nonce }: TokenSubject,
): Uint8Array =>
  encodeTstInfo({ ...slot, messageImprintRaw, accuracyMs: TSA_ACCURACY_MS, nonce, tsa: certificate })

const hashOf = ({ signatureAlgorithm }: Pick<Stamper, 'signatureAlgorithm'>) =>
  signatureAlgorithm.hash ?? 'SHA-512'

/** The octets that the TSA signs. */
const buildTokenAttributes = (stamper: Stamper, tstInfo: Uint8Array): Uint8Array =>
  buildSignedAttributes({
    contentType: CONTENT.tstInfo,
    messageDigest: digest(hashOf(stamper), tstInfo),
    signingCertificate: stamper.signingCertificate,
  })

/**
 * Signs a token; its signature is verified before anybody sees it.
 *
 * @throws {ISSUANCE_MISMATCH} and what the key throws
 */
export async function signToken(
  { stamper, sign }: SigningStamper,
  { tstInfo, certReq }: StampInput,
): Promise<Stamped> {
  const { certificate, publicKey, signatureAlgorithm } = stamper
  const signedAttributesDer = buildTokenAttributes(stamper, tstInfo)
  const made = sign(signedAttributesDer)
  const signature = made instanceof Uint8Array ? made : await made
  if (!verifySignature(signatureAlgorithm, publicKey, signedAttributesDer, signature))
    throw new CodedError('ISSUANCE_MISMATCH', 'signature of the token does not verify')
  const tokenDer = encodeSignedData({
    contentType: CONTENT.tstInfo,
    content: tstInfo,
    signedAttributesDer,
    digestHash: hashOf(stamper),
    signatureAlgorithm,
    signature,
    certificate,
    // RFC 3161 §2.4.1: certificates come along when they are asked for.
    certificatesDer: certReq ? stamper.certificatesDer : [],
  })
  return { tokenDer }
}
