/** OCSP requests and responses as read (RFC 6960 §4, nonce of RFC 9654). Writing is in `ocsp-writer.ts`. */
import { CodedError } from '../errors.ts'
import { type Der, onlyChild, parseDer, readSequence } from '../asn1/reader.ts'
import {
  decodeBitStringOctets,
  decodeOid,
  decodeSmallInteger,
  decodeTime,
  integerBytes,
  serialHexOf,
} from '../asn1/values.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { type HashName, findHash } from '../algorithms/hashes.ts'
import { type AlgorithmIdentifier, parseAlgorithmIdentifier } from '../algorithms/signatures.ts'
import { type Extension, parseExtensions } from './certificate.ts'
import { type CrlReason, parseCrlReason } from './crl-entries.ts'
import { type Name, parseName } from './name.ts'
import { EXT } from './oids.ts'

/** id-pkix-ocsp-basic (RFC 6960 §4.2.1). */
export const OCSP_BASIC = '1.3.6.1.5.5.7.48.1.1'

/** RFC 6960 §4.2.1 OCSPResponseStatus; 4 is not used. */
export const OCSP_STATUS = {
  successful: 0,
  malformedRequest: 1,
  internalError: 2,
  tryLater: 3,
  sigRequired: 5,
  unauthorized: 6,
} as const

/** An OCSPResponseStatus by name. */
export type OcspResponseStatus = keyof typeof OCSP_STATUS

/** Which certificate is asked about (RFC 6960 §4.1.1). */
export interface CertId {
  /** Whole encoding: a response repeats it octet by octet. */
  readonly raw: Uint8Array
  readonly hashOid: string
  /** Undefined when the hash is none that we know. */
  readonly hash: HashName | undefined
  readonly issuerNameHash: Uint8Array
  readonly issuerKeyHash: Uint8Array
  /** Content octets of the INTEGER. */
  readonly serial: Uint8Array
  readonly serialHex: string
}

/** An OCSPRequest. */
export interface OcspRequest {
  readonly certIds: readonly CertId[]
  /** Content of the Nonce OCTET STRING; undefined when there is none. */
  readonly nonce: Uint8Array | undefined
  readonly extensions: ReadonlyMap<string, Extension>
  readonly isSigned: boolean
}

/** A request with one CertID and a long nonce has about 250 bytes; RFC 5019 §2.1.1 allows one CertID anyway. */
export const MAX_OCSP_REQUEST_BYTES = 2048
const MAX_OCSP_CERT_IDS = 16

/** Certificates and several answers included. */
export const MAX_OCSP_RESPONSE_BYTES = 1024 * 1024

/** RFC 9654 §2.1: Nonce ::= OCTET STRING (SIZE(1..128)). */
const MAX_NONCE_BYTES = 128

function malformed(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', `OCSP: ${rule}`)
}

/** Nothing but version 1 exists; some software writes the default out, which changes no meaning. */
function checkVersion(node: Der | undefined): void {
  if (node && decodeSmallInteger(onlyChild(node)) !== 0) malformed('version is not v1')
}

/**
 * Parses an OCSPRequest.
 *
 * @throws {CodedError} INPUT_MALFORMED also for a critical extension that nobody here processes, and for a nonce
 *   that is not 1 to 128 octets long (RFC 9654 §2.1); INPUT_TOO_LARGE
 */
