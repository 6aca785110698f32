/** Decoders of the extensions that path validation, revocation and linting read (RFC 5280 §4.2). */
import { CodedError } from '../errors.ts'
import { type Der, onlyChild, parseDer, readSequence } from '../asn1/reader.ts'
import { ascii, decodeBoolean, decodeInteger, decodeNamedBits, decodeOid } from '../asn1/values.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { type Certificate } from './certificate.ts'
import { type Name, parseName } from './name.ts'
import { EXT, KEY_USAGE, type KeyUsageName } from './oids.ts'

/** GeneralName (RFC 5280 §4.2.1.6); kinds that nobody here compares keep their encoding only. */
export type GeneralName =
  | { readonly kind: 'rfc822Name' | 'dNSName' | 'uniformResourceIdentifier'; readonly text: string }
  | { readonly kind: 'directoryName'; readonly name: Name }
  | { readonly kind: 'iPAddress'; readonly bytes: Uint8Array }
  | { readonly kind: 'registeredID'; readonly oid: string }
  | { readonly kind: 'otherName' | 'x400Address' | 'ediPartyName'; readonly raw: Uint8Array }

/**
 * Reads one GeneralName.
 *
 * @throws {CodedError} INPUT_MALFORMED
 */
export function parseGeneralName(node: Der): GeneralName {
  switch (node.tag) {
    case context(1):
      return { kind: 'rfc822Name', text: ascii(node.content) }
    case context(2):
      return { kind: 'dNSName', text: ascii(node.content) }
    case context(6):
      return { kind: 'uniformResourceIdentifier', text: ascii(node.content) }
    case contextConstructed(4):
      return { kind: 'directoryName', name: parseName(onlyChild(node)) }
    case context(7):
      return { kind: 'iPAddress', bytes: node.content }
    case context(8):
      return { kind: 'registeredID', oid: decodeOid(node, context(8)) }
    case contextConstructed(0):
      return { kind: 'otherName', raw: node.raw }
    case contextConstructed(3):
      return { kind: 'x400Address', raw: node.raw }
    case contextConstructed(5):
      return { kind: 'ediPartyName', raw: node.raw }
    default:
      throw new CodedError('INPUT_MALFORMED', 'GeneralName has an unknown tag')
  }
}

/**
 * Reads GeneralNames.
 *
 * @throws {CodedError} INPUT_MALFORMED also when the list is empty
 */
export function parseGeneralNames(node: Der, tag: number = TAG.sequence): GeneralName[] {
  const names = readSequence(node, tag).rest().map(parseGeneralName)
  if (names.length === 0) throw new CodedError('INPUT_MALFORMED', 'GeneralNames is empty')
  return names
}

/** What these decoders need of a certificate. */
type Extended = Pick<Certificate, 'extensions'>

const read = (certificate: Extended, oid: string): Der | undefined => {
  const extension = certificate.extensions.get(oid)
  return extension && parseDer(extension.value)
}

/** Whether the subject is a CA, and how many CAs may follow. */
export interface BasicConstraints {
  readonly ca: boolean
  readonly pathLength?: number
}

/** basicConstraints, or undefined (RFC 5280 §4.2.1.9). */
export function basicConstraintsOf(certificate: Extended): BasicConstraints | undefined {
  const node = read(certificate, EXT.basicConstraints)
  if (!node) return undefined
  const reader = readSequence(node)
  const flag = reader.optional(TAG.boolean)
  const length = reader.optional(TAG.integer)
  reader.end()
  const ca = flag ? decodeBoolean(flag) : false
  if (!length) return { ca }
  const pathLength = decodeInteger(length)
  if (pathLength < 0n || !ca)
    throw new CodedError('INPUT_MALFORMED', 'pathLenConstraint is negative or without cA')
  return { ca, pathLength: Number(pathLength > 1000n ? 1000n : pathLength) }
}

/** keyUsage names, or undefined when absent (RFC 5280 §4.2.1.3). */
export function keyUsageOf(certificate: Extended): Set<KeyUsageName> | undefined {
  const node = read(certificate, EXT.keyUsage)
  if (!node) return undefined
  const bits = decodeNamedBits(node)
  const names = Object.entries(KEY_USAGE) as [KeyUsageName, number][]
  return new Set(names.filter(([, bit]) => bits.has(bit)).map(([name]) => name))
}

/** extKeyUsage OIDs, or undefined when absent. */
export function extKeyUsageOf(certificate: Extended): string[] | undefined {
  const node = read(certificate, EXT.extKeyUsage)
  return (
    node &&
    readSequence(node)
      .rest()
      .map((purpose) => decodeOid(purpose))
  )
}

