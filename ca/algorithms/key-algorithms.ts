/** Key algorithms that this CA makes or certifies: one row each. Room for SM2 and ML-DSA is a new row. */
import { CodedError } from '../errors.ts'
import type { KeyKind, PublicKeyInfo } from './keys.ts'
import { type SignatureAlgorithm, getSignatureAlgorithm } from './signatures.ts'

/** Names as in profiles, ceremony files and records. */
export type KeyAlgorithmName = 'P-256' | 'P-384' | 'RSA-2048' | 'RSA-3072' | 'RSA-4096' | 'Ed25519'

/** One kind of key that this CA makes or certifies. */
export interface KeyAlgorithm {
  /** Stable name used in profiles, ceremony files and records. */
  readonly name: KeyAlgorithmName
  readonly kind: KeyKind
  /** Modulus length of RSA, field size of EC. */
  readonly bits: number
  /** How a key of this row signs certificates, requests and CMS. */
  readonly signature: SignatureAlgorithm
}

const row = (name: KeyAlgorithmName, kind: KeyKind, bits: number, signature: string): KeyAlgorithm => ({
  name,
  kind,
  bits,
  signature: getSignatureAlgorithm(signature),
})

/** P-256 is the default: smallest and fastest with general support. @see FIPS 186-5, SP 800-57 part 1 table 2 */
export const KEY_ALGORITHMS: readonly KeyAlgorithm[] = [
  row('P-256', 'ec', 256, 'ecdsa-sha256'),
  row('P-384', 'ec', 384, 'ecdsa-sha384'),
  row('RSA-2048', 'rsa', 2048, 'rsa-sha256'),
  row('RSA-3072', 'rsa', 3072, 'rsa-sha256'),
  row('RSA-4096', 'rsa', 4096, 'rsa-sha512'),
  row('Ed25519', 'ed25519', 256, 'ed25519'),
]

/** The row of this name. @throws {ALGORITHM_UNSUPPORTED} */
export function getKeyAlgorithm(name: string): KeyAlgorithm {
  const found = KEY_ALGORITHMS.find((entry) => entry.name === name)
  if (!found) throw new CodedError('ALGORITHM_UNSUPPORTED', `key algorithm ${name.slice(0, 40)} is not known`)
  return found
}

/** The row that a public key belongs to, or undefined when this CA makes and certifies no such keys. */
export const findKeyAlgorithm = (key: PublicKeyInfo): KeyAlgorithm | undefined =>
  KEY_ALGORITHMS.find(
    (entry) =>
      entry.kind === key.kind &&
      entry.bits === key.bits &&
      (key.kind !== 'ec' || key.curve?.name === entry.name),
  )
