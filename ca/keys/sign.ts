/** The one place where node:crypto signs. */
import { constants, sign as nodeSign, type KeyObject } from 'node:crypto'
import { getHash } from '../algorithms/hashes.ts'
import { keyTypeOf } from '../algorithms/keys.ts'
import type { SignatureAlgorithm } from '../algorithms/signatures.ts'
import { CodedError } from '../errors.ts'

const refused = new Set(['SHA-1', 'MD5'])

/**
 * Signs a message with a key in memory.
 *
 * @throws {ALGORITHM_UNSUPPORTED} when the row is for another kind of key, or its hash is broken
 */
export function signWithKeyObject(
  key: KeyObject,
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
): Uint8Array {
  const { hash, saltLength } = algorithm
  if (keyTypeOf(key) !== algorithm.keyKind || (hash !== undefined && refused.has(hash)))
    throw new CodedError(
      'ALGORITHM_UNSUPPORTED',
      `${algorithm.name} is not for this key, or no longer signed with`,
    )
  // A bare key signs in two thirds of the time; DER is what ECDSA and DSA come in when nothing else is asked for.
  const options =
    saltLength === undefined ? key : { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
  const signature = nodeSign(hash === undefined ? null : getHash(hash).node, data, options)
  // OpenSSL's own memory, which no pool shares.
  return new Uint8Array(signature.buffer, signature.byteOffset, signature.length)
}
