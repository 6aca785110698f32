/** Whether a CRL speaks about a certificate, and for which reasons (RFC 5280 §6.3.3 (b), (d)). */
import {
  type Certificate,
  type Crl,
  type DistributionPoint,
  EXT,
  type GeneralName,
  type IssuingDistributionPoint,
  type Name,
  compareBytes,
  isSameName,
  issuingDistributionPointOf,
  parseDistributionPoints,
  oid,
  parseName,
  sequence,
  tlv,
  TAG,
} from '../../../ca/formats.ts'
import { factsOf } from '../path/facts.ts'

/** ReasonFlags that together mean "every reason" (bits 1 to 8). */
export const ALL_REASONS: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, 8])

/** Distribution points of a certificate. @throws {CodedError} INPUT_MALFORMED */
export function distributionPointsOf(
  certificate: Certificate,
  oid: string = EXT.crlDistributionPoints,
): DistributionPoint[] {
  const extension = certificate.extensions.get(oid)
  return extension ? parseDistributionPoints(extension.value) : []
}

/** The certificate's points and the one that RFC 5280 §6.3.3 implies: the issuer's name, every reason. */
export function pointsToTry(certificate: Certificate): DistributionPoint[] {
  return [
    ...distributionPointsOf(certificate),
    { fullName: [{ kind: 'directoryName', name: certificate.issuer }] },
  ]
}

/**
 * Reasons that this CRL covers for the certificate under this point; undefined when it is out of scope.
 *
 * @throws {CodedError} INPUT_MALFORMED when the CRL's issuingDistributionPoint cannot be read
 */
export function scopeReasons(
  crl: Crl,
  certificate: Certificate,
  point: DistributionPoint,
): ReadonlySet<number> | undefined {
  const issued = issuingDistributionPointOf(crl)
  if (!hasIssuer(crl, certificate, point, issued)) return undefined
  if (!issued) return point.reasons ?? ALL_REASONS
  if (!containsKind(certificate, issued)) return undefined
  if (!hasPointName(crl, certificate, point, issued)) return undefined
  const here = point.reasons ?? ALL_REASONS
  const there = issued.onlySomeReasons ?? ALL_REASONS
  return new Set([...here].filter((reason) => there.has(reason)))
}

function hasIssuer(
  crl: Crl,
  certificate: Certificate,
  point: DistributionPoint,
  issued: IssuingDistributionPoint | undefined,
): boolean {
  if (!point.crlIssuer) return isSameName(crl.issuer, certificate.issuer)
  return (
    issued?.indirectCrl === true &&
    directoryNames(point.crlIssuer).some((name) => isSameName(name, crl.issuer))
  )
}

function containsKind(certificate: Certificate, issued: IssuingDistributionPoint): boolean {
  const isCa = factsOf(certificate).basicConstraints?.ca === true
  if (issued.onlyContainsAttributeCerts) return false
  // Version 1 has no basicConstraints: nobody can tell which of the two it is.
  if (certificate.version === 1) return !issued.onlyContainsUserCerts && !issued.onlyContainsCaCerts
  if (issued.onlyContainsUserCerts && isCa) return false
  return !issued.onlyContainsCaCerts || isCa
}

/** One name of the list's point must be one of the certificate's point; a list without a name has them all. */
function hasPointName(
  crl: Crl,
  certificate: Certificate,
  point: DistributionPoint,
  issued: IssuingDistributionPoint,
): boolean {
  const listed = namesOf(issued, crl.issuer)
  if (listed.length === 0) return true
  const [crlIssuer] = directoryNames(point.crlIssuer ?? [])
  const own = namesOf(point, crlIssuer ?? certificate.issuer)
  const wanted = own.length > 0 ? own : (point.crlIssuer ?? [])
  return listed.some((name) => wanted.some((other) => isSameGeneralName(name, other)))
}

const directoryNames = (names: readonly GeneralName[]): Name[] =>
  names.flatMap((name) => (name.kind === 'directoryName' ? [name.name] : []))

/** Full names, or the issuer's name with the relative part behind it. */
function namesOf(
  point: Pick<DistributionPoint, 'fullName' | 'nameRelativeToCrlIssuer'>,
  issuer: Name,
): readonly GeneralName[] {
  if (point.fullName) return point.fullName
  if (!point.nameRelativeToCrlIssuer) return []
  const rdn = tlv(TAG.set, ...point.nameRelativeToCrlIssuer)
  const rdns = issuer.rdns.map((attributes) =>
    tlv(TAG.set, ...attributes.map((a) => sequence(oid(a.oid), a.value.raw))),
  )
  return [{ kind: 'directoryName', name: parseName(sequence(...rdns, rdn)) }]
}

/** True for names of one kind that mean the same; URIs and others are compared octet by octet. */
function isSameGeneralName(a: GeneralName, b: GeneralName): boolean {
  if (a.kind === 'directoryName' && b.kind === 'directoryName') return isSameName(a.name, b.name)
  if ('text' in a && 'text' in b) return a.kind === b.kind && a.text === b.text
  if ('bytes' in a && 'bytes' in b) return compareBytes(a.bytes, b.bytes) === 0
  return false
}
