/**
 * Certificate revocation lists as read (RFC 5280 §5). Writing is in `crl-writer.ts`.
 *
 * A list may hold a million entries: parsing keeps `revokedCertificates` as one view, and entries are
 * walked one at a time or searched without an object per entry.
 */
import { CodedError } from '../errors.ts'
import { type Der, onlyChild, parseDer, readSequence } from '../asn1/reader.ts'
import {
  decodeBitStringOctets,
  decodeBoolean,
  decodeInteger,
  decodeNamedBits,
  decodeSmallInteger,
  decodeTime,
} from '../asn1/values.ts'
import { compareBytes } from '../asn1/writer.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { type AlgorithmIdentifier, parseAlgorithmIdentifier } from '../algorithms/signatures.ts'
import { type Extension, parseExtensions } from './certificate.ts'
import {
  type AuthorityKeyIdentifier,
  type DistributionPoint,
  parseAuthorityKeyIdentifier,
  parseDistributionPointName,
} from './extensions.ts'
import { type Name, parseName } from './name.ts'
import { EXT } from './oids.ts'

/** A CertificateList. */
export interface Crl {
  readonly raw: Uint8Array
  readonly tbs: Uint8Array
  /** 1 or 2. */
  readonly version: number
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly issuer: Name
  readonly thisUpdate: Date
  /** Missing in lists that break RFC 5280 §5.1.2.5; such a list never grows stale, so nobody should trust it. */
  readonly nextUpdate: Date | undefined
  /** Content octets of revokedCertificates; empty when the field is absent. */
  readonly entries: Uint8Array
  readonly extensions: ReadonlyMap<string, Extension>
  readonly signature: Uint8Array
}

/** Larger than any list seen in the field; the web's largest are about 80 MB. */
export const MAX_CRL_BYTES = 128 * 1024 * 1024

/**
 * Parses a CertificateList; its entries are checked when they are walked.
 *
 * @throws {CodedError} INPUT_MALFORMED, INPUT_TOO_LARGE
 */
export function parseCrl(der: Uint8Array): Crl {
  if (der.length > MAX_CRL_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', `CRL has ${der.length} bytes, at most ${MAX_CRL_BYTES} are read`)
  const outer = readSequence(der)
  const tbsNode = outer.next(TAG.sequence)
  const signatureAlgorithm = parseAlgorithmIdentifier(outer.next(TAG.sequence))
  const signature = decodeBitStringOctets(outer.next(TAG.bitString))
  outer.end()

  const tbs = readSequence(tbsNode)
  const version = parseVersion(tbs.optional(TAG.integer))
  const inner = parseAlgorithmIdentifier(tbs.next(TAG.sequence))
  const issuer = parseName(tbs.next(TAG.sequence))
  const thisUpdate = decodeTime(tbs.next())
  const following = tbs.peek()?.tag
  const nextUpdate =
    following === TAG.utcTime || following === TAG.generalizedTime ? decodeTime(tbs.next()) : undefined
  const revoked = tbs.optional(TAG.sequence)
  const extensionsNode = tbs.optional(contextConstructed(0))
  tbs.end()
  refuse(
    compareBytes(inner.raw, signatureAlgorithm.raw) !== 0,
    'signature and signatureAlgorithm differ',
    '1.1.2',
  )
  refuse(issuer.rdns.length === 0, 'issuer is empty', '1.2.3')
  refuse(revoked?.content.length === 0, 'an empty revokedCertificates is written', '1.2.6')
  refuse(extensionsNode !== undefined && version !== 2, 'version 1 has extensions', '1.2.1')
  return {
    raw: der,
    tbs: tbsNode.raw,
    version,
    signatureAlgorithm,
    issuer,
    thisUpdate,
    nextUpdate,
    entries: revoked?.content ?? new Uint8Array(0),
    extensions: extensionsNode ? parseExtensions(onlyChild(extensionsNode)) : new Map(),
    signature,
  }
}

function refuse(isBroken: boolean, rule: string, clause: string): void {
  if (isBroken) throw new CodedError('INPUT_MALFORMED', `CRL: ${rule} (RFC 5280 §5.${clause})`)
}

function parseVersion(node: Der | undefined): number {
  if (!node) return 1
  if (decodeSmallInteger(node) !== 1)
    throw new CodedError('INPUT_MALFORMED', 'CRL: version is not v2, and v1 is never written')
  return 2
}

/** What part of an issuer's certificates a list speaks about. */
export interface IssuingDistributionPoint extends Pick<
  DistributionPoint,
  'fullName' | 'nameRelativeToCrlIssuer'
> {
  readonly onlyContainsUserCerts: boolean
  readonly onlyContainsCaCerts: boolean
  readonly onlyContainsAttributeCerts: boolean
  readonly indirectCrl: boolean
  /** Bit numbers of ReasonFlags. */
  readonly onlySomeReasons?: ReadonlySet<number>
}

/** issuingDistributionPoint, or undefined (RFC 5280 §5.2.5). @throws {CodedError} INPUT_MALFORMED */
export function issuingDistributionPointOf(crl: Crl): IssuingDistributionPoint | undefined {
  const extension = crl.extensions.get(EXT.issuingDistributionPoint)
  if (!extension) return undefined
  const reader = readSequence(extension.value)
  if (reader.peek() === undefined)
    throw new CodedError('INPUT_MALFORMED', 'CRL: issuingDistributionPoint is empty (RFC 5280 §5.2.5)')
  const point = reader.optional(contextConstructed(0))
  const flag = (number: number): boolean => {
    const node = reader.optional(context(number))
    if (!node) return false
    const value = decodeBoolean(node.as(TAG.boolean))
    if (!value) throw new CodedError('INPUT_MALFORMED', 'CRL: DEFAULT FALSE is written out (X.690 §11.5)')
    return value
  }
  const onlyContainsUserCerts = flag(1)
  const onlyContainsCaCerts = flag(2)
  const reasons = reader.optional(context(3))
  const indirectCrl = flag(4)
  const onlyContainsAttributeCerts = flag(5)
  reader.end()
  return {
    ...(point ? parseDistributionPointName(onlyChild(point)) : {}),
    ...(reasons ? { onlySomeReasons: decodeNamedBits(reasons, context(3)) } : {}),
    onlyContainsUserCerts,
    onlyContainsCaCerts,
    onlyContainsAttributeCerts,
    indirectCrl,
  }
}

const integerOf = (crl: Crl, oid: string): bigint | undefined => {
  const extension = crl.extensions.get(oid)
  return extension && decodeInteger(parseDer(extension.value, TAG.integer))
}

/** cRLNumber (RFC 5280 §5.2.3). */
export const crlNumberOf = (crl: Crl): bigint | undefined => integerOf(crl, EXT.crlNumber)

/** BaseCRLNumber: the list is a delta CRL when there is one (RFC 5280 §5.2.4). */
export const deltaCrlIndicatorOf = (crl: Crl): bigint | undefined => integerOf(crl, EXT.deltaCrlIndicator)

/** authorityKeyIdentifier (RFC 5280 §5.2.1). */
export function crlAuthorityKeyIdentifierOf(crl: Crl): AuthorityKeyIdentifier | undefined {
  const extension = crl.extensions.get(EXT.authorityKeyIdentifier)
  return extension && parseAuthorityKeyIdentifier(extension.value)
}
