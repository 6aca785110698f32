/** Time-stamp requests, responses and tokens as read (RFC 3161 §2.4, RFC 5816). Writing is in `tsp-writer.ts`. */
import { CodedError } from '../errors.ts'
import { type Der, onlyChild, parseDer, readSequence } from '../asn1/reader.ts'
import {
  decodeBoolean,
  decodeInteger,
  decodeNamedBits,
  decodeOid,
  decodeSmallInteger,
  decodeString,
  decodeTime,
  integerBytes,
} from '../asn1/values.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { type HashName, findHash } from '../algorithms/hashes.ts'
import { parseAlgorithmIdentifier } from '../algorithms/signatures.ts'
import { type Extension, parseExtensions } from './certificate.ts'
import { CONTENT, type SignedData, parseSignedData } from './cms.ts'
import { type GeneralName, parseGeneralName } from './extensions.ts'

/** What is stamped: a digest and its algorithm. */
export interface MessageImprint {
  readonly hashOid: string
  /** Undefined when the hash is none that we know, or has parameters that it must not have. */
  readonly hash: HashName | undefined
  readonly digest: Uint8Array
  /** Whole encoding: a token repeats it octet by octet. */
  readonly raw: Uint8Array
}

/** A TimeStampReq. */
export interface TimeStampRequest {
  readonly version: number
  readonly messageImprint: MessageImprint
  readonly policy: string | undefined
  /** Content octets of the nonce INTEGER. */
  readonly nonce: Uint8Array | undefined
  readonly certReq: boolean
  readonly extensions: ReadonlyMap<string, Extension>
}

/** A request with every field and a SHA-512 imprint has under 200 bytes. */
const MAX_TSP_REQUEST_BYTES = 4096
export const MAX_TSP_TOKEN_BYTES = 1024 * 1024

function malformed(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', `TSP: ${rule}`)
}

function parseMessageImprint(node: Der): MessageImprint {
  const reader = readSequence(node)
  const { oid, parameters } = parseAlgorithmIdentifier(reader.next(TAG.sequence))
  const digest = reader.next(TAG.octetString).content
  reader.end()
  const isPlain = parameters === undefined || (parameters.tag === TAG.null && parameters.content.length === 0)
  return { hashOid: oid, hash: isPlain ? findHash(oid)?.name : undefined, digest, raw: node.raw }
}

/**
 * Parses a TimeStampReq; what the TSA does not offer (hash, policy, extensions) is the TSA's to refuse.
 *
 * @throws {CodedError} INPUT_MALFORMED, INPUT_TOO_LARGE
 */
