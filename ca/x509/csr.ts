/** Certification requests, PKCS#10 (RFC 2986): strict reading, proof of possession, building. */
import { parseSpki, type PublicKeyInfo } from '../algorithms/keys.ts'
import {
  type AlgorithmIdentifier,
  type SignatureAlgorithm,
  parseAlgorithmIdentifier,
  signatureAlgorithmOf,
  verifySignature,
} from '../algorithms/signatures.ts'
import { type Der, childrenOf, readSequence } from '../asn1/reader.ts'
import { decodeBitStringOctets, decodeOid, decodeSmallInteger } from '../asn1/values.ts'
import { bitString, implicit, integer, oid, sequence, setOf } from '../asn1/writer.ts'
import { TAG, contextConstructed } from '../asn1/tags.ts'
import { CodedError } from '../errors.ts'
import { type Extension, parseExtensions } from './certificate.ts'
import { type Name, parseName } from './name.ts'

/** Largest request that is read; an RSA-8192 request with extensions has about 3 KiB. */
export const MAX_CSR_BYTES = 16_384

/** extensionRequest (RFC 2985 §5.4.2). */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

/** A request as read; byte arrays are views of the input. */
export interface Csr {
  readonly raw: Uint8Array
  /** CertificationRequestInfo: what is signed. */
  readonly info: Uint8Array
  readonly subject: Name
  readonly key: PublicKeyInfo
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly signature: Uint8Array
  /** What the request asks for; the profile decides what becomes of it. */
  readonly requestedExtensions: ReadonlyMap<string, Extension>
}

/**
 * Parses a request; its signature is not checked here.
 *
 * @throws {INPUT_MALFORMED} {INPUT_TOO_LARGE} {ALGORITHM_UNSUPPORTED}
 */
export function parseCsr(der: Uint8Array): Csr {
  if (der.length > MAX_CSR_BYTES)
    throw new CodedError(
      'INPUT_TOO_LARGE',
      `request has ${der.length} bytes, at most ${MAX_CSR_BYTES} are read`,
    )
  const outer = readSequence(der)
  const infoNode = outer.next(TAG.sequence)
  const signatureAlgorithm = parseAlgorithmIdentifier(outer.next(TAG.sequence))
  const signature = decodeBitStringOctets(outer.next(TAG.bitString))
  outer.end()
  const info = readSequence(infoNode)
  if (decodeSmallInteger(info.next(TAG.integer)) !== 0)
    throw new CodedError('INPUT_MALFORMED', 'request: version is not 0 (RFC 2986 §4.1)')
  const subject = parseName(info.next(TAG.sequence))
  const key = parseSpki(info.next(TAG.sequence))
  const attributes = parseAttributes(info.next(contextConstructed(0)))
  info.end()
  const request = attributes.get(EXTENSION_REQUEST)
  return {
    raw: der,
    info: infoNode.raw,
    subject,
    key,
    signatureAlgorithm,
    signature,
    requestedExtensions: request ? parseExtensions(request) : new Map(),
  }
}

/** First value of each attribute; a type twice is refused, since readers would differ in which one counts. */
function parseAttributes(node: Der): Map<string, Der> {
  const attributes = new Map<string, Der>()
  for (const item of childrenOf(node)) {
    const reader = readSequence(item)
    const type = decodeOid(reader.next(TAG.oid))
    const [value, ...more] = childrenOf(reader.next(TAG.set))
    reader.end()
    if (value === undefined || more.length > 0 || attributes.has(type))
      throw new CodedError(
        'INPUT_MALFORMED',
        `request: attribute ${type} has not exactly one value (RFC 2986 §4.1)`,
      )
    attributes.set(type, value)
  }
  return attributes
}

/** Hashes that still prove anything about who made a signature. */
const SOUND_HASHES = new Set<string | undefined>([undefined, 'SHA-256', 'SHA-384', 'SHA-512'])

/**
 * Proof of possession: the request is signed with the key that it asks to be certified.
 *
 * @throws {CSR_PROOF_OF_POSSESSION} when the signature is wrong
 * @throws {ALGORITHM_UNSUPPORTED} when it uses SHA-1, MD5 or an algorithm that is not known
 */
export function checkProofOfPossession(csr: Csr): void {
  const algorithm = signatureAlgorithmOf(csr.signatureAlgorithm)
  if (!SOUND_HASHES.has(algorithm.hash))
    throw new CodedError(
      'ALGORITHM_UNSUPPORTED',
      `request: ${algorithm.name} is no longer accepted (SP 800-131A rev. 2 §3)`,
    )
  if (!verifySignature(algorithm, csr.key, csr.info, csr.signature))
    throw new CodedError(
      'CSR_PROOF_OF_POSSESSION',
      'request: signature does not verify with the key in it (RFC 2986 §4.2)',
    )
}

/** CertificationRequestInfo, to be signed with the key of `spkiDer`. */
export function buildCsrInfo(
  subjectDer: Uint8Array,
  spkiDer: Uint8Array,
  extensions: readonly Uint8Array[] = [],
): Uint8Array {
  const attributes =
    extensions.length === 0 ? [] : [sequence(oid(EXTENSION_REQUEST), setOf(sequence(...extensions)))]
  return sequence(integer(0), subjectDer, spkiDer, implicit(0, setOf(...attributes)))
}

/** CertificationRequest from its parts. */
export const encodeCsr = (
  info: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array => sequence(info, algorithm.identifierDer, bitString(signature))
