/** What a verification may lean on beside the document: certificates, CRLs and OCSP responses, of any origin. */
import {
  ACCESS,
  type Certificate,
  CodedError,
  type Crl,
  type GeneralName,
  type OcspResponse,
  authorityInfoAccessOf,
  compareBytes,
  digest,
  isCoded,
  nullValue,
  octetString,
  oid,
  parseCertificate,
  parseCrl,
  parseOcspResponse,
  parseSignedData,
  sequence,
  tlv,
  toHex,
  TAG,
} from '../../ca/formats.ts'
import { findSubjectKey } from './path/facts.ts'
import { parsePem } from '../lib/pem.ts'
import { distributionPointsOf } from './revocation/crl-scope.ts'

/** Bytes as they were found or fetched; what cannot be read is left out and proves nothing. */
export interface Evidence {
  /** DER or PEM of certificates, or a certs-only PKCS#7. */
  readonly certificates?: readonly Uint8Array[]
  /** DER or PEM. */
  readonly crls?: readonly Uint8Array[]
  /** DER of OCSPResponse. */
  readonly ocspResponses?: readonly Uint8Array[]
  /** Addresses that were tried and gave nothing: they are not asked for again. */
  readonly unavailable?: readonly string[]
}

/** One thing that would help; put what it gives into the list of `kind`, or its URL into `unavailable`. */
export interface EvidenceNeed {
  readonly kind: 'certificate' | 'crl' | 'ocsp'
  readonly url: string
  /** DER to be posted; present exactly for `ocsp`. */
  readonly ocspRequest?: Uint8Array
}

/** Evidence, read. */
export interface ReadEvidence {
  readonly certificates: Certificate[]
  readonly crls: Crl[]
  readonly ocspResponses: OcspResponse[]
  readonly unavailable: ReadonlySet<string>
}

/** Certificates taken from one source; more are not needed for any path. */
const MAX_CERTIFICATES = 1000

/** Reads evidence; what is malformed is left out. */
export function readEvidence(evidence: Evidence, known?: KnownCertificates): ReadEvidence {
  return {
    certificates: (evidence.certificates ?? [])
      .flatMap((bytes) => readCertificates(bytes, known))
      .slice(0, MAX_CERTIFICATES),
    crls: (evidence.crls ?? []).flatMap((bytes) => readSome(() => [parseCrl(derOf(bytes, 'X509 CRL'))])),
    ocspResponses: (evidence.ocspResponses ?? []).flatMap((bytes) =>
      readSome(() => [parseOcspResponse(bytes)]),
    ),
    unavailable: new Set(evidence.unavailable ?? []),
  }
}

function readSome<T>(read: () => T[]): T[] {
  try {
    return read()
  } catch (error) {
    if (!isCoded(error)) throw error
    return []
  }
}

const isPem = (bytes: Uint8Array): boolean => bytes[0] !== 0x30 && bytes.includes(0x2d)

function derOf(bytes: Uint8Array, label: string): Uint8Array {
  if (!isPem(bytes)) return bytes
  const block = parsePem(new TextDecoder('latin1').decode(bytes)).find((found) => found.label === label)
  if (!block) throw new CodedError('INPUT_MALFORMED', `PEM holds no ${label}`)
  return block.bytes
}

/** Certificates already read in one verification, by their octets: each is decoded and its key prepared once. */
export type KnownCertificates = Map<string, Certificate>

/** A certificate, read once. @throws {CodedError} INPUT_MALFORMED */
function internCertificate(der: Uint8Array, known: KnownCertificates | undefined): Certificate {
  if (!known) return parseCertificate(der)
  const key = toHex(der)
  let certificate = known.get(key)
  if (!certificate) known.set(key, (certificate = parseCertificate(der)))
  return certificate
}

/** Certificates of a DER or PEM file, or of a certs-only PKCS#7, as AIA addresses give them (RFC 5280 §4.2.2.1). */
export function readCertificates(bytes: Uint8Array, known?: KnownCertificates): Certificate[] {
  if (isPem(bytes))
    return readSome(() => parsePem(new TextDecoder('latin1').decode(bytes)))
      .filter(({ label }) => label === 'CERTIFICATE')
      .flatMap((block) => readSome(() => [internCertificate(block.bytes, known)]))
  const single = readSome(() => [internCertificate(bytes, known)])
  return single.length > 0
    ? single
    : readSome(() => parseSignedData(bytes).certificates.flatMap((der) => readCertificates(der, known)))
}

/** The same certificate once, in the order of first appearance. */
export function uniqueCertificates(list: readonly Certificate[]): Certificate[] {
  const bySerial = new Map<string, Certificate[]>()
  return list.filter((certificate) => {
    const same = bySerial.get(certificate.serialHex) ?? []
    if (same.some((other) => compareBytes(other.raw, certificate.raw) === 0)) return false
    bySerial.set(certificate.serialHex, [...same, certificate])
    return true
  })
}

const isFetchable = (url: string): boolean => /^https?:\/\//i.test(url) && url.length <= 2048

const urlsOf = (names: readonly GeneralName[]): string[] =>
  names.flatMap((name) =>
    name.kind === 'uniformResourceIdentifier' && isFetchable(name.text) ? [name.text] : [],
  )

const accessUrls = (certificate: Certificate, method: string): string[] =>
  readSome(() => authorityInfoAccessOf(certificate))
    .filter((access) => access.method === method)
    .flatMap(({ location }) => urlsOf([location]))

/** Where the issuer's certificate may be had. */
export const issuerNeeds = (certificate: Certificate): EvidenceNeed[] =>
  accessUrls(certificate, ACCESS.caIssuers)
    .slice(0, 4)
    .map((url) => ({ kind: 'certificate', url }))

/** Where the status of a certificate may be had: OCSP first, then CRLs. */
export function statusNeeds(certificate: Certificate, issuer: Certificate): EvidenceNeed[] {
  const ocspRequest = buildOcspRequest(certificate, issuer)
  const responders = ocspRequest ? accessUrls(certificate, ACCESS.ocsp).slice(0, 2) : []
  const points = readSome(() => distributionPointsOf(certificate))
  const lists = points.flatMap((point) => urlsOf(point.fullName ?? [])).slice(0, 4)
  return [
    ...responders.map((url): EvidenceNeed => ({
      kind: 'ocsp',
      url,
      ...(ocspRequest ? { ocspRequest } : {}),
    })),
    ...lists.map((url): EvidenceNeed => ({ kind: 'crl', url })),
  ]
}

/** OCSPRequest for one certificate, SHA-1 CertID (RFC 5019 §2.1.1: the one that every responder knows), no nonce. */
export function buildOcspRequest(certificate: Certificate, issuer: Certificate): Uint8Array | undefined {
  const key = findSubjectKey(issuer)?.info.keyBits
  if (!key) return undefined
  const certId = sequence(
    sequence(oid('1.3.14.3.2.26'), nullValue()),
    octetString(digest('SHA-1', certificate.issuer.raw)),
    octetString(digest('SHA-1', key)),
    tlv(TAG.integer, certificate.serial),
  )
  return sequence(sequence(sequence(sequence(certId))))
}

/** Needs without repetition and without addresses that were tried. */
export function uniqueNeeds(
  needs: readonly EvidenceNeed[],
  unavailable: ReadonlySet<string>,
): EvidenceNeed[] {
  const seen = new Set<string>()
  return needs.filter((need) => {
    const id = `${need.kind} ${need.url} ${need.ocspRequest?.join() ?? ''}`
    if (seen.has(id) || unavailable.has(need.url)) return false
    seen.add(id)
    return true
  })
}
