/**
 * Writes CMS SignedData (RFC 5652 §5) with one signer. Signed attributes are sorted here, once, and never by
 * a caller: software that re-encodes before it verifies (Java, BouncyCastle) rejects any other order.
 */
import { CodedError } from '../errors.ts'
import { type Nested, encodeNested, nested } from '../asn1/nested.ts'
import { compareBytes, explicit, integer, oid, sequence, setOf, time, tlv } from '../asn1/writer.ts'
import { type Der, childrenOf, onlyChild, parseDer, readSequence } from '../asn1/reader.ts'
import { TAG, contextConstructed } from '../asn1/tags.ts'
import { type HashName, getHash, sha256 } from '../algorithms/hashes.ts'
import { type SignatureAlgorithm } from '../algorithms/signatures.ts'
import type { CertificateReference } from './certificate.ts'
import { ATTRIBUTE, CONTENT } from './cms.ts'

/** Attribute with one value. */
const attributeOf = (type: string, value: Uint8Array | Nested): Nested =>
  nested(TAG.sequence, oid(type), nested(TAG.set, value))

/** Attribute with one value. */
const encodeAttribute = (type: string, value: Uint8Array | Nested): Uint8Array =>
  encodeNested(attributeOf(type, value))

/** IssuerAndSerialNumber. */
const issuerAndSerial = ({ issuer, serial }: CertificateReference): Nested =>
  nested(TAG.sequence, issuer.raw, nested(TAG.integer, serial))

/**
 * The attribute signing-certificate-v2 with the SHA-256 of one certificate; SHA-256 is the default and not written
 * (RFC 5035 §4).
 *
 * @param withIssuerSerial also name issuer and serial, as EN 319 122-1 §5.2.2.3 recommends
 */
export function encodeSigningCertificate(
  certificate: CertificateReference,
  withIssuerSerial: boolean,
): Uint8Array {
  const { raw, issuer, serial } = certificate
  const certHash = nested(TAG.octetString, sha256(raw))
  const issuerSerial = (): Nested =>
    nested(
      TAG.sequence,
      nested(TAG.sequence, nested(contextConstructed(4), issuer.raw)),
      nested(TAG.integer, serial),
    )
  const id = nested(TAG.sequence, certHash, ...(withIssuerSerial ? [issuerSerial()] : []))
  return encodeAttribute(ATTRIBUTE.signingCertificateV2, nested(TAG.sequence, nested(TAG.sequence, id)))
}

/** Commitment types by what they say of the signer (EN 319 122-1 annex B.1, RFC 5126 §5.11.1). */
export const COMMITMENTS = {
  origin: '1.2.840.113549.1.9.16.6.1',
  receipt: '1.2.840.113549.1.9.16.6.2',
  delivery: '1.2.840.113549.1.9.16.6.3',
  sender: '1.2.840.113549.1.9.16.6.4',
  approval: '1.2.840.113549.1.9.16.6.5',
  creation: '1.2.840.113549.1.9.16.6.6',
} as const

/** What a signer commits to. */
export type CommitmentType = keyof typeof COMMITMENTS

/** What the signed attributes say. */
export interface SignedAttributeFields {
  readonly contentType: string
  readonly messageDigest: Uint8Array
  /** Of {@link encodeSigningCertificate}. */
  readonly signingCertificate: Uint8Array
  /** Left out for PAdES (EN 319 142-1 §6.3). */
  readonly signingTime?: Date
  /** commitment-type-indication (EN 319 122-1 §5.2.3). */
  readonly commitment?: CommitmentType
}

const contentTypes = new Map<string, Uint8Array>()

/** The attribute content-type; there are two of them. */
function contentTypeAttribute(contentType: string): Uint8Array {
  const known = contentTypes.get(contentType)
  if (known) return known
  const made = encodeAttribute(ATTRIBUTE.contentType, oid(contentType))
  if (contentTypes.size < 10) contentTypes.set(contentType, made)
  return made
}

/**
 * The signed attributes as they are signed: SET OF, sorted (RFC 5652 §5.4).
 *
 * @returns DER with tag 0x31
 */
export const buildSignedAttributes = (fields: SignedAttributeFields): Uint8Array =>
  setOf(
    contentTypeAttribute(fields.contentType),
    encodeAttribute(ATTRIBUTE.messageDigest, nested(TAG.octetString, fields.messageDigest)),
    fields.signingCertificate,
    ...(fields.signingTime ? [encodeAttribute(ATTRIBUTE.signingTime, time(fields.signingTime))] : []),
    ...(fields.commitment
      ? [encodeAttribute(ATTRIBUTE.commitmentType, nested(TAG.sequence, oid(COMMITMENTS[fields.commitment])))]
      : []),
  )

