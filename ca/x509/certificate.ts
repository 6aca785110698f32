/** Certificates as read (RFC 5280 §4.1). Reading judges the form only; trust is decided in `src/verify`. */
import { CodedError } from '../errors.ts'
import { type Der, expectTag, onlyChild, readSequence } from '../asn1/reader.ts'
import {
  decodeBitStringOctets,
  decodeBoolean,
  decodeOid,
  decodeSmallInteger,
  decodeTime,
  integerBytes,
  serialHexOf,
} from '../asn1/values.ts'
import { compareBytes } from '../asn1/writer.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { type AlgorithmIdentifier, parseAlgorithmIdentifier } from '../algorithms/signatures.ts'
import { type Name, parseName } from './name.ts'

/** One extension as read. */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  /** Content of the extnValue OCTET STRING. */
  readonly value: Uint8Array
}

/** A certificate as read; byte arrays are views of the input. */
export interface Certificate {
  readonly raw: Uint8Array
  readonly tbs: Uint8Array
  /** 1, 2 or 3. */
  readonly version: number
  /** Content octets of the INTEGER. */
  readonly serial: Uint8Array
  /** Lower case, no 00 sign octet. */
  readonly serialHex: string
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly issuer: Name
  readonly notBefore: Date
  readonly notAfter: Date
  /** Encoding of both. */
  readonly validityDer: Uint8Array
  readonly subject: Name
  readonly spkiDer: Uint8Array
  /** issuerUniqueID or subjectUniqueID. */
  readonly hasUniqueIdentifier: boolean
  readonly extensions: ReadonlyMap<string, Extension>
  readonly signature: Uint8Array
}

/** What a signature says of its certificate. */
export type CertificateReference = Pick<Certificate, 'raw' | 'serial'> & {
  readonly issuer: Pick<Name, 'raw'>
}

/** Larger than any certificate seen in the field, PQC included. */
export const MAX_CERTIFICATE_BYTES = 65_536

/**
 * Parses a certificate.
 *
 * @throws {CodedError} INPUT_MALFORMED, INPUT_TOO_LARGE
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES)
    throw new CodedError(
      'INPUT_TOO_LARGE',
      `certificate has ${der.length} bytes, at most ${MAX_CERTIFICATE_BYTES} are read`,
    )
  const outer = readSequence(der)
  const tbsNode = outer.next(TAG.sequence)
  const signatureAlgorithm = parseAlgorithmIdentifier(outer.next(TAG.sequence))
  const signature = decodeBitStringOctets(outer.next(TAG.bitString))
  outer.end()

  const tbs = readSequence(tbsNode)
  const version = parseVersion(tbs.optional(contextConstructed(0)))
  const serial = integerBytes(tbs.next(TAG.integer))
  const inner = parseAlgorithmIdentifier(tbs.next(TAG.sequence))
  // RFC 5280 §4.1.1.2: both fields MUST be the same; a difference would let an attacker relabel the signature.
  if (compareBytes(inner.raw, signatureAlgorithm.raw) !== 0)
    throw new CodedError(
      'INPUT_MALFORMED',
      'certificate: signature and signatureAlgorithm differ (RFC 5280 §4.1.1.2)',
    )
  const issuer = parseName(tbs.next(TAG.sequence))
  const validityNode = tbs.next(TAG.sequence)
  const validity = readSequence(validityNode)
  const notBefore = decodeTime(validity.next())
  const notAfter = decodeTime(validity.next())
  validity.end()
  const subject = parseName(tbs.next(TAG.sequence))
  const spkiDer = tbs.next(TAG.sequence).raw
  const issuerUniqueId = tbs.optional(context(1))
  const hasUniqueIdentifier = tbs.optional(context(2)) !== undefined || issuerUniqueId !== undefined
  const extensionsNode = tbs.optional(contextConstructed(3))
  tbs.end()
  if ((extensionsNode && version !== 3) || (hasUniqueIdentifier && version < 2))
    throw new CodedError(
      'INPUT_MALFORMED',
      'certificate: version does not allow a field that is present (RFC 5280 §4.1.2.1)',
    )

  return {
    raw: der,
    tbs: tbsNode.raw,
    version,
    serial,
    serialHex: serialHexOf(serial),
    signatureAlgorithm,
    issuer,
    notBefore,
    notAfter,
    validityDer: validityNode.raw,
    subject,
    spkiDer,
    hasUniqueIdentifier,
    extensions: extensionsNode ? parseExtensions(onlyChild(extensionsNode)) : new Map(),
    signature,
  }
}

/**
 * Names a certificate that was read and linted a moment ago, by the few of its parts that a signature needs.
 *
 * @throws {CodedError} INPUT_MALFORMED
 */
export function readReference(der: Uint8Array): CertificateReference & Pick<Certificate, 'spkiDer'> {
  const tbs = readSequence(readSequence(der).next(TAG.sequence))
  tbs.optional(contextConstructed(0))
  const serial = integerBytes(tbs.next(TAG.integer))
  tbs.next(TAG.sequence)
  const issuer = { raw: tbs.next(TAG.sequence).raw }
  tbs.next(TAG.sequence)
  tbs.next(TAG.sequence)
  return { raw: der, serial, issuer, spkiDer: tbs.next(TAG.sequence).raw }
}

function parseVersion(node: Der | undefined): number {
  if (!node) return 1
  const value = decodeSmallInteger(onlyChild(node))
  if (value !== 1 && value !== 2)
    throw new CodedError('INPUT_MALFORMED', 'certificate: version is not v2 or v3, and v1 is never written')
  return value + 1
}

/**
 * Extensions of a certificate, CRL, CSR, OCSP or TSP structure.
 *
 * @throws {CodedError} INPUT_MALFORMED on an empty list or when one occurs twice (RFC 5280 §4.2)
 */
export function parseExtensions(node: Der): Map<string, Extension> {
  const reader = readSequence(node)
  const extensions = new Map<string, Extension>()
  for (const item of reader.rest()) {
    const fields = readSequence(item)
    const oid = decodeOid(fields.next(TAG.oid))
    const flag = fields.optional(TAG.boolean)
    const critical = flag ? decodeBoolean(flag) : false
    if (flag && !critical)
      throw new CodedError('INPUT_MALFORMED', `extension ${oid}: DEFAULT FALSE is written out (X.690 §11.5)`)
    const value = expectTag(fields.next(), TAG.octetString).content
    fields.end()
    if (extensions.has(oid))
      throw new CodedError('INPUT_MALFORMED', `extension ${oid} occurs twice (RFC 5280 §4.2)`)
    extensions.set(oid, { oid, critical, value })
  }
  if (extensions.size === 0) throw new CodedError('INPUT_MALFORMED', 'extensions are empty (RFC 5280 §4.1)')
  return extensions
}
