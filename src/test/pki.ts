// A PKI for tests: certificates, CRLs, OCSP responses, time stamps and CMS signatures with keys made at run time.
import { type KeyObject, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

import { digest } from '../../ca/algorithms/hashes.ts'
import { getSignatureAlgorithm } from '../../ca/algorithms/signatures.ts'
import { childrenOf, onlyChild, parseDer } from '../../ca/asn1/reader.ts'
import { TAG, contextConstructed } from '../../ca/asn1/tags.ts'
import {
  bitString,
  concat,
  enumerated,
  explicit,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  time,
  tlv,
  unsignedInteger,
} from '../../ca/asn1/writer.ts'
import { type Certificate, parseCertificate } from '../../ca/x509/certificate.ts'
import {
  addUnsignedAttribute,
  buildSignedAttributes,
  encodeSignedData,
  encodeSigningCertificate,
} from '../../ca/x509/cms-writer.ts'
import { ATTRIBUTE, CONTENT, attributeValuesOf, parseSignedData } from '../../ca/x509/cms.ts'
import {
  encodeAuthorityKeyIdentifier,
  encodeBasicConstraints,
  encodeExtKeyUsage,
  encodeExtension,
  encodeKeyUsage,
} from '../../ca/x509/encode-extensions.ts'
import { encodeName } from '../../ca/x509/name.ts'
import {
  buildResponseData,
  encodeOcspResponse,
  encodeResponderIdByKey,
  encodeSingleResponse,
} from '../../ca/x509/ocsp-writer.ts'
import { type OcspCertStatus } from '../../ca/x509/ocsp.ts'
import { EKU, EXT, type KeyUsageName } from '../../ca/x509/oids.ts'
import { encodeTstInfo } from '../../ca/x509/tsp-writer.ts'

/** Somebody with a key and a certificate. */
export type Party = { readonly certificate: Certificate; readonly key: KeyObject }

/** What a test certificate says; everything has a default. */
export type CertificateOptions = {
  readonly name: string
  readonly issuer?: Party
  readonly key?: KeyObject
  readonly spki?: Uint8Array
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly ca?: boolean
  readonly pathLength?: number
  readonly keyUsage?: readonly KeyUsageName[]
  readonly extKeyUsage?: readonly string[]
  /** Encoded Extension values, appended as they are. */
  readonly extensions?: readonly Uint8Array[]
  readonly serial?: Uint8Array
}

const ecdsa = getSignatureAlgorithm('ecdsa-sha256')
const signWith = (key: KeyObject, data: Uint8Array): Uint8Array => new Uint8Array(sign('sha256', data, key))

/** A new P-256 key. */
export const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** The SubjectPublicKeyInfo of a private key. */
export const spkiOf = (key: KeyObject): Uint8Array =>
  new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }))

const keyId = (spki: Uint8Array): Uint8Array => digest('SHA-1', spki)

/** Issues a certificate; without an issuer it is self-signed. */
export function issue(options: CertificateOptions): Party {
  const key = options.key ?? makeKey()
  const spki = options.spki ?? spkiOf(key)
  const name = encodeName([
    { type: 'C', value: 'CN' },
    { type: 'CN', value: `TEST ONLY ${options.name}` },
  ])
  const { issuer } = options
  const tbs = sequence(
    explicit(0, integer(2)),
    unsignedInteger(options.serial ?? randomBytes(16)),
    ecdsa.identifierDer,
    issuer ? issuer.certificate.subject.raw : name,
    sequence(
      time(options.notBefore ?? new Date('2026-01-01T00:00:00Z')),
      time(options.notAfter ?? new Date('2030-01-01T00:00:00Z')),
    ),
    name,
    spki,
    explicit(3, sequence(...extensionsOf(options, spki))),
  )
  const signature = signWith(issuer?.key ?? key, tbs)
  return { certificate: parseCertificate(sequence(tbs, ecdsa.identifierDer, bitString(signature))), key }
}