/** The parts of a SignedData with one signer. */
export interface SignedDataFields {
  readonly contentType: string
  /** Encapsulated content; left out for a detached signature. */
  readonly content?: Uint8Array
  /** As `buildSignedAttributes` made them and as they were signed. */
  readonly signedAttributesDer: Uint8Array
  readonly digestHash: HashName
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly signature: Uint8Array
  readonly certificate: CertificateReference
  /** Certificates to put in, the signer's included. */
  readonly certificatesDer: readonly Uint8Array[]
  /** One unsigned attribute, for example a signature time-stamp. */
  readonly unsigned?: { readonly type: string; readonly value: Uint8Array }
}

/** AlgorithmIdentifier of a digest; parameters are absent (RFC 5754 §2). */
const digestAlgorithm = (hash: HashName): Nested => nested(TAG.sequence, oid(getHash(hash).oid))

const VERSION_1 = integer(1)
const VERSION_3 = integer(3)

/** `[number] IMPLICIT` of a SET OF that was encoded before: its content under another tag. */
const underTag = (setDer: Uint8Array, number: number): Nested =>
  nested(contextConstructed(number), setDer.subarray(setDer.length - contentLength(setDer)))

function contentLength(encoded: Uint8Array): number {
  const first = encoded[1] ?? 0
  return first < 0x80 ? encoded.length - 2 : encoded.length - 2 - (first & 0x7f)
}

function signerInfoOf(fields: SignedDataFields): Nested {
  const { unsigned } = fields
  return nested(
    TAG.sequence,
    VERSION_1,
    issuerAndSerial(fields.certificate),
    digestAlgorithm(fields.digestHash),
    underTag(fields.signedAttributesDer, 0),
    fields.signatureAlgorithm.identifierDer,
    nested(TAG.octetString, fields.signature),
    ...(unsigned ? [nested(contextConstructed(1), attributeOf(unsigned.type, unsigned.value))] : []),
  )
}

/** ContentInfo with SignedData. */
export function encodeSignedData(fields: SignedDataFields): Uint8Array {
  const { contentType, content, certificatesDer } = fields
  const contentOctets = content ? [nested(contextConstructed(0), nested(TAG.octetString, content))] : []
  const certificates =
    certificatesDer.length > 0
      ? [nested(contextConstructed(0), ...[...certificatesDer].sort(compareBytes))]
      : []
  const signedData = nested(
    TAG.sequence,
    // RFC 5652 §5.1: 3 as soon as the content is not id-data.
    contentType === CONTENT.data ? VERSION_1 : VERSION_3,
    nested(TAG.set, digestAlgorithm(fields.digestHash)),
    nested(TAG.sequence, oid(contentType), ...contentOctets),
    ...certificates,
    nested(TAG.set, signerInfoOf(fields)),
  )
  return encodeNested(
    nested(TAG.sequence, oid(CONTENT.signedData), nested(contextConstructed(0), signedData)),
  )
}

/**
 * Adds an unsigned attribute to the only signer, for example a signature time stamp; nothing else changes a byte.
 *
 * @param cmsDer ContentInfo with SignedData in DER
 * @param value DER of the attribute's value
 * @throws {INPUT_MALFORMED} when there is not exactly one signer
 */
export function addUnsignedAttribute(cmsDer: Uint8Array, type: string, value: Uint8Array): Uint8Array {
  // One element and nothing else: a broken value would break the whole signature.
  parseDer(value)
  const info = readSequence(cmsDer)
  const contentType = info.next(TAG.oid)
  const signedData = childrenOf(onlyChild(info.next(contextConstructed(0))))
  info.end()
  const signerSet = signedData.at(-1)
  const signers = signerSet?.tag === TAG.set ? childrenOf(signerSet) : []
  const [signer] = signers
  if (!signer || signers.length !== 1)
    throw new CodedError('INPUT_MALFORMED', 'CMS: there is not exactly one signer to add an attribute to')
  const before = signedData.slice(0, -1).map((node) => node.raw)
  const signedDataDer = sequence(...before, tlv(TAG.set, withUnsigned(signer, encodeAttribute(type, value))))
  return sequence(contentType.raw, explicit(0, signedDataDer))
}

function withUnsigned(signer: Der, attribute: Uint8Array): Uint8Array {
  const fields = childrenOf(signer)
  const last = fields.at(-1)
  const hasUnsigned = last?.tag === contextConstructed(1)
  const others = last && hasUnsigned ? childrenOf(last).map((node) => node.raw) : []
  const kept = (hasUnsigned ? fields.slice(0, -1) : fields).map((node) => node.raw)
  const unsigned = tlv(contextConstructed(1), ...[...others, attribute].sort(compareBytes))
  return tlv(TAG.sequence, ...kept, unsigned)
}
