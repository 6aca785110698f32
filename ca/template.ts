/**
 * A profile and an issuer compiled to DER: what never changes is encoded once, and a TBSCertificate
 * is put together from those octets and the few fields that vary (serial, validity, subject, key,
 * subject key identifier, CRL shard). pkijs builds 480 certificates a second and core, this more
 * than a hundred thousand.
 */
import { sha256 } from './algorithms/hashes.ts'
import type { SignatureAlgorithm } from './algorithms/signatures.ts'
import { concat, explicit, headOf, integer, octetString, sequence, time } from './asn1/writer.ts'
import { TAG, contextConstructed } from './asn1/tags.ts'
import { CodedError } from './errors.ts'
import type { ProfileExtensions, Profile } from './profiles.ts'
import type { Certificate } from './x509/certificate.ts'
import {
  encodeAuthorityInfoAccess,
  encodeAuthorityKeyIdentifier,
  encodeBasicConstraints,
  encodeCertificatePolicies,
  encodeCrlDistributionPoints,
  encodeExtKeyUsage,
  encodeExtension,
  encodeKeyUsage,
  encodeMarker,
} from './x509/encode-extensions.ts'
import { ANY_POLICY, EKU, EXT } from './x509/oids.ts'

/** What a template takes from the certificate above; for a root it is the root itself. */
export interface TemplateIssuer {
  readonly issuerId: string
  /** Octets of the issuer field: the subject of the CA certificate, byte for byte (RFC 5280 §4.1.2.4). */
  readonly nameDer: Uint8Array
  readonly subjectKeyIdentifier: Uint8Array
  readonly signatureAlgorithm: SignatureAlgorithm
}

/** Where relying parties find this CA, and its policy arc. */
export interface TemplatePlace {
  /** Without a trailing slash. */
  readonly baseUrl: string
  readonly policyArc: string
}

/** The fields of one certificate. */
export interface TbsFields {
  /** 16 octets, first one 0x01 to 0x7f. */
  readonly serial: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  readonly subjectDer: Uint8Array
  readonly spkiDer: Uint8Array
  readonly subjectKeyIdentifier: Uint8Array
  readonly shard: number | null
  /** Value of subjectAltName, where one was asked for. */
  readonly subjectAltName?: Uint8Array
}

/** Puts a TBSCertificate together. */
export type CertificateTemplate = (fields: TbsFields) => Uint8Array

/** SHA-256 of the subjectPublicKey bits, leftmost 160 bits (RFC 7093 §2 method 1). */
export const subjectKeyIdentifierFor = (keyBits: Uint8Array): Uint8Array => sha256(keyBits).subarray(0, 20)

/** Fills {base}, {issuerId} and {shard} of a URL template. */
export const fillUrl = (
  template: string,
  place: TemplatePlace,
  issuerId: string,
  shard: number | null,
): string =>
  template
    .replaceAll('{base}', place.baseUrl)
    .replaceAll('{issuerId}', issuerId)
    .replaceAll('{shard}', String(shard ?? ''))

/** Policy OID of a profile: anyPolicy, or below the arc of this institution. */
export const policyOid = (arc: string, suffix: string): string =>
  suffix === 'any' ? ANY_POLICY : `${arc}.${suffix}`

/** Templates of every profile and issuer, each compiled when it is first used. */
export function openTemplates(
  place: TemplatePlace,
): (
  profile: Profile,
  issuer: Omit<TemplateIssuer, 'nameDer'> & { readonly certificate: Certificate },
) => CertificateTemplate {
  const known = new Map<string, CertificateTemplate>()
  return (profile, issuer) => {
    const key = `${profile.name}/${issuer.issuerId}`
    const ready = known.get(key)
    if (ready) return ready
    const made = compileTemplate(profile, { ...issuer, nameDer: issuer.certificate.subject.raw }, place)
    known.set(key, made)
    return made
  }
}

const version3 = explicit(0, integer(2))