function extensionsOf(options: CertificateOptions, spki: Uint8Array): Uint8Array[] {
  const { ca = false, issuer, extKeyUsage } = options
  const bits = options.keyUsage ?? (ca ? ['keyCertSign', 'cRLSign'] : ['nonRepudiation'])
  const isCritical = extKeyUsage?.includes(EKU.timeStamping) ?? false
  const constraints = encodeBasicConstraints(true, options.pathLength)
  const above = keyId(issuer ? issuer.certificate.spkiDer : spki)
  return [
    ...(ca ? [encodeExtension(EXT.basicConstraints, true, constraints)] : []),
    encodeExtension(EXT.keyUsage, true, encodeKeyUsage(bits)),
    ...(extKeyUsage ? [encodeExtension(EXT.extKeyUsage, isCritical, encodeExtKeyUsage(extKeyUsage))] : []),
    encodeExtension(EXT.subjectKeyIdentifier, false, octetString(keyId(spki))),
    encodeExtension(EXT.authorityKeyIdentifier, false, encodeAuthorityKeyIdentifier(above)),
    ...(options.extensions ?? []),
  ]
}

/** One revoked certificate of a test CRL. */
export type RevokedEntry = { readonly certificate: Certificate; readonly at: Date; readonly reason?: number }

/** A complete CRL. */
export function makeCrl(
  issuer: Party,
  thisUpdate: Date,
  nextUpdate: Date,
  revoked: readonly RevokedEntry[] = [],
): Uint8Array {
  const entries = revoked.map(({ certificate, at, reason }) =>
    sequence(
      tlv(TAG.integer, certificate.serial),
      time(at),
      ...(reason === undefined ? [] : [sequence(encodeExtension(EXT.reasonCode, false, enumerated(reason)))]),
    ),
  )
  const tbs = sequence(
    integer(1),
    ecdsa.identifierDer,
    issuer.certificate.subject.raw,
    time(thisUpdate),
    time(nextUpdate),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    explicit(
      0,
      sequence(
        encodeExtension(
          EXT.authorityKeyIdentifier,
          false,
          encodeAuthorityKeyIdentifier(keyId(issuer.certificate.spkiDer)),
        ),
        encodeExtension(EXT.crlNumber, false, integer(1)),
      ),
    ),
  )
  return sequence(tbs, ecdsa.identifierDer, bitString(signWith(issuer.key, tbs)))
}

/** An OCSP response about one certificate. */
export function makeOcsp(options: {
  readonly certificate: Certificate
  readonly issuer: Certificate
  readonly responder: Party
  readonly status: OcspCertStatus
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}): Uint8Array {
  const { certificate, issuer, responder } = options
  const keyBits = parseDer(issuer.spkiDer).content
  const bits = subjectKeyBits(keyBits)
  const certIdRaw = sequence(
    sequence(oid('1.3.14.3.2.26'), nullValue()),
    octetString(digest('SHA-1', certificate.issuer.raw)),
    octetString(digest('SHA-1', bits)),
    tlv(TAG.integer, certificate.serial),
  )
  const single = encodeSingleResponse({ certIdRaw, ...options })
  const data = buildResponseData(
    encodeResponderIdByKey(responder.certificate),
    options.thisUpdate,
    [single],
    undefined,
  )
  return encodeOcspResponse(data, ecdsa.identifierDer, signWith(responder.key, data), [
    responder.certificate.raw,
  ])
}

function subjectKeyBits(spkiContent: Uint8Array): Uint8Array {
  const algorithmLength = 2 + (spkiContent[1] ?? 0)
  return parseDer(spkiContent.subarray(algorithmLength)).content.subarray(1)
}

/** What a test signature leaves out or gets wrong. */
export type CmsOptions = {
  readonly content: readonly Uint8Array[]
  readonly certificates?: readonly Certificate[]
  readonly signingTime?: Date
  /** Digest put into the attributes instead of the right one. */
  readonly messageDigest?: Uint8Array
  /** Certificate that the signed reference names. */
  readonly reference?: Certificate
  readonly attached?: boolean
}

