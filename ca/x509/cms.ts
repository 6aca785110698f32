/** CMS SignedData as read (RFC 5652 §5). Writing is in `cms-writer.ts`; foreign BER is made DER before it comes here. */
import { CodedError } from '../errors.ts'
import { type Der, checkElementCount, childrenOf, onlyChild, parseDer, readSequence } from '../asn1/reader.ts'
import { decodeOid, decodeSmallInteger, decodeTime, integerBytes, serialHexOf } from '../asn1/values.ts'
import { compareBytes } from '../asn1/writer.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { type AlgorithmIdentifier, parseAlgorithmIdentifier } from '../algorithms/signatures.ts'
import { type Name, parseName } from './name.ts'

/** Content types (RFC 5652 §4, §5; RFC 3161 §2.4.2). */
export const CONTENT = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  tstInfo: '1.2.840.113549.1.9.16.1.4',
} as const

/** Attributes (RFC 5652 §11, RFC 5035, RFC 5126 and EN 319 122-1). */
export const ATTRIBUTE = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
  countersignature: '1.2.840.113549.1.9.6',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  signatureTimeStamp: '1.2.840.113549.1.9.16.2.14',
  signaturePolicyId: '1.2.840.113549.1.9.16.2.15',
  commitmentType: '1.2.840.113549.1.9.16.2.16',
  signerLocation: '1.2.840.113549.1.9.16.2.17',
  contentTimeStamp: '1.2.840.113549.1.9.16.2.20',
  cmsAlgorithmProtection: '1.2.840.113549.1.9.52',
} as const

/** One attribute, its values still encoded. */
export interface CmsAttribute {
  readonly oid: string
  readonly values: readonly Der[]
  readonly raw: Uint8Array
}

/** What RFC 5652 or DER forbids but software in the field writes; the verifier decides what it costs. */
export type SignerInfoProblem =
  | 'signedAttributesNotSorted'
  | 'attributeTwice'
  | 'attributeValueCount'
  | 'contentTypeMissing'
  | 'messageDigestMissing'
  | 'versionMismatch'

/** How a SignerInfo names its certificate (RFC 5652 §5.3). */
export type SignerIdentifier =
  | {
      readonly kind: 'issuerAndSerialNumber'
      readonly issuer: Name
      readonly serial: Uint8Array
      readonly serialHex: string
    }
  | { readonly kind: 'subjectKeyIdentifier'; readonly keyIdentifier: Uint8Array }

/** One signature. */
export interface SignerInfo {
  readonly raw: Uint8Array
  readonly version: number
  readonly sid: SignerIdentifier
  readonly digestAlgorithm: AlgorithmIdentifier
  /** In the order in which they stand; empty when there are none. */
  readonly signedAttributes: readonly CmsAttribute[]
  /** What is signed: the attributes with the SET OF tag of RFC 5652 §5.4, in the order in which they stand. */
  readonly signedAttributesDer: Uint8Array | undefined
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly signature: Uint8Array
  readonly unsignedAttributes: readonly CmsAttribute[]
  readonly problems: readonly SignerInfoProblem[]
}

/** SignedData with the ContentInfo around it. */
export interface SignedData {
  readonly raw: Uint8Array
  readonly version: number
  readonly digestAlgorithms: readonly AlgorithmIdentifier[]
  readonly contentType: string
  /** The encapsulated content; undefined when the signature is detached. */
  readonly content: Uint8Array | undefined
  /** DER of X.509 certificates; other choices (attribute certificates) are left out. */
  readonly certificates: readonly Uint8Array[]
  /** DER of CRLs. */
  readonly crls: readonly Uint8Array[]
  /** DER of OtherRevocationInfoFormat values by their OID (RFC 5940: OCSP responses). */
  readonly otherRevocationInfo: readonly { readonly oid: string; readonly value: Uint8Array }[]
  readonly signerInfos: readonly SignerInfo[]
}

/** Bounds of one SignedData without its content. */
export const MAX_CMS_BYTES = 64 * 1024 * 1024
const MAX_CMS_ELEMENTS = 100_000
const MAX_SIGNER_INFOS = 100
const MAX_CMS_CERTIFICATES = 1000

function malformed(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', `CMS: ${rule}`)
}

