/**
 * Signature algorithms: ONE row each. Whoever signs or verifies takes a row; nothing below
 * switches on an identifier. Room for SM2/SM3 and ML-DSA is a new row.
 */
import { constants, createVerify, verify as nodeVerify, type KeyObject } from 'node:crypto'
import { CodedError } from '../errors.ts'
import { type Der, readSequence } from '../asn1/reader.ts'
import { decodeOid } from '../asn1/values.ts'
import { concat, nullValue, oid, sequence } from '../asn1/writer.ts'
import { TAG } from '../asn1/tags.ts'
import { type HashName, getHash } from './hashes.ts'
import { type KeyKind, type PublicKeyInfo, encodePublicKeyPem, keyTypeOf, publicKeyObject } from './keys.ts'
import { parsePssParameters } from './pss.ts'

/** An AlgorithmIdentifier as read: OID and the raw parameters, if any. */
export interface AlgorithmIdentifier {
  readonly oid: string
  readonly parameters?: Der
  readonly raw: Uint8Array
}

/** One signature algorithm. */
export interface SignatureAlgorithm {
  /** Stable name used in profiles, policies, records and reports. */
  readonly name: string
  readonly oid: string
  readonly keyKind: KeyKind
  /** Undefined where the scheme hashes by itself (EdDSA). */
  readonly hash?: HashName
  /** RSASSA-PSS salt length in octets. */
  readonly saltLength?: number
  /** Complete AlgorithmIdentifier as we write it. */
  readonly identifierDer: Uint8Array
}

const row = (
  name: string,
  oidText: string,
  keyKind: KeyKind,
  hash: HashName | undefined,
  withNull: boolean,
): SignatureAlgorithm => ({
  name,
  oid: oidText,
  keyKind,
  ...(hash === undefined ? {} : { hash }),
  identifierDer: sequence(oid(oidText), ...(withNull ? [nullValue()] : [])),
})

/** @see RFC 5758 (ECDSA), RFC 4055 (RSA), RFC 8410 (EdDSA), RFC 3279 and RFC 5758 §3.1 (DSA) */
export const SIGNATURE_ALGORITHMS: readonly SignatureAlgorithm[] = [
  row('ecdsa-sha256', '1.2.840.10045.4.3.2', 'ec', 'SHA-256', false),
  row('ecdsa-sha384', '1.2.840.10045.4.3.3', 'ec', 'SHA-384', false),
  row('ecdsa-sha512', '1.2.840.10045.4.3.4', 'ec', 'SHA-512', false),
  row('ecdsa-sha224', '1.2.840.10045.4.3.1', 'ec', 'SHA-224', false),
  row('ecdsa-sha1', '1.2.840.10045.4.1', 'ec', 'SHA-1', false),
  row('ecdsa-sha3-256', '2.16.840.1.101.3.4.3.10', 'ec', 'SHA3-256', false),
  row('ecdsa-sha3-384', '2.16.840.1.101.3.4.3.11', 'ec', 'SHA3-384', false),
  row('ecdsa-sha3-512', '2.16.840.1.101.3.4.3.12', 'ec', 'SHA3-512', false),
  row('rsa-sha256', '1.2.840.113549.1.1.11', 'rsa', 'SHA-256', true),
  row('rsa-sha384', '1.2.840.113549.1.1.12', 'rsa', 'SHA-384', true),
  row('rsa-sha512', '1.2.840.113549.1.1.13', 'rsa', 'SHA-512', true),
  row('rsa-sha224', '1.2.840.113549.1.1.14', 'rsa', 'SHA-224', true),
  row('rsa-sha1', '1.2.840.113549.1.1.5', 'rsa', 'SHA-1', true),
  row('rsa-md5', '1.2.840.113549.1.1.4', 'rsa', 'MD5', true),
  row('rsa-sha3-256', '2.16.840.1.101.3.4.3.14', 'rsa', 'SHA3-256', true),
  row('rsa-sha3-384', '2.16.840.1.101.3.4.3.15', 'rsa', 'SHA3-384', true),
  row('rsa-sha3-512', '2.16.840.1.101.3.4.3.16', 'rsa', 'SHA3-512', true),
  row('ed25519', '1.3.101.112', 'ed25519', undefined, false),
  row('ed448', '1.3.101.113', 'ed448', undefined, false),
  row('dsa-sha1', '1.2.840.10040.4.3', 'dsa', 'SHA-1', false),
  row('dsa-sha256', '2.16.840.1.101.3.4.3.2', 'dsa', 'SHA-256', false),
]

const byOid = new Map(SIGNATURE_ALGORITHMS.map((entry) => [entry.oid, entry]))
const byName = new Map(SIGNATURE_ALGORITHMS.map((entry) => [entry.name, entry]))

/** OID of RSASSA-PSS, whose row is made from its parameters (RFC 4055 §3.1). */
const RSASSA_PSS = '1.2.840.113549.1.1.10'

/** The row of this name. @throws {CodedError} ALGORITHM_UNSUPPORTED */
export function getSignatureAlgorithm(name: string): SignatureAlgorithm {
  const found = byName.get(name)
  if (!found) throw new CodedError('ALGORITHM_UNSUPPORTED', `signature algorithm ${name} is not known`)
  return found
}

