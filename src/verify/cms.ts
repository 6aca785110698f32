/** Verification of one CMS signature (RFC 5652 §5.4, §5.6; RFC 5035; EN 319 122-1): no trust in anybody yet. */
import {
  ATTRIBUTE,
  CONTENT,
  type Certificate,
  type EssCertId,
  type HashName,
  type SignatureAlgorithm,
  type SignedData,
  type SignerInfo,
  compareBytes,
  concat,
  contentTypeOf,
  digest,
  essReferencesOf,
  findAttributeValue,
  findHash,
  isCoded,
  isSameName,
  isSignedAttributes,
  messageDigestOf,
  parseName,
  parseSignedData,
  setOf,
  signatureAlgorithmOf,
  signingTimeOf,
  verifySignature,
} from '../../ca/formats.ts'
import { findOriginalAttributes, normaliseBer } from './ber.ts'
import { factsOf, findSubjectKey } from './path/facts.ts'

/** A CMS message as it came: strict DER, or BER with the signed attributes kept. */
export interface CmsMessage {
  readonly signedData: SignedData
  readonly isDer: boolean
  /** Signed attributes of signer `i` as they stand in a BER message. */
  readonly originalAttributes: (i: number) => Uint8Array | undefined
}

/**
 * Reads a CMS message, whatever its encoding.
 *
 * @throws {CodedError} INPUT_MALFORMED, INPUT_TOO_LARGE
 */
export function parseCms(bytes: Uint8Array): CmsMessage {
  try {
    return { signedData: parseSignedData(bytes), isDer: true, originalAttributes: () => undefined }
  } catch (error) {
    if (!isCoded(error, 'INPUT_MALFORMED')) throw error
    const signedData = parseSignedData(normaliseBer(bytes))
    return { signedData, isDer: false, originalAttributes: (i) => findOriginalAttributes(bytes, i) }
  }
}

/** What is wrong with a signature; the key is that of a reason in the report. */
export type CmsIssueKey =
  | 'CMS_ALGORITHM_UNSUPPORTED'
  | 'CMS_ALGORITHMS_DIFFER'
  | 'CMS_ATTRIBUTES_MALFORMED'
  | 'CMS_ATTRIBUTES_MISSING'
  | 'CMS_ATTRIBUTES_STRIPPED'
  | 'CMS_CONTENT_TYPE'
  | 'CMS_DIGEST_MISMATCH'
  | 'CMS_SIGNATURE_WRONG'
  | 'CMS_NO_CERTIFICATE'
  | 'CMS_CERTIFICATE_REFERENCE_MALFORMED'
  | 'CMS_CERTIFICATE_REFERENCE_MISSING'
  | 'CMS_CERTIFICATE_REFERENCE_MISMATCH'

/** Result of checking one signer; sound when `issues` is empty. */
export interface CmsCheck {
  readonly signer: SignerInfo
  readonly certificate: Certificate | undefined
  readonly issues: readonly { readonly key: CmsIssueKey; readonly detail?: string }[]
  readonly algorithm: SignatureAlgorithm | undefined
  readonly digestAlgorithm: HashName | undefined
  /** Claimed by the signer, proved by nothing. */
  readonly claimedTime: Date | undefined
  /** True when the attributes are sorted as DER wants them; BouncyCastle refuses others. */
  readonly isSorted: boolean
  readonly hasCertificateReference: boolean
}

/** What a signature is checked against. */
export interface CmsSubject {
  readonly message: CmsMessage
  /** Index of the SignerInfo. */
  readonly index: number
  /** The signed octets, in parts (the two ranges of a PDF). */
  readonly content: readonly Uint8Array[]
  /** Certificates that may be the signer's. */
  readonly pool: readonly Certificate[]
  /** Octets of the content by hash, shared by the signers of one message. */
  readonly digests?: Map<HashName, Uint8Array>
}