export function parseOcspRequest(der: Uint8Array): OcspRequest {
  if (der.length > MAX_OCSP_REQUEST_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', `OCSP request has more than ${MAX_OCSP_REQUEST_BYTES} bytes`)
  const outer = readSequence(der)
  const tbs = readSequence(outer.next(TAG.sequence))
  const isSigned = outer.optional(contextConstructed(0)) !== undefined
  outer.end()
  checkVersion(tbs.optional(contextConstructed(0)))
  tbs.optional(contextConstructed(1)) // requestorName: not asked for, not used
  const requests = readSequence(tbs.next(TAG.sequence)).rest()
  const extensionsNode = tbs.optional(contextConstructed(2))
  tbs.end()
  if (requests.length === 0 || requests.length > MAX_OCSP_CERT_IDS)
    malformed(`request asks about ${requests.length} certificates, 1 to ${MAX_OCSP_CERT_IDS} are answered`)
  const extensions = extensionsNode
    ? parseExtensions(onlyChild(extensionsNode))
    : new Map<string, Extension>()
  for (const { oid, critical } of extensions.values())
    if (critical && oid !== EXT.ocspNonce) malformed(`critical extension ${oid} is not processed`)
  return { certIds: requests.map(parseRequest), nonce: parseNonce(extensions), extensions, isSigned }
}

function parseRequest(node: Der): CertId {
  const reader = readSequence(node)
  const certId = parseCertId(reader.next(TAG.sequence))
  const extensionsNode = reader.optional(contextConstructed(0))
  reader.end()
  if (extensionsNode)
    for (const { oid, critical } of parseExtensions(onlyChild(extensionsNode)).values())
      if (critical) malformed(`critical extension ${oid} is not processed`)
  return certId
}

function parseNonce(extensions: ReadonlyMap<string, Extension>): Uint8Array | undefined {
  const extension = extensions.get(EXT.ocspNonce)
  if (!extension) return undefined
  const { content } = parseDer(extension.value, TAG.octetString)
  if (content.length === 0 || content.length > MAX_NONCE_BYTES)
    malformed(`nonce has ${content.length} octets, 1 to ${MAX_NONCE_BYTES} are allowed (RFC 9654 §2.1)`)
  return content
}

/** A CertID; an unknown hash is no error, it names a certificate that nobody here knows. @throws {CodedError} INPUT_MALFORMED */
export function parseCertId(node: Der): CertId {
  const reader = readSequence(node)
  const { oid, parameters } = parseAlgorithmIdentifier(reader.next(TAG.sequence))
  const issuerNameHash = reader.next(TAG.octetString).content
  const issuerKeyHash = reader.next(TAG.octetString).content
  const serial = integerBytes(reader.next(TAG.integer))
  reader.end()
  if (serial.length > 32) malformed('serial number is too long')
  const hash = parameters === undefined || parameters.tag === TAG.null ? findHash(oid) : undefined
  if (hash && (issuerNameHash.length !== hash.size || issuerKeyHash.length !== hash.size))
    malformed('CertID hash has another length than its algorithm')
  return {
    raw: node.raw,
    hashOid: oid,
    hash: hash?.name,
    issuerNameHash,
    issuerKeyHash,
    serial,
    serialHex: serialHexOf(serial),
  }
}

/** CertStatus of one certificate. */
export type OcspCertStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'revoked'; readonly revokedAt: Date; readonly reason?: CrlReason }

/** What the responder says about one certificate. */
export interface SingleResponse {
  readonly certId: CertId
  readonly status: OcspCertStatus
  readonly thisUpdate: Date
  readonly nextUpdate?: Date
  readonly extensions: ReadonlyMap<string, Extension>
}

/** Who signed, as the response says it (RFC 6960 §4.2.1): by name, or by SHA-1 of the public key. */
export type ResponderId =
  { readonly kind: 'byName'; readonly name: Name } | { readonly kind: 'byKey'; readonly keyHash: Uint8Array }

/** A BasicOCSPResponse. */
export interface BasicOcspResponse {
  readonly tbs: Uint8Array
  readonly responderId: ResponderId
  readonly producedAt: Date
  readonly responses: readonly SingleResponse[]
  readonly extensions: ReadonlyMap<string, Extension>
  readonly nonce: Uint8Array | undefined
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly signature: Uint8Array
  /** DER of the certificates that came along; nothing is known about them yet. */
  readonly certificates: readonly Uint8Array[]
}

/** An OCSPResponse. */
export interface OcspResponse {
  readonly raw: Uint8Array
  readonly status: OcspResponseStatus
  /** Present exactly when the status is successful. */
  readonly basic?: BasicOcspResponse
}

/**
 * Parses an OCSPResponse with a basic response in it.
 *
 * @throws {CodedError} INPUT_MALFORMED, INPUT_TOO_LARGE; ALGORITHM_UNSUPPORTED for another response type
 */