/** subjectKeyIdentifier octets. */
export function subjectKeyIdentifierOf(certificate: Extended): Uint8Array | undefined {
  const node = read(certificate, EXT.subjectKeyIdentifier)
  if (node && node.tag !== TAG.octetString)
    throw new CodedError('INPUT_MALFORMED', 'subjectKeyIdentifier is not an OCTET STRING')
  return node?.content
}

/** Which key signed. */
export interface AuthorityKeyIdentifier {
  readonly keyIdentifier?: Uint8Array
  readonly issuer?: readonly GeneralName[]
  /** Content octets of the INTEGER. */
  readonly serial?: Uint8Array
}

/** authorityKeyIdentifier of a certificate or CRL (RFC 5280 §4.2.1.1). */
export function parseAuthorityKeyIdentifier(value: Uint8Array): AuthorityKeyIdentifier {
  const reader = readSequence(value)
  const keyIdentifier = reader.optional(context(0))?.content
  const issuer = reader.optional(contextConstructed(1))
  const serial = reader.optional(context(2))?.content
  reader.end()
  return {
    ...(keyIdentifier ? { keyIdentifier } : {}),
    ...(issuer ? { issuer: parseGeneralNames(issuer, contextConstructed(1)) } : {}),
    ...(serial ? { serial } : {}),
  }
}

/** One place where a CRL lies. */
export interface DistributionPoint {
  readonly fullName?: readonly GeneralName[]
  /** RelativeDistinguishedName, its attributes' encodings. */
  readonly nameRelativeToCrlIssuer?: readonly Uint8Array[]
  readonly reasons?: ReadonlySet<number>
  readonly crlIssuer?: readonly GeneralName[]
}

/** CRLDistributionPoints or FreshestCRL (RFC 5280 §4.2.1.13, §4.2.1.15). */
export function parseDistributionPoints(value: Uint8Array): DistributionPoint[] {
  return readSequence(value)
    .rest()
    .map((node) => {
      const reader = readSequence(node)
      const name = reader.optional(contextConstructed(0))
      const reasons = reader.optional(context(1))
      const crlIssuer = reader.optional(contextConstructed(2))
      reader.end()
      return {
        ...(name ? parseDistributionPointName(onlyChild(name)) : {}),
        ...(reasons ? { reasons: decodeNamedBits(reasons, context(1)) } : {}),
        ...(crlIssuer ? { crlIssuer: parseGeneralNames(crlIssuer, contextConstructed(2)) } : {}),
      }
    })
}

/** DistributionPointName, as in a certificate and in an issuingDistributionPoint. */
export function parseDistributionPointName(
  node: Der,
): Pick<DistributionPoint, 'fullName' | 'nameRelativeToCrlIssuer'> {
  if (node.tag === contextConstructed(0)) return { fullName: parseGeneralNames(node, contextConstructed(0)) }
  return {
    nameRelativeToCrlIssuer: readSequence(node, contextConstructed(1))
      .rest()
      .map((attribute) => attribute.raw),
  }
}

/** One place with information about the issuer. */
export interface AccessDescription {
  readonly method: string
  readonly location: GeneralName
}

/** authorityInfoAccess (RFC 5280 §4.2.2.1). */
export function authorityInfoAccessOf(certificate: Extended): AccessDescription[] {
  const node = read(certificate, EXT.authorityInfoAccess)
  if (!node) return []
  return readSequence(node)
    .rest()
    .map((item) => {
      const reader = readSequence(item)
      const method = decodeOid(reader.next(TAG.oid))
      const location = parseGeneralName(reader.next())
      reader.end()
      return { method, location }
    })
}

/** One certificate policy. */
export interface PolicyInformation {
  readonly policy: string
  readonly qualifiers: readonly { readonly oid: string; readonly value: Der }[]
}

/** certificatePolicies, or undefined when absent; a policy twice is refused (RFC 5280 §4.2.1.4). */
export function certificatePoliciesOf(certificate: Extended): PolicyInformation[] | undefined {
  const node = read(certificate, EXT.certificatePolicies)
  if (!node) return undefined
  const list = readSequence(node)
    .rest()
    .map((item) => {
      const reader = readSequence(item)
      const policy = decodeOid(reader.next(TAG.oid))
      const qualifierNodes = reader.optional(TAG.sequence)
      reader.end()
      const qualifiers = qualifierNodes ? readSequence(qualifierNodes).rest().map(parseQualifier) : []
      return { policy, qualifiers }
    })
  if (list.length === 0 || new Set(list.map((p) => p.policy)).size !== list.length)
    throw new CodedError(
      'INPUT_MALFORMED',
      'certificatePolicies is empty or names a policy twice (RFC 5280 §4.2.1.4)',
    )
  return list
}

function parseQualifier(node: Der): { oid: string; value: Der } {
  const reader = readSequence(node)
  const result = { oid: decodeOid(reader.next(TAG.oid)), value: reader.next() }
  reader.end()
  return result
}
