/**
 * The public result of a ceremony: which certificates and key ids make up the CA. Plain JSON, no secret;
 * whoever starts the service keeps it beside the key folder.
 */
import { parseSpki, publicKeyObject } from './algorithms/keys.ts'
import { signatureAlgorithmOf, verifySignature } from './algorithms/signatures.ts'
import { findKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { decodeBase64 } from './asn1/octets.ts'
import { compareBytes } from './asn1/writer.ts'
import type { Issuer, ServiceIdentity } from './core.ts'
import { CodedError } from './errors.ts'
import type { CaMaterial, IssuerMaterial, ServiceMaterial } from './material-types.ts'
import { type Certificate, parseCertificate } from './x509/certificate.ts'
import { subjectKeyIdentifierOf } from './x509/extensions.ts'

export type { CaMaterial, IssuerMaterial, ServiceMaterial } from './material-types.ts'

function invalid(rule: string): never {
  throw new CodedError('CEREMONY_INVALID', `material: ${rule}`)
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

function isService(value: unknown): value is ServiceMaterial {
  const entry = value as Partial<ServiceMaterial> | null
  return isText(entry?.issuerId) && isText(entry.certificate) && isText(entry.keyId)
}

function isIssuer(value: unknown): value is IssuerMaterial {
  const entry = value as Partial<IssuerMaterial> | null
  return (
    isText(entry?.issuerId) &&
    (entry.role === 'root' || entry.role === 'issuing') &&
    isText(entry.certificate) &&
    (entry.keyId === null || isText(entry.keyId)) &&
    Number.isSafeInteger(entry.shards)
  )
}

/** One CA from its JSON value. @throws {CEREMONY_INVALID} */
export const parseIssuerMaterial = (value: unknown): IssuerMaterial =>
  isIssuer(value) ? value : invalid('an issuer is not as it must be')

const isList = <T>(value: unknown, isOne: (one: unknown) => one is T): value is readonly T[] =>
  Array.isArray(value) && value.every(isOne)

/** Reads material from its JSON text. @throws {CEREMONY_INVALID} */
export function parseMaterial(json: string): CaMaterial {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return invalid('is not JSON')
  }
  const material = value as Partial<CaMaterial> | null
  if (material?.version !== 1) invalid('version is not 1')
  const { name, ceremonySha256, baseUrl, policyArc, logKeyId, issuers, ocsp } = material
  if (![name, ceremonySha256, baseUrl, policyArc, logKeyId].every(isText)) invalid('a text is missing')
  const instance = Number(material.instanceByte)
  if (!Number.isInteger(instance) || instance < 1 || instance > 127) invalid('instanceByte is not 1 to 127')
  if (!isList(issuers, isIssuer) || issuers.length === 0) invalid('issuers are not as they must be')
  if (!isList(ocsp, isService) || !isService(material.tsa)) invalid('ocsp or tsa are not as they must be')
  return material as CaMaterial
}

/** The row with which the key of a CA certificate signs. */
function signingRow(certificate: Certificate): Issuer['signatureAlgorithm'] {
  const row = findKeyAlgorithm(parseSpki(certificate.spkiDer))
  if (!row)
    throw new CodedError('CEREMONY_INVALID', 'certificate holds a key of a kind that does not sign here')
  return row.signature
}

/** An issuer from its certificate; its chain is found among `above`. @throws {CEREMONY_INVALID} {INPUT_MALFORMED} */
export function openIssuer(material: IssuerMaterial, above: readonly Issuer[]): Issuer {
  const certDer = decodeBase64(material.certificate)
  const certificate = parseCertificate(certDer)
  const subjectKeyIdentifier = subjectKeyIdentifierOf(certificate)
  if (!subjectKeyIdentifier) return invalid(`certificate of ${material.issuerId} has no subjectKeyIdentifier`)
  const parent =
    material.role === 'root' ? undefined : above.find((issuer) => isSignedBy(certificate, issuer))
  if (material.role === 'issuing' && !parent)
    invalid(`certificate of ${material.issuerId} is not signed by the root`)
  return {
    issuerId: material.issuerId,
    role: material.role,
    certDer,
    certificate,
    chainDer: parent ? [parent.certDer, ...parent.chainDer] : [],
    keyId: material.keyId,
    publicKey: publicKeyObject(certificate.spkiDer),
    signatureAlgorithm: signingRow(certificate),
    subjectKeyIdentifier,
    shards: material.shards,
  }
}

/** A service certificate with its key. @throws {CEREMONY_INVALID} when its issuer did not sign it */
export function openService(
  material: ServiceMaterial,
  issuers: ReadonlyMap<string, Issuer>,
): ServiceIdentity {
  const certDer = decodeBase64(material.certificate)
  const certificate = parseCertificate(certDer)
  const issuer = issuers.get(material.issuerId)
  if (!issuer || !isSignedBy(certificate, issuer))
    invalid('a service certificate is not signed by its issuer')
  return {
    issuerId: material.issuerId,
    certDer,
    certificate,
    keyId: material.keyId,
    signatureAlgorithm: signingRow(certificate),
  }
}

/** Name and signature fit. */
export function isSignedBy(
  certificate: Certificate,
  issuer: Pick<Issuer, 'certificate' | 'publicKey'>,
): boolean {
  return (
    compareBytes(certificate.issuer.raw, issuer.certificate.subject.raw) === 0 &&
    verifySignature(
      signatureAlgorithmOf(certificate.signatureAlgorithm),
      issuer.publicKey,
      certificate.tbs,
      certificate.signature,
    )
  )
}
