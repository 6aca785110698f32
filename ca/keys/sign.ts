/** The one place where node:crypto signs. */
import { constants, createSign, sign as nodeSign, type KeyObject } from 'node:crypto'
import { getHash } from '../algorithms/hashes.ts'
import { keyTypeOf } from '../algorithms/keys.ts'
import type { SignatureAlgorithm } from '../algorithms/signatures.ts'
import { concat } from '../asn1/writer.ts'
import { CodedError } from '../errors.ts'

const refused = new Set(['SHA-1', 'MD5'])

/** A message too large to be held at once: it is hashed as it comes, and only then signed. */
export interface StreamedMessage {
  update(octets: Uint8Array): void
  /** Signs what came. */
  finish(key: Parameters<typeof nodeSign>[2]): Uint8Array
}

/** Starts a message; no key is used before its end. A scheme that hashes twice (EdDSA) has to hold all of it. */
export function startMessage({ hash }: SignatureAlgorithm): StreamedMessage {
  if (hash !== undefined) {
    const running = createSign(getHash(hash).node)
    return { update: (octets) => void running.update(octets), finish: (key) => running.sign(key) }
  }
  const held: Uint8Array[] = []
  return { update: (octets) => void held.push(octets), finish: (key) => nodeSign(null, concat(...held), key) }
}

/**
 * Signs a message with a key in memory.
 *
 * @throws {ALGORITHM_UNSUPPORTED} when the row is for another kind of key, or its hash is broken
 */
export function signWithKeyObject(
  key: KeyObject,
  algorithm: SignatureAlgorithm,
  data: Uint8Array | StreamedMessage,
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
  const signature =
    data instanceof Uint8Array
      ? nodeSign(hash === undefined ? null : getHash(hash).node, data, options)
      : data.finish(options)
  // OpenSSL's own memory, which no pool shares.
  return new Uint8Array(signature.buffer, signature.byteOffset, signature.length)
}
