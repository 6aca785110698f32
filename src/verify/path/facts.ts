/** What a certificate says, decoded once; a malformed extension is a fact and not an exception. */
import type { KeyObject } from 'node:crypto'
import {
  type AuthorityKeyIdentifier,
  type BasicConstraints,
  type Certificate,
  CodedError,
  type GeneralName,
  type KeyUsageName,
  type PublicKeyInfo,
  type SignatureAlgorithm,
  EXT,
  basicConstraintsOf,
  certificatePoliciesOf,
  extKeyUsageOf,
  isCoded,
  isSameName,
  keyUsageOf,
  parseAuthorityKeyIdentifier,
  parseDer,
  parseGeneralNames,
  parseSpki,
  publicKeyObject,
  signatureAlgorithmOf,
  subjectKeyIdentifierOf,
} from '../../../ca/formats.ts'
import {
  type NameConstraints,
  type PolicyConstraints,
  type PolicyMapping,
  parseInhibitAnyPolicy,
  parseNameConstraints,
  parsePolicyConstraints,
  parsePolicyMappings,
} from './constraints.ts'

/** Decoded content of one certificate; a field is undefined when the extension is absent or malformed. */
export interface CertificateFacts {
  readonly certificate: Certificate
  readonly isSelfIssued: boolean
  readonly basicConstraints: BasicConstraints | undefined
  readonly keyUsage: ReadonlySet<KeyUsageName> | undefined
  readonly extKeyUsage: readonly string[] | undefined
  readonly policies: readonly string[] | undefined
  readonly policyMappings: readonly PolicyMapping[]
  readonly policyConstraints: PolicyConstraints
  readonly inhibitAnyPolicy: number | undefined
  readonly nameConstraints: NameConstraints | undefined
  readonly alternativeNames: readonly GeneralName[] | undefined
  readonly subjectKeyIdentifier: Uint8Array | undefined
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier | undefined
  /** OIDs of extensions that could not be read. */
  readonly malformed: readonly string[]
}

const known = new WeakMap<Certificate, CertificateFacts>()

/** Facts of a certificate, decoded at the first call. */
export function factsOf(certificate: Certificate): CertificateFacts {
  let facts = known.get(certificate)
  if (!facts) known.set(certificate, (facts = decodeFacts(certificate)))
  return facts
}

function decodeFacts(certificate: Certificate): CertificateFacts {
  const malformed: string[] = []
  const attempt = <T>(oid: string, decode: () => T | undefined): T | undefined => {
    if (!certificate.extensions.has(oid)) return undefined
    try {
      return decode()
    } catch (error) {
      if (!isCoded(error)) throw error
      malformed.push(oid)
      return undefined
    }
  }
  const extension = <T>(oid: string, parse: (value: Uint8Array) => T): T | undefined =>
    attempt(oid, () => parse(certificate.extensions.get(oid)?.value ?? new Uint8Array()))
  return {
    certificate,
    isSelfIssued: isSameName(certificate.issuer, certificate.subject),
    basicConstraints: attempt(EXT.basicConstraints, () => basicConstraintsOf(certificate)),
    keyUsage: attempt(EXT.keyUsage, () => keyUsageOf(certificate)),
    extKeyUsage: attempt(EXT.extKeyUsage, () => extKeyUsageOf(certificate)),
    policies: attempt(EXT.certificatePolicies, () => certificatePoliciesOf(certificate))?.map(
      (p) => p.policy,
    ),
    policyMappings: extension(EXT.policyMappings, parsePolicyMappings) ?? [],
    policyConstraints: extension(EXT.policyConstraints, parsePolicyConstraints) ?? {},
    inhibitAnyPolicy: extension(EXT.inhibitAnyPolicy, parseInhibitAnyPolicy),
    nameConstraints: extension(EXT.nameConstraints, parseNameConstraints),
    alternativeNames: extension(EXT.subjectAltName, parseAlternativeNames),
    subjectKeyIdentifier: attempt(EXT.subjectKeyIdentifier, () => subjectKeyIdentifierOf(certificate)),
    authorityKeyIdentifier: extension(EXT.authorityKeyIdentifier, parseAuthorityKeyIdentifier),
    malformed,
  }
}

function parseAlternativeNames(value: Uint8Array): GeneralName[] {
  const names = parseGeneralNames(parseDer(value))
  for (const name of names)
    if (name.kind === 'iPAddress' && name.bytes.length !== 4 && name.bytes.length !== 16)
      throw new CodedError(
        'INPUT_MALFORMED',
        'subjectAltName: an address has 4 or 16 octets (RFC 5280 §4.2.1.6)',
      )
  return names
}

/** Public key of a certificate, ready for verification. */
export interface SubjectKey {
  readonly info: PublicKeyInfo
  readonly object: KeyObject
}

const keys = new WeakMap<Certificate, SubjectKey | null>()

/** The subject's key, or undefined when it is of an unknown algorithm or no valid key. */
export function findSubjectKey(certificate: Certificate): SubjectKey | undefined {
  let key = keys.get(certificate)
  if (key === undefined) keys.set(certificate, (key = readKey(certificate.spkiDer)))
  return key ?? undefined
}

function readKey(spkiDer: Uint8Array): SubjectKey | null {
  try {
    return { info: parseSpki(spkiDer), object: publicKeyObject(spkiDer) }
  } catch (error) {
    if (!isCoded(error)) throw error
    return null
  }
}

/** The algorithm that a certificate is signed with, or undefined when it is not known. */
export function findSignatureAlgorithm(certificate: Certificate): SignatureAlgorithm | undefined {
  try {
    return signatureAlgorithmOf(certificate.signatureAlgorithm)
  } catch (error) {
    if (!isCoded(error)) throw error
    return undefined
  }
}