/** Compiles a profile for one issuer. */
export function compileTemplate(
  profile: Profile,
  issuer: TemplateIssuer,
  place: TemplatePlace,
): CertificateTemplate {
  const algorithm = issuer.signatureAlgorithm.identifierDer
  const { extensions: rules } = profile
  const before = encodeExtension(
    EXT.authorityKeyIdentifier,
    false,
    encodeAuthorityKeyIdentifier(issuer.subjectKeyIdentifier),
  )
  const fixed = fixedExtensions(rules, issuer.issuerId, place)
  const points = distributionPoints(rules, issuer.issuerId, place)
  const altNameCritical = rules.subjectAltName?.critical ?? false

  return (fields) => {
    const key = encodeExtension(EXT.subjectKeyIdentifier, false, octetString(fields.subjectKeyIdentifier))
    const altName =
      fields.subjectAltName === undefined
        ? []
        : [encodeExtension(EXT.subjectAltName, altNameCritical, fields.subjectAltName)]
    const extensions = [before, key, fixed, points(fields.shard), ...altName]
    const list = headOf(TAG.sequence, lengthOf(extensions))
    const content = [
      version3,
      headOf(TAG.integer, fields.serial.length),
      fields.serial,
      algorithm,
      issuer.nameDer,
      sequence(encodeSecond(fields.notBefore), encodeSecond(fields.notAfter)),
      fields.subjectDer,
      fields.spkiDer,
      headOf(contextConstructed(3), list.length + lengthOf(extensions)),
      list,
      ...extensions,
    ]
    // One allocation for the whole: octets outside the heap cost more to make and free than to fill.
    return concat(headOf(TAG.sequence, lengthOf(content)), ...content)
  }
}

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0)

let lastSecond: { readonly at: number; readonly der: Uint8Array } | undefined
let secondLast: typeof lastSecond

/** Most certificates of a second share both ends of their validity: keep the two encodings last used. */
function encodeSecond(date: Date): Uint8Array {
  const at = date.getTime()
  if (lastSecond?.at === at) return lastSecond.der
  if (secondLast?.at === at) return secondLast.der
  secondLast = lastSecond
  lastSecond = { at, der: time(date) }
  return lastSecond.der
}

function fixedExtensions(rules: ProfileExtensions, issuerId: string, place: TemplatePlace): Uint8Array {
  const url = (template: string): string => fillUrl(template, place, issuerId, null)
  const parts: Uint8Array[] = []
  const add = (type: string, critical: boolean, value: Uint8Array): void => {
    parts.push(encodeExtension(type, critical, value))
  }
  const { basicConstraints, keyUsage, extKeyUsage, certificatePolicies, authorityInfoAccess } = rules
  if (basicConstraints) {
    const { ca, pathLength } = basicConstraints.value
    add(EXT.basicConstraints, basicConstraints.critical, encodeBasicConstraints(ca, pathLength))
  }
  add(EXT.keyUsage, keyUsage.critical, encodeKeyUsage(keyUsage.value))
  if (extKeyUsage) {
    const purposes = extKeyUsage.value.map((name) => EKU[name])
    add(EXT.extKeyUsage, extKeyUsage.critical, encodeExtKeyUsage(purposes))
  }
  if (certificatePolicies) {
    const { suffix, cps } = certificatePolicies.value
    const value = encodeCertificatePolicies(policyOid(place.policyArc, suffix), url(cps))
    add(EXT.certificatePolicies, certificatePolicies.critical, value)
  }
  if (authorityInfoAccess) {
    const { caIssuers, ocsp } = authorityInfoAccess.value
    const value = encodeAuthorityInfoAccess({
      ...(caIssuers === undefined ? {} : { caIssuers: url(caIssuers) }),
      ...(ocsp === undefined ? {} : { ocsp: url(ocsp) }),
    })
    add(EXT.authorityInfoAccess, authorityInfoAccess.critical, value)
  }
  if (rules.noRevAvail) add(EXT.noRevAvail, rules.noRevAvail.critical, encodeMarker())
  if (rules.ocspNoCheck) add(EXT.ocspNoCheck, rules.ocspNoCheck.critical, encodeMarker())
  return concat(...parts)
}

function distributionPoints(
  rules: ProfileExtensions,
  issuerId: string,
  place: TemplatePlace,
): (shard: number | null) => Uint8Array {
  const rule = rules.crlDistributionPoints
  if (!rule) return () => new Uint8Array(0)
  const needsShard = rule.value.includes('{shard}')
  const known = new Map<number | null, Uint8Array>()
  return (shard) => {
    if (needsShard && shard === null)
      throw new CodedError('PROFILE_VIOLATION', 'profile names a CRL shard, and the issuer has none')
    const key = needsShard ? shard : null
    const ready = known.get(key)
    if (ready) return ready
    const value = encodeCrlDistributionPoints(fillUrl(rule.value, place, issuerId, key))
    const made = encodeExtension(EXT.crlDistributionPoints, rule.critical, value)
    known.set(key, made)
    return made
  }
}