/**
 * Parses a ContentInfo that holds SignedData.
 *
 * @param der strict DER, nothing after it (a PDF's padding of zeros is cut off by the caller)
 * @throws {CodedError} INPUT_MALFORMED, INPUT_TOO_LARGE
 */
export function parseSignedData(der: Uint8Array): SignedData {
  if (der.length > MAX_CMS_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', `CMS has ${der.length} bytes, at most ${MAX_CMS_BYTES} are read`)
  checkElementCount(der, MAX_CMS_ELEMENTS, isCrl)
  const info = readSequence(der)
  const type = decodeOid(info.next(TAG.oid))
  if (type !== CONTENT.signedData) malformed(`content type ${type} is not signedData`)
  const wrapped = info.next(contextConstructed(0))
  info.end()

  const data = readSequence(onlyChild(wrapped))
  const version = decodeSmallInteger(data.next(TAG.integer))
  const digestAlgorithms = childrenOf(data.next(TAG.set)).map(parseAlgorithmIdentifier)
  const encapsulated = readSequence(data.next(TAG.sequence))
  const contentType = decodeOid(encapsulated.next(TAG.oid))
  const contentNode = encapsulated.optional(contextConstructed(0))
  encapsulated.end()
  const certificatesNode = data.optional(contextConstructed(0))
  const crlsNode = data.optional(contextConstructed(1))
  const signers = childrenOf(data.next(TAG.set))
  data.end()
  const certificates = certificatesNode ? childrenOf(certificatesNode) : []
  if (signers.length > MAX_SIGNER_INFOS || certificates.length > MAX_CMS_CERTIFICATES)
    throw new CodedError('INPUT_TOO_LARGE', 'CMS has too many signers or certificates')
  return {
    raw: der,
    version,
    digestAlgorithms,
    contentType,
    content: contentNode && contentOf(onlyChild(contentNode), version),
    certificates: certificates.filter((node) => node.tag === TAG.sequence).map((node) => node.raw),
    ...revocationInfo(crlsNode),
    signerInfos: signers.map(parseSignerInfo),
  }
}

/** CRLs and OCSP responses, of any size, lie four levels down and stay closed here. */
const isCrl = (tag: number, depth: number): boolean =>
  depth === 4 && (tag === TAG.sequence || tag === contextConstructed(1))

/** PKCS#7 v1.5 allowed any type here; RFC 5652 §5.2.1 says how it is read: the whole element is not the content. */
function contentOf(node: Der, version: number): Uint8Array {
  if (node.tag === TAG.octetString) return node.content
  if (version !== 1) malformed('eContent is not an OCTET STRING')
  return node.content
}

function revocationInfo(node: Der | undefined): Pick<SignedData, 'crls' | 'otherRevocationInfo'> {
  const list = node ? childrenOf(node) : []
  const others = list.filter((item) => item.tag === contextConstructed(1))
  return {
    crls: list.filter((item) => item.tag === TAG.sequence).map((item) => item.raw),
    otherRevocationInfo: others.map((item) => {
      const reader = readSequence(item, contextConstructed(1))
      const oid = decodeOid(reader.next(TAG.oid))
      const value = reader.next().raw
      reader.end()
      return { oid, value }
    }),
  }
}

/** One SignerInfo; also the value of a countersignature. @throws {CodedError} INPUT_MALFORMED */
function parseSignerInfo(node: Der): SignerInfo {
  const reader = readSequence(node)
  const version = decodeSmallInteger(reader.next(TAG.integer))
  const sid = parseSignerIdentifier(reader.next())
  const digestAlgorithm = parseAlgorithmIdentifier(reader.next(TAG.sequence))
  const signedNode = reader.optional(contextConstructed(0))
  const signatureAlgorithm = parseAlgorithmIdentifier(reader.next(TAG.sequence))
  const signature = reader.next(TAG.octetString).content
  const unsignedNode = reader.optional(contextConstructed(1))
  reader.end()
  const signedAttributes = signedNode ? parseAttributes(signedNode) : []
  const problems = new Set(signedNode ? attributeProblems(signedAttributes) : [])
  if (version !== (sid.kind === 'issuerAndSerialNumber' ? 1 : 3)) problems.add('versionMismatch')
  return {
    raw: node.raw,
    version,
    sid,
    digestAlgorithm,
    signedAttributes,
    signedAttributesDer: signedNode && withSetTag(signedNode.raw),
    signatureAlgorithm,
    signature,
    unsignedAttributes: unsignedNode ? parseAttributes(unsignedNode) : [],
    problems: [...problems],
  }
}

function parseSignerIdentifier(node: Der): SignerIdentifier {
  if (node.tag === context(0)) return { kind: 'subjectKeyIdentifier', keyIdentifier: node.content }
  const reader = readSequence(node)
  const issuer = parseName(reader.next(TAG.sequence))
  const serial = integerBytes(reader.next(TAG.integer))
  reader.end()
  return { kind: 'issuerAndSerialNumber', issuer, serial, serialHex: serialHexOf(serial) }
}

function parseAttributes(node: Der): CmsAttribute[] {
  const list = childrenOf(node).map((item) => {
    const reader = readSequence(item)
    const oid = decodeOid(reader.next(TAG.oid))
    const values = childrenOf(reader.next(TAG.set))
    reader.end()
    return { oid, values, raw: item.raw }
  })
  if (list.length === 0) malformed('attributes are present and empty (RFC 5652 §5.3)')
  return list
}

/** Attributes that RFC 5652 §11 and RFC 5035 allow once, with one value. */
const SINGLE = new Set<string>([
  ATTRIBUTE.contentType,
  ATTRIBUTE.messageDigest,
  ATTRIBUTE.signingTime,
  ATTRIBUTE.signingCertificate,
  ATTRIBUTE.signingCertificateV2,
])

function attributeProblems(attributes: readonly CmsAttribute[]): SignerInfoProblem[] {
  const problems: SignerInfoProblem[] = []
  const isSorted = attributes.every(({ raw }, i) => {
    const before = attributes[i - 1]
    return before === undefined || compareBytes(before.raw, raw) <= 0
  })
  if (!isSorted) problems.push('signedAttributesNotSorted')
  const oids = attributes.map(({ oid }) => oid)
  if (new Set(oids).size !== oids.length) problems.push('attributeTwice')
  if (attributes.some(({ oid, values }) => SINGLE.has(oid) && values.length !== 1))
    problems.push('attributeValueCount')
  if (!oids.includes(ATTRIBUTE.contentType)) problems.push('contentTypeMissing')
  if (!oids.includes(ATTRIBUTE.messageDigest)) problems.push('messageDigestMissing')
  return problems
}

/**
 * Whether octets are what a signature with attributes signs: SET OF Attribute with content-type and message-digest.
 * Without its attributes such a signature is one over these octets, which its signer never saw as a document.
 *
 * @see RFC 5652 §5.4
 */
export function isSignedAttributes(octets: Uint8Array): boolean {
  if (octets[0] !== TAG.set || octets.length > MAX_CMS_BYTES) return false
  try {
    checkElementCount(octets, MAX_CMS_ELEMENTS)
    const oids = parseAttributes(parseDer(octets)).map(({ oid }) => oid)
    return oids.includes(ATTRIBUTE.contentType) && oids.includes(ATTRIBUTE.messageDigest)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    return false
  }
}

function withSetTag(raw: Uint8Array): Uint8Array {
  const out = raw.slice()
  out[0] = TAG.set
  return out
}

/** The single value of an attribute, or undefined when it is absent, doubled or not single-valued. */
export function findAttributeValue(attributes: readonly CmsAttribute[], oid: string): Der | undefined {
  const matches = attributes.filter((attribute) => attribute.oid === oid)
  const [first] = matches
  return matches.length === 1 && first?.values.length === 1 ? first.values[0] : undefined
}

/** message-digest octets, or undefined. */
export function messageDigestOf(signer: SignerInfo): Uint8Array | undefined {
  const value = findAttributeValue(signer.signedAttributes, ATTRIBUTE.messageDigest)
  if (value && value.tag !== TAG.octetString) malformed('message-digest is not an OCTET STRING')
  return value?.content
}

/** content-type attribute, or undefined. */
export function contentTypeOf(signer: SignerInfo): string | undefined {
  const value = findAttributeValue(signer.signedAttributes, ATTRIBUTE.contentType)
  return value && decodeOid(value)
}

/** signing-time: what the signer claims, proved by nothing. */
export function signingTimeOf(signer: SignerInfo): Date | undefined {
  const value = findAttributeValue(signer.signedAttributes, ATTRIBUTE.signingTime)
  return value && decodeTime(value)
}

/** Binds the signature to one certificate (RFC 5035 §3, §4; RFC 2634 §5.4 with SHA-1). */
export interface EssCertId {
  readonly hashOid: string
  readonly certHash: Uint8Array
  readonly issuerSerial?: { readonly issuerRaw: Uint8Array; readonly serial: Uint8Array }
}

const SHA1 = '1.3.14.3.2.26'
const SHA256 = '2.16.840.1.101.3.4.2.1'

/**
 * The ESSCertIDs of signing-certificate-v2, or of signing-certificate where only that is there; the first one
 * names the signer's certificate.
 *
 * @returns undefined when neither attribute is there
 * @throws {CodedError} INPUT_MALFORMED
 */
export function essCertIdsOf(
  signer: SignerInfo,
): { readonly version: 1 | 2; readonly ids: readonly EssCertId[] } | undefined {
  const v2 = findAttributeValue(signer.signedAttributes, ATTRIBUTE.signingCertificateV2)
  const v1 = findAttributeValue(signer.signedAttributes, ATTRIBUTE.signingCertificate)
  if (v2) return { version: 2, ids: parseSigningCertificate(v2, SHA256) }
  return v1 && { version: 1, ids: parseSigningCertificate(v1, SHA1) }
}

/**
 * What each of signing-certificate-v2 and signing-certificate says of the signer's certificate; where both are there,
 * both count, so that no reader sees another signer than the next one.
 *
 * @throws {CodedError} INPUT_MALFORMED when either cannot be read: a reference that is there is never as if absent
 */
export function essReferencesOf({ signedAttributes }: SignerInfo): EssCertId[] {
  const v2 = findAttributeValue(signedAttributes, ATTRIBUTE.signingCertificateV2)
  const v1 = findAttributeValue(signedAttributes, ATTRIBUTE.signingCertificate)
  return [
    ...(v2 ? parseSigningCertificate(v2, SHA256).slice(0, 1) : []),
    ...(v1 ? parseSigningCertificate(v1, SHA1).slice(0, 1) : []),
  ]
}

function parseSigningCertificate(value: Der, defaultHash: string): EssCertId[] {
  const reader = readSequence(value)
  const items = childrenOf(reader.next(TAG.sequence))
  reader.optional(TAG.sequence) // policies: not used by any profile here
  reader.end()
  if (items.length === 0) malformed('signing-certificate names no certificate')
  return items.map((item) => parseEssCertId(item, defaultHash))
}

function parseEssCertId(node: Der, defaultHash: string): EssCertId {
  const reader = readSequence(node)
  const algorithm = defaultHash === SHA256 ? reader.optional(TAG.sequence) : undefined
  const certHash = reader.next(TAG.octetString).content
  const issuerSerial = reader.optional(TAG.sequence)
  reader.end()
  return {
    hashOid: algorithm ? parseAlgorithmIdentifier(algorithm).oid : defaultHash,
    certHash,
    ...(issuerSerial ? { issuerSerial: parseIssuerSerial(issuerSerial) } : {}),
  }
}

function parseIssuerSerial(node: Der): { issuerRaw: Uint8Array; serial: Uint8Array } {
  const reader = readSequence(node)
  const names = childrenOf(reader.next(TAG.sequence))
  const serial = integerBytes(reader.next(TAG.integer))
  reader.end()
  const [name] = names
  if (!name || name.tag !== contextConstructed(4) || names.length !== 1)
    malformed('issuerSerial does not hold one directoryName')
  return { issuerRaw: onlyChild(name).raw, serial }
}

/** Attributes of a SignerInfo as DER of each value of one type, for timestamps and countersignatures. */
export const attributeValuesOf = (attributes: readonly CmsAttribute[], oid: string): Uint8Array[] =>
  attributes.filter((a) => a.oid === oid).flatMap((a) => a.values.map((value) => value.raw))

/** SignerInfo from its encoding. @throws {CodedError} INPUT_MALFORMED */
export const parseCountersignature = (der: Uint8Array): SignerInfo => parseSignerInfo(parseDer(der))
