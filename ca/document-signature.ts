/** A signature over a content digest: what is signed, and the CMS around it, checked. Pure. */
import type { KeyObject } from 'node:crypto'
import { digest, getHash } from './algorithms/hashes.ts'
import { type SignatureAlgorithm, verifySignature } from './algorithms/signatures.ts'
import { nullValue, octetString, oid, sequence } from './asn1/writer.ts'
import { CodedError } from './errors.ts'
import { type SigningStamper, type TokenSlot, buildTstInfo, signToken } from './timestamp-token.ts'
import type { CertificateReference } from './x509/certificate.ts'
import { ATTRIBUTE, CONTENT } from './x509/cms.ts'
import {
  type CommitmentType,
  buildSignedAttributes,
  encodeSignedData,
  encodeSigningCertificate,
} from './x509/cms-writer.ts'

/** What a signature will say. */
export interface SignatureDraft {
  readonly certificate: CertificateReference
  readonly signingTime: Date
  readonly signedAttributesDer: Uint8Array
}

/** What is signed. */
export interface SignatureContent {
  /** SHA-256 of the content. */
  readonly contentSha256: Uint8Array
  readonly format: 'pades' | 'cades'
  readonly commitment?: CommitmentType | undefined
}

/** The octets that a key signs for a digest. */
export function draftSignature(
  { contentSha256, format, commitment }: SignatureContent,
  certificate: CertificateReference,
  at: Date,
): SignatureDraft {
  const signingTime = new Date(Math.floor(at.getTime() / 1000) * 1000)
  const signedAttributesDer = buildSignedAttributes({
    contentType: CONTENT.data,
    messageDigest: contentSha256,
    signingCertificate: encodeSigningCertificate(certificate, true),
    // PAdES has the time in the signature dictionary (EN 319 142-1 §6.3); CAdES has it here (EN 319 122-1 §6.3).
    ...(format === 'cades' ? { signingTime } : {}),
    ...(commitment === undefined ? {} : { commitment }),
  })
  return { certificate, signingTime, signedAttributesDer }
}

/** A signature value with what it is wrapped in. */
export interface SignatureParts {
  readonly draft: SignatureDraft
  readonly algorithm: SignatureAlgorithm
  readonly signatureValue: Uint8Array
  readonly certDer: Uint8Array
  /** Issuing CA first, root last. */
  readonly chainDer: readonly Uint8Array[]
  /** DER of a signature time-stamp. */
  readonly tokenDer?: Uint8Array | undefined
}

/**
 * Verifies what was signed before anybody sees it.
 *
 * @param publicKey of the certificate
 * @throws {ISSUANCE_MISMATCH}
 */
export function checkSignatureValue(
  publicKey: KeyObject,
  { draft, algorithm, signatureValue }: SignatureParts,
): void {
  if (!verifySignature(algorithm, publicKey, draft.signedAttributesDer, signatureValue))
    throw new CodedError('ISSUANCE_MISMATCH', 'signature does not verify with the key of its certificate')
}

/** ContentInfo with the detached signature. */
export const assembleSignature = (parts: SignatureParts): Uint8Array =>
  encodeSignedData({
    contentType: CONTENT.data,
    signedAttributesDer: parts.draft.signedAttributesDer,
    digestHash: 'SHA-256',
    signatureAlgorithm: parts.algorithm,
    signature: parts.signatureValue,
    certificate: parts.draft.certificate,
    // Without the root: it proves nothing there, a relying party trusts its own copy.
    certificatesDer: [parts.certDer, ...parts.chainDer.slice(0, -1)],
    ...(parts.tokenDer ? { unsigned: { type: ATTRIBUTE.signatureTimeStamp, value: parts.tokenDer } } : {}),
  })

/** What a token over a signature value says. */
export interface TokenDraft {
  readonly slot: TokenSlot
  readonly tstInfo: Uint8Array
}

const SHA256_IDENTIFIER = sequence(oid(getHash('SHA-256').oid), nullValue())

/**
 * The signature time-stamp of one signature (EN 319 122-1 §5.3), where there is a slot for it.
 *
 * @throws {ISSUANCE_MISMATCH} and what the key throws
 */
export async function stamp(
  tsa: SigningStamper,
  slot: TokenSlot | undefined,
  signatureValue: Uint8Array,
): Promise<{ draft: TokenDraft; tokenDer: Uint8Array } | undefined> {
  if (!slot) return undefined
  const messageImprintRaw = sequence(SHA256_IDENTIFIER, octetString(digest('SHA-256', signatureValue)))
  const tstInfo = buildTstInfo(tsa.stamper, slot, { messageImprintRaw })
  return { draft: { slot, tstInfo }, ...(await signToken(tsa, { tstInfo, certReq: true })) }
}
