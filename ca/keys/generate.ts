/** Key pairs from node:crypto, for providers that keep keys in software. */
import { type KeyObject, createPublicKey, generateKeyPair, generateKeyPairSync } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { KEY_OID } from '../algorithms/keys.ts'
import { decodeBase64 } from '../asn1/octets.ts'
import { bitString, concat, oid, sequence } from '../asn1/writer.ts'
import { CodedError } from '../errors.ts'

const generatePair = promisify(generateKeyPair)

/** A fresh private key, generated on the thread pool. @throws {ALGORITHM_UNSUPPORTED} */
export async function generatePrivateKey(algorithm: KeyAlgorithm): Promise<KeyObject> {
  switch (algorithm.kind) {
    case 'ec':
      return (await generatePair('ec', { namedCurve: algorithm.name })).privateKey
    case 'rsa':
      // FIPS 186-5 §A.1.1: e = 65537.
      return (await generatePair('rsa', { modulusLength: algorithm.bits, publicExponent: 65537 })).privateKey
    case 'ed25519':
      return (await generatePair('ed25519', {})).privateKey
    default:
      throw new CodedError('ALGORITHM_UNSUPPORTED', `keys of ${algorithm.name} are not made here`)
  }
}

/** Head of the SubjectPublicKeyInfo of a P-256 key; the uncompressed point follows (RFC 5480 §2). */
const P256_SPKI = sequence(
  sequence(oid(KEY_OID.ec), oid('1.2.840.10045.3.1.7')),
  bitString(new Uint8Array(65)),
).subarray(0, -65)

/**
 * A fresh P-256 pair, made at once in this thread: the turn through the thread pool, and the encoder of OpenSSL for
 * the public key, would cost three times as much as the key.
 */
export function generateP256(): { readonly key: KeyObject; readonly spkiDer: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const point = [Uint8Array.of(4), decodeBase64(x), decodeBase64(y)]
  return { key: privateKey, spkiDer: concat(P256_SPKI, ...point) }
}

/** SubjectPublicKeyInfo of a private key. */
export const spkiOf = (privateKey: KeyObject): Uint8Array =>
  new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }))
