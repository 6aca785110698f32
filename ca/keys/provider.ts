/**
 * The one interface behind which private keys live. An encrypted file and a one-time key in memory
 * implement it today; a PKCS#11 token is one more implementation.
 */
import type { KeyObject } from 'node:crypto'
import type { KeyAlgorithm, KeyAlgorithmName } from '../algorithms/key-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signatures.ts'
import type { StreamedMessage } from './sign.ts'

/** What may be known of a key outside its provider. */
export interface ProviderKey {
  readonly keyId: string
  readonly algorithm: KeyAlgorithmName
  readonly spkiDer: Uint8Array
  /** Business that the key is held for; null for keys of the institution itself. */
  readonly tenant: string | null
  readonly createdAt: Date
}

/** Makes, keeps, uses and destroys private keys; none ever leaves the process in the clear. */
export interface KeyProvider {
  /** Makes a key; durable on return where the provider stores keys at all. */
  generate(algorithm: KeyAlgorithm, tenant: string | null): Promise<ProviderKey>
  /** Takes in a key that was made elsewhere; durable on return. @throws {ALGORITHM_UNSUPPORTED} */
  importKey(privateKey: KeyObject, tenant: string | null): Promise<ProviderKey>
  /**
   * Signs `data` (the message, not its digest; whole, or streamed by `startMessage` for the same algorithm). ECDSA
   * signatures come as DER Ecdsa-Sig-Value.
   *
   * @throws {KEY_NOT_FOUND} {KEY_DESTROYED} {KEY_UNAVAILABLE} {ALGORITHM_UNSUPPORTED} when the row is not for this kind of key
   */
  sign(
    keyId: string,
    algorithm: SignatureAlgorithm,
    data: Uint8Array | StreamedMessage,
  ): Uint8Array<ArrayBufferLike> | Promise<Uint8Array>
  /** @throws {KEY_NOT_FOUND} {KEY_DESTROYED} */
  publicKey(keyId: string): ProviderKey
  /** Forgets the private part for ever; durable on return. @throws {KEY_NOT_FOUND} */
  destroy(keyId: string): Promise<void>
  list(): readonly ProviderKey[]
  /**
   * The private key for a worker thread of this process; a provider whose keys live in a device has no such thing.
   *
   * @throws {KEY_NOT_FOUND} {KEY_DESTROYED} {KEY_UNAVAILABLE}
   */
  share?(keyId: string): Promise<KeyObject>
}