/** Checks one signer of a message against the content. */
export function checkCms(subject: CmsSubject): CmsCheck {
  const signer = subject.message.signedData.signerInfos[subject.index]
  if (!signer) throw new RangeError('the message has no such signer')
  const issues: Issues = []
  const hash = findHash(signer.digestAlgorithm.oid)?.name
  const algorithm = attempt(() => signatureAlgorithmOf(signer.signatureAlgorithm, hash))
  checkAlgorithms(signer, hash, algorithm, issues)
  if (hash !== undefined) checkContent(subject, signer, hash, issues)
  const references = attempt(() => essReferencesOf(signer))
  if (!references) issues.push({ key: 'CMS_CERTIFICATE_REFERENCE_MALFORMED' })
  const certificate = findSignerCertificate(signer, subject.pool, references)
  checkCertificate(subject, signer, { certificate, algorithm, references }, issues)
  return {
    signer,
    certificate,
    issues,
    algorithm,
    digestAlgorithm: hash,
    claimedTime: attempt(() => signingTimeOf(signer)),
    isSorted: !signer.problems.includes('signedAttributesNotSorted'),
    hasCertificateReference: references !== undefined && references.length > 0,
  }
}

type Issues = { key: CmsIssueKey; detail?: string }[]

function checkAlgorithms(
  signer: SignerInfo,
  hash: HashName | undefined,
  algorithm: SignatureAlgorithm | undefined,
  issues: Issues,
): void {
  if (hash === undefined || algorithm === undefined)
    issues.push({ key: 'CMS_ALGORITHM_UNSUPPORTED', detail: signer.signatureAlgorithm.oid })
  else if (algorithm.hash !== undefined && algorithm.hash !== hash)
    issues.push({ key: 'CMS_ALGORITHMS_DIFFER', detail: `${hash} and ${algorithm.name}` })
}

interface Found {
  readonly certificate: Certificate | undefined
  readonly algorithm: SignatureAlgorithm | undefined
  /** Undefined when they cannot be read. */
  readonly references: readonly EssCertId[] | undefined
}

/** The signature value, and whether what is signed names this certificate (RFC 5035). */
function checkCertificate(
  subject: CmsSubject,
  signer: SignerInfo,
  { certificate, algorithm, references }: Found,
  issues: Issues,
): void {
  if (!certificate) {
    issues.push({ key: 'CMS_NO_CERTIFICATE' })
    return
  }
  if (algorithm && !isSignatureRight(subject, signer, algorithm, certificate))
    issues.push({ key: 'CMS_SIGNATURE_WRONG' })
  if (!references) return
  if (references.length === 0) issues.push({ key: 'CMS_CERTIFICATE_REFERENCE_MISSING' })
  else if (!isReferenced(references, certificate)) issues.push({ key: 'CMS_CERTIFICATE_REFERENCE_MISMATCH' })
}

/** Undefined when the structure is malformed or of an unknown algorithm. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!isCoded(error)) throw error
    return undefined
  }
}

function contentDigest(subject: CmsSubject, hash: HashName): Uint8Array {
  const known = subject.digests?.get(hash)
  if (known) return known
  const fresh = digest(hash, ...subject.content)
  subject.digests?.set(hash, fresh)
  return fresh
}

/** message-digest and content-type (RFC 5652 §5.6, §11.1, §11.2). */
function checkContent(subject: CmsSubject, signer: SignerInfo, hash: HashName, issues: Issues): void {
  const { contentType } = subject.message.signedData
  if (!signer.signedAttributesDer) {
    issues.push(issueWithoutAttributes(subject, contentType))
    return
  }
  if (isCoreAttributeDoubled(signer))
    issues.push({ key: 'CMS_ATTRIBUTES_MALFORMED', detail: 'one occurs twice' })
  const claimed = attempt(() => messageDigestOf(signer))
  if (!claimed || compareBytes(claimed, contentDigest(subject, hash)) !== 0)
    issues.push({ key: 'CMS_DIGEST_MISMATCH', detail: hash })
  const type = attempt(() => contentTypeOf(signer))
  if (type !== contentType) issues.push({ key: 'CMS_CONTENT_TYPE', detail: `${type} and ${contentType}` })
}