/** Reads an AlgorithmIdentifier without judging it. @throws {CodedError} INPUT_MALFORMED */
export function parseAlgorithmIdentifier(node: Der): AlgorithmIdentifier {
  const reader = readSequence(node)
  const algorithmOid = decodeOid(reader.next(TAG.oid))
  const parameters = reader.peek()
  if (parameters) reader.next()
  reader.end()
  return { oid: algorithmOid, raw: node.raw, ...(parameters ? { parameters } : {}) }
}

/**
 * The row for an AlgorithmIdentifier of a certificate, CRL, OCSP response or CMS SignerInfo.
 *
 * @param digestHash for a CMS signatureAlgorithm that only names the key (rsaEncryption, id-ecPublicKey, id-dsa):
 *   the digestAlgorithm's hash (RFC 5652 §5.3, RFC 5754 §3)
 * @throws {CodedError} ALGORITHM_UNSUPPORTED, INPUT_MALFORMED when parameters are not those of the algorithm
 */
export function signatureAlgorithmOf(
  identifier: AlgorithmIdentifier,
  digestHash?: HashName,
): SignatureAlgorithm {
  if (identifier.oid === RSASSA_PSS) return pssRow(identifier)
  const direct = byOid.get(identifier.oid)
  if (direct) {
    checkParameters(identifier, direct)
    return direct
  }
  const kind = keyOnlyKinds.get(identifier.oid)
  const implied =
    kind && digestHash
      ? SIGNATURE_ALGORITHMS.find((r) => r.keyKind === kind && r.hash === digestHash)
      : undefined
  if (!implied)
    throw new CodedError('ALGORITHM_UNSUPPORTED', `signature algorithm ${identifier.oid} is not known`)
  return implied
}

const keyOnlyKinds = new Map<string, KeyKind>([
  ['1.2.840.113549.1.1.1', 'rsa'],
  ['1.2.840.10045.2.1', 'ec'],
  ['1.2.840.10040.4.1', 'dsa'],
])

function checkParameters(identifier: AlgorithmIdentifier, algorithm: SignatureAlgorithm): void {
  const { parameters } = identifier
  const isNull = parameters?.tag === TAG.null && parameters.content.length === 0
  // RFC 4055 §5 asks for NULL with RSA and for nothing with the others; both forms occur and mean the same.
  if (parameters && !isNull && algorithm.keyKind !== 'dsa')
    throw new CodedError('INPUT_MALFORMED', `parameters of ${algorithm.name} are not NULL or absent`)
}

function pssRow(identifier: AlgorithmIdentifier): SignatureAlgorithm {
  const { hash, saltLength } = parsePssParameters(identifier.parameters)
  return {
    name: `rsa-pss-${getHash(hash).node}`,
    oid: RSASSA_PSS,
    keyKind: 'rsa',
    hash,
    saltLength,
    identifierDer: identifier.raw,
  }
}

/** Kind of a key, as rows name it. */
const kindOf = (key: KeyObject | PublicKeyInfo): string | undefined =>
  'spkiDer' in key ? key.kind : keyTypeOf(key)

const fits = ({ keyKind, saltLength }: SignatureAlgorithm, key: KeyObject | PublicKeyInfo): boolean => {
  const kind = kindOf(key)
  return kind === keyKind || (kind === 'rsa-pss' && saltLength !== undefined)
}

/** What node:crypto takes for it; a bare key works in less time than one with options. */
function verificationKey(key: KeyObject | PublicKeyInfo, saltLength: number | undefined) {
  if (saltLength === undefined) return 'spkiDer' in key ? encodePublicKeyPem(key.spkiDer) : key
  const object = 'spkiDer' in key ? publicKeyObject(key.spkiDer) : key
  return { key: object, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
}

/**
 * Verifies one signature; a wrong signature is `false`, not an error.
 *
 * @param key of the kind that the row names; another kind is `false`. A key that verifies once is best given as it was
 *   read: making a KeyObject of it costs half as much as the verification
 */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  key: KeyObject | PublicKeyInfo,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!fits(algorithm, key)) return false
  const hash = algorithm.hash === undefined ? null : getHash(algorithm.hash).node
  try {
    // DER is what ECDSA and DSA signatures are in when nothing else is asked for.
    return nodeVerify(hash, data, verificationKey(key, algorithm.saltLength), signature)
  } catch {
    return false
  }
}

/** The same over a message too large to be held at once; `isBy` ends it. */
export function startVerification(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
): { update(octets: Uint8Array): void; isBy(signature: Uint8Array): boolean } {
  const { hash } = algorithm
  if (hash === undefined) {
    const held: Uint8Array[] = []
    return {
      update: (octets) => void held.push(octets),
      isBy: (signature) => verifySignature(algorithm, key, concat(...held), signature),
    }
  }
  const running = createVerify(getHash(hash).node)
  return {
    update: (octets) => void running.update(octets),
    isBy: (signature) => {
      if (!fits(algorithm, key)) return false
      try {
        return running.verify(verificationKey(key, algorithm.saltLength), signature)
      } catch {
        return false
      }
    },
  }
}