export function parseOcspResponse(der: Uint8Array): OcspResponse {
  if (der.length > MAX_OCSP_RESPONSE_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', `OCSP response has more than ${MAX_OCSP_RESPONSE_BYTES} bytes`)
  const outer = readSequence(der)
  const number = decodeSmallInteger(outer.next(TAG.enumerated), TAG.enumerated)
  const bytes = outer.optional(contextConstructed(0))
  outer.end()
  const names = Object.entries(OCSP_STATUS) as [OcspResponseStatus, number][]
  const status = names.find(([, value]) => value === number)?.[0]
  if (status === undefined) malformed(`response status ${number} does not exist`)
  if ((status === 'successful') !== (bytes !== undefined))
    malformed('responseBytes are there without success, or missing with it')
  if (!bytes) return { raw: der, status }
  const reader = readSequence(onlyChild(bytes))
  const type = decodeOid(reader.next(TAG.oid))
  const response = reader.next(TAG.octetString)
  reader.end()
  if (type !== OCSP_BASIC)
    throw new CodedError('ALGORITHM_UNSUPPORTED', `OCSP response type ${type} is not known`)
  return { raw: der, status, basic: parseBasicResponse(response.content) }
}

/** BasicOCSPResponse, as it also stands alone in revocation values of CAdES and PAdES. @throws {CodedError} INPUT_MALFORMED */
export function parseBasicResponse(der: Uint8Array): BasicOcspResponse {
  const outer = readSequence(der)
  const tbsNode = outer.next(TAG.sequence)
  const signatureAlgorithm = parseAlgorithmIdentifier(outer.next(TAG.sequence))
  const signature = decodeBitStringOctets(outer.next(TAG.bitString))
  const certificatesNode = outer.optional(contextConstructed(0))
  outer.end()

  const tbs = readSequence(tbsNode)
  checkVersion(tbs.optional(contextConstructed(0)))
  const responderId = parseResponderId(tbs.next())
  const producedAt = generalized(tbs.next())
  const responses = readSequence(tbs.next(TAG.sequence)).rest().map(parseSingleResponse)
  const extensionsNode = tbs.optional(contextConstructed(1))
  tbs.end()
  const extensions = extensionsNode
    ? parseExtensions(onlyChild(extensionsNode))
    : new Map<string, Extension>()
  return {
    tbs: tbsNode.raw,
    responderId,
    producedAt,
    responses,
    extensions,
    nonce: parseNonce(extensions),
    signatureAlgorithm,
    signature,
    certificates: certificatesNode
      ? readSequence(onlyChild(certificatesNode))
          .rest()
          .map((node) => node.raw)
      : [],
  }
}

function parseResponderId(node: Der): ResponderId {
  if (node.tag === contextConstructed(1)) return { kind: 'byName', name: parseName(onlyChild(node)) }
  if (node.tag !== contextConstructed(2)) malformed('responderID is neither byName nor byKey')
  const key = onlyChild(node)
  if (key.tag !== TAG.octetString || key.content.length !== 20) malformed('KeyHash is not a SHA-1 value')
  return { kind: 'byKey', keyHash: key.content }
}

function parseSingleResponse(node: Der): SingleResponse {
  const reader = readSequence(node)
  const certId = parseCertId(reader.next(TAG.sequence))
  const status = parseCertStatus(reader.next())
  const thisUpdate = generalized(reader.next())
  const next = reader.optional(contextConstructed(0))
  const extensionsNode = reader.optional(contextConstructed(1))
  reader.end()
  return {
    certId,
    status,
    thisUpdate,
    ...(next ? { nextUpdate: generalized(onlyChild(next)) } : {}),
    extensions: extensionsNode ? parseExtensions(onlyChild(extensionsNode)) : new Map(),
  }
}

function parseCertStatus(node: Der): OcspCertStatus {
  if (node.tag === context(0) || node.tag === context(2)) {
    if (node.content.length !== 0) malformed('certStatus NULL is not empty')
    return { kind: node.tag === context(0) ? 'good' : 'unknown' }
  }
  const reader = readSequence(node, contextConstructed(1))
  const revokedAt = generalized(reader.next())
  const reasonNode = reader.optional(contextConstructed(0))
  reader.end()
  if (!reasonNode) return { kind: 'revoked', revokedAt }
  const reason = onlyChild(reasonNode)
  if (reason.tag !== TAG.enumerated) malformed('revocationReason is not ENUMERATED')
  return { kind: 'revoked', revokedAt, reason: parseCrlReason(reason) }
}

/** RFC 6960 knows GeneralizedTime only. */
function generalized(node: Der): Date {
  if (node.tag !== TAG.generalizedTime) malformed('a GeneralizedTime is required here')
  return decodeTime(node)
}
