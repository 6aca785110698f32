/** Key pairs from node:crypto, for providers that keep keys in software. */
import { type KeyObject, createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyAlgorithm } from '../algorithms/key-algorithms.ts'
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

/** SubjectPublicKeyInfo of a private key. */
export const spkiOf = (privateKey: KeyObject): Uint8Array =>
  new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }))