/**
 * RFC 5652 §5.3 demands attributes unless the content is plain data. There too they decide what was signed: the value
 * of a signature with attributes is right without them for content that is the encoding of its attributes.
 */
function issueWithoutAttributes({ content }: CmsSubject, contentType: string): Issues[number] {
  if (contentType !== CONTENT.data) return { key: 'CMS_ATTRIBUTES_MALFORMED', detail: 'no attributes' }
  const [first] = content
  const isStripped = first?.[0] === TAG_SET && isSignedAttributes(concat(...content))
  return { key: isStripped ? 'CMS_ATTRIBUTES_STRIPPED' : 'CMS_ATTRIBUTES_MISSING' }
}

/** Not for the sake of speed alone: a whole document is not copied to see that it is none. */
const TAG_SET = 0x31

const core = [
  ATTRIBUTE.contentType,
  ATTRIBUTE.messageDigest,
  ATTRIBUTE.signingCertificate,
  ATTRIBUTE.signingCertificateV2,
]

/** Attributes that would let two readers see two statements when they come twice. */
const isCoreAttributeDoubled = (signer: SignerInfo): boolean =>
  core.some(
    (oid) =>
      signer.signedAttributes.some((attribute) => attribute.oid === oid) &&
      findAttributeValue(signer.signedAttributes, oid) === undefined,
  )

/** Certificates that the signer identifier names; where several do, the one that the signed reference means. */
function findSignerCertificate(
  signer: SignerInfo,
  pool: readonly Certificate[],
  references: readonly EssCertId[] = [],
): Certificate | undefined {
  const { sid } = signer
  const named = pool.filter((certificate) => {
    if (sid.kind === 'issuerAndSerialNumber')
      return compareBytes(certificate.serial, sid.serial) === 0 && isSameName(certificate.issuer, sid.issuer)
    const own = factsOf(certificate).subjectKeyIdentifier
    return own !== undefined && compareBytes(own, sid.keyIdentifier) === 0
  })
  return named.find((certificate) => isReferenced(references, certificate)) ?? named[0]
}

/** ESSCertID and ESSCertIDv2: the hash, and issuer and serial where they are there (RFC 5035 §4, §5). */
const isReferenced = (references: readonly EssCertId[], certificate: Certificate): boolean =>
  references.every(({ hashOid, certHash, issuerSerial }) => {
    const hash = findHash(hashOid)
    if (!hash || compareBytes(digest(hash.name, certificate.raw), certHash) !== 0) return false
    if (!issuerSerial) return true
    const issuer = attempt(() => parseName(issuerSerial.issuerRaw))
    return (
      issuer !== undefined &&
      isSameName(issuer, certificate.issuer) &&
      compareBytes(issuerSerial.serial, certificate.serial) === 0
    )
  })

function isSignatureRight(
  subject: CmsSubject,
  signer: SignerInfo,
  algorithm: SignatureAlgorithm,
  certificate: Certificate,
): boolean {
  const key = findSubjectKey(certificate)
  if (!key) return false
  const verify = (data: Uint8Array): boolean => verifySignature(algorithm, key.object, data, signer.signature)
  if (!signer.signedAttributesDer) return verify(concat(...subject.content))
  return attributeEncodings(subject, signer).some(verify)
}

/**
 * Octets that may have been signed. In DER there is one: the attributes as they stand, sorted or not. In BER the
 * standard wants their DER encoding (RFC 5652 §5.4), and some signers take what stands there.
 */
function attributeEncodings(subject: CmsSubject, signer: SignerInfo): Uint8Array[] {
  const own = signer.signedAttributesDer ?? new Uint8Array()
  if (subject.message.isDer) {
    const sorted = setOf(...signer.signedAttributes.map(({ raw }) => raw))
    return compareBytes(sorted, own) === 0 ? [own] : [own, sorted]
  }
  const original = subject.message.originalAttributes(subject.index)
  return original ? [original, own] : [own]
}