export function parseTimeStampRequest(der: Uint8Array): TimeStampRequest {
  if (der.length > MAX_TSP_REQUEST_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', `time-stamp request has more than ${MAX_TSP_REQUEST_BYTES} bytes`)
  const reader = readSequence(der)
  const version = decodeSmallInteger(reader.next(TAG.integer))
  const messageImprint = parseMessageImprint(reader.next(TAG.sequence))
  const policy = reader.optional(TAG.oid)
  const nonce = reader.optional(TAG.integer)
  const certReq = reader.optional(TAG.boolean)
  const extensions = reader.optional(contextConstructed(0))
  reader.end()
  return {
    version,
    messageImprint,
    policy: policy && decodeOid(policy),
    nonce: nonce && integerBytes(nonce),
    // DEFAULT FALSE written out is common in requests and changes no meaning.
    certReq: certReq ? decodeBoolean(certReq) : false,
    extensions: extensions ? parseExtensions(extensions.as(TAG.sequence)) : new Map(),
  }
}

/** RFC 3161 §2.4.2 PKIStatus; the index is the number. */
const PKI_STATUS = [
  'granted',
  'grantedWithMods',
  'rejection',
  'waiting',
  'revocationWarning',
  'revocationNotification',
] as const
/** A PKIStatus by name. */
export type PkiStatus = (typeof PKI_STATUS)[number]

/** RFC 3161 §2.4.2 PKIFailureInfo bits. */
export const PKI_FAILURE = {
  badAlg: 0,
  badRequest: 2,
  badDataFormat: 5,
  timeNotAvailable: 14,
  unacceptedPolicy: 15,
  unacceptedExtension: 16,
  addInfoNotAvailable: 17,
  systemFailure: 25,
} as const
/** A PKIFailureInfo bit by name. */
export type PkiFailure = keyof typeof PKI_FAILURE

/** A TimeStampResp. */
export interface TimeStampResponse {
  readonly status: PkiStatus
  readonly statusText: readonly string[]
  readonly failures: readonly PkiFailure[]
  /** ContentInfo of the token, present exactly when it was granted. */
  readonly tokenDer: Uint8Array | undefined
}

/** Parses a TimeStampResp; its token is parsed apart. @throws {CodedError} INPUT_MALFORMED, INPUT_TOO_LARGE */
export function parseTimeStampResponse(der: Uint8Array): TimeStampResponse {
  if (der.length > MAX_TSP_TOKEN_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', `time-stamp response has more than ${MAX_TSP_TOKEN_BYTES} bytes`)
  const reader = readSequence(der)
  const info = readSequence(reader.next(TAG.sequence))
  const token = reader.optional(TAG.sequence)
  reader.end()
  const status = PKI_STATUS[decodeSmallInteger(info.next(TAG.integer))]
  const text = info.optional(TAG.sequence)
  const failure = info.optional(TAG.bitString)
  info.end()
  if (status === undefined) malformed('PKIStatus does not exist')
  const isGranted = status === 'granted' || status === 'grantedWithMods'
  if (isGranted !== (token !== undefined)) malformed('a token is there without a grant, or missing with it')
  const bits = failure ? decodeNamedBits(failure) : new Set<number>()
  const names = Object.entries(PKI_FAILURE) as [PkiFailure, number][]
  return {
    status,
    statusText: text ? readSequence(text).rest().map(decodeString) : [],
    failures: names.filter(([, bit]) => bits.has(bit)).map(([name]) => name),
    tokenDer: token?.raw,
  }
}

/** The statement that a token makes. */
export interface TstInfo {
  readonly raw: Uint8Array
  readonly policy: string
  readonly messageImprint: MessageImprint
  /** Content octets of the INTEGER. */
  readonly serial: Uint8Array
  /** Milliseconds; finer fractions are cut off. */
  readonly genTime: Date
  /** Distance from genTime in milliseconds, rounded up; undefined when the token does not say. */
  readonly accuracyMs: number | undefined
  readonly ordering: boolean
  readonly nonce: Uint8Array | undefined
  readonly tsa: GeneralName | undefined
  readonly extensions: ReadonlyMap<string, Extension>
}

/** Content of a token (RFC 3161 §2.4.2). @throws {CodedError} INPUT_MALFORMED */
export function parseTstInfo(der: Uint8Array): TstInfo {
  const reader = readSequence(der)
  if (decodeSmallInteger(reader.next(TAG.integer)) !== 1) malformed('TSTInfo version is not 1')
  const policy = decodeOid(reader.next(TAG.oid))
  const messageImprint = parseMessageImprint(reader.next(TAG.sequence))
  const serial = integerBytes(reader.next(TAG.integer))
  const genTime = decodeTime(generalizedOnly(reader.next()), true)
  const accuracy = reader.optional(TAG.sequence)
  const ordering = reader.optional(TAG.boolean)
  const nonce = reader.optional(TAG.integer)
  const tsa = reader.optional(contextConstructed(0))
  const extensions = reader.optional(contextConstructed(1))
  reader.end()
  if (messageImprint.hash && findHash(messageImprint.hashOid)?.size !== messageImprint.digest.length)
    malformed('messageImprint has another length than its algorithm')
  return {
    raw: der,
    policy,
    messageImprint,
    serial,
    genTime,
    accuracyMs: accuracy && parseAccuracy(accuracy),
    ordering: ordering ? decodeBoolean(ordering) : false,
    nonce: nonce && integerBytes(nonce),
    tsa: tsa && parseGeneralName(onlyChild(tsa)),
    extensions: extensions ? parseExtensions(extensions.as(TAG.sequence)) : new Map(),
  }
}

function generalizedOnly(node: Der): Der {
  if (node.tag !== TAG.generalizedTime) malformed('genTime is not a GeneralizedTime')
  return node
}

function parseAccuracy(node: Der): number {
  const reader = readSequence(node)
  const part = (tag: number, max: bigint): number => {
    const field = reader.optional(tag)
    if (!field) return 0
    const value = decodeInteger(field, tag)
    if (value < 0n || value > max) malformed('accuracy is out of range')
    return Number(value)
  }
  const seconds = part(TAG.integer, 1_000_000_000n)
  const millis = part(context(0), 999n)
  const micros = part(context(1), 999n)
  reader.end()
  return seconds * 1000 + millis + Math.ceil(micros / 1000)
}

/** A token taken apart. */
export interface TimeStampToken {
  readonly signedData: SignedData
  readonly tstInfo: TstInfo
}

/**
 * Parses a token: SignedData over TSTInfo by exactly one signer (RFC 3161 §2.4.2).
 *
 * @throws {CodedError} INPUT_MALFORMED, INPUT_TOO_LARGE
 */
export function parseTimeStampToken(der: Uint8Array): TimeStampToken {
  if (der.length > MAX_TSP_TOKEN_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', `time-stamp token has more than ${MAX_TSP_TOKEN_BYTES} bytes`)
  parseDer(der, TAG.sequence)
  const signedData = parseSignedData(der)
  if (signedData.contentType !== CONTENT.tstInfo || signedData.content === undefined)
    malformed('token does not hold a TSTInfo')
  if (signedData.signerInfos.length !== 1) malformed('token has not exactly one signer (RFC 3161 §2.4.2)')
  return { signedData, tstInfo: parseTstInfo(signedData.content) }
}