/** A CMS signature with CAdES attributes. */
export function makeCms(signer: Party, options: CmsOptions): Uint8Array {
  const signedAttributesDer = buildSignedAttributes({
    contentType: CONTENT.data,
    messageDigest: options.messageDigest ?? digest('SHA-256', ...options.content),
    signingCertificate: encodeSigningCertificate(options.reference ?? signer.certificate, false),
    ...(options.signingTime ? { signingTime: options.signingTime } : {}),
  })
  return encodeSignedData({
    contentType: CONTENT.data,
    ...(options.attached ? { content: concat(...options.content) } : {}),
    signedAttributesDer,
    digestHash: 'SHA-256',
    signatureAlgorithm: ecdsa,
    signature: signWith(signer.key, signedAttributesDer),
    certificate: signer.certificate,
    certificatesDer: (options.certificates ?? [signer.certificate]).map(({ raw }) => raw),
  })
}

/** Whether a field of a SignerInfo holds its signed attributes. */
export const isAttributes = (field: Uint8Array): boolean => field[0] === contextConstructed(0)

/** The message with other fields in its only SignerInfo, detached unless it gets content. */
export function editSigner(
  cms: Uint8Array,
  edit: (fields: Uint8Array[]) => Uint8Array[],
  content?: Uint8Array,
): Uint8Array {
  const [type, wrapped] = childrenOf(parseDer(cms))
  if (!type || !wrapped) throw new Error('no message')
  const [version, algorithms, , ...rest] = childrenOf(onlyChild(wrapped)).map(({ raw }) => raw)
  const signers = rest.pop()
  if (!version || !algorithms || !signers) throw new Error('no signed data')
  const fields = childrenOf(onlyChild(parseDer(signers))).map(({ raw }) => raw)
  const carried = sequence(oid(CONTENT.data), ...(content ? [explicit(0, octetString(content))] : []))
  const changed = tlv(TAG.set, sequence(...edit(fields)))
  return sequence(type.raw, explicit(0, sequence(version, algorithms, carried, ...rest, changed)))
}

/** The message without signed attributes, its value made over the content itself. */
export const withoutAttributes = (cms: Uint8Array, signer: Party, content: Uint8Array): Uint8Array =>
  editSigner(cms, (fields) => [
    ...fields.filter((field) => !isAttributes(field)).slice(0, -1),
    octetString(signWith(signer.key, content)),
  ])

/** A time-stamp token over some octets. */
export function makeToken(tsa: Party, data: readonly Uint8Array[], at: Date): Uint8Array {
  const content = encodeTstInfo({
    policy: '1.2.3.4',
    messageImprintRaw: sequence(
      sequence(oid('2.16.840.1.101.3.4.2.1')),
      octetString(digest('SHA-256', ...data)),
    ),
    serial: randomBytes(8),
    genTimeMicros: BigInt(at.getTime()) * 1000n,
    accuracyMs: 1000,
    nonce: undefined,
    tsa: tsa.certificate,
  })
  const signedAttributesDer = buildSignedAttributes({
    contentType: CONTENT.tstInfo,
    messageDigest: digest('SHA-256', content),
    signingCertificate: encodeSigningCertificate(tsa.certificate, false),
  })
  return encodeSignedData({
    contentType: CONTENT.tstInfo,
    content,
    signedAttributesDer,
    digestHash: 'SHA-256',
    signatureAlgorithm: ecdsa,
    signature: signWith(tsa.key, signedAttributesDer),
    certificate: tsa.certificate,
    certificatesDer: [tsa.certificate.raw],
  })
}

/** Adds a signature time stamp to a CMS signature. */
export function withTimestamp(cms: Uint8Array, tsa: Party, at: Date): Uint8Array {
  const value = parseSignedData(cms).signerInfos[0]?.signature ?? new Uint8Array()
  return addUnsignedAttribute(cms, ATTRIBUTE.signatureTimeStamp, makeToken(tsa, [value], at))
}

/** Puts the time stamp of one signature onto another. */
export function moveTimestamp(from: Uint8Array, to: Uint8Array): Uint8Array {
  const attributes = parseSignedData(from).signerInfos[0]?.unsignedAttributes ?? []
  const [token] = attributeValuesOf(attributes, ATTRIBUTE.signatureTimeStamp)
  return addUnsignedAttribute(to, ATTRIBUTE.signatureTimeStamp, token ?? new Uint8Array())
}
