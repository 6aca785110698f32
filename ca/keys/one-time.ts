/**
 * Keys of event certificates: made in memory, good for exactly one signature, then gone.
 *
 * They are never written anywhere: a crash destroys them, which is what their certificate promises
 * (Electronic Signature Law art. 13(2): nobody signs with them again).
 */
import { randomUUID, type KeyObject } from 'node:crypto'
import type { KeyAlgorithm } from '../algorithms/key-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signatures.ts'
import { CodedError } from '../errors.ts'
import { generatePrivateKey, spkiOf } from './generate.ts'
import type { ProviderKey } from './provider.ts'
import { signWithKeyObject } from './sign.ts'

/** Keys that sign once. */
export interface OneTimeKeys {
  generate(algorithm: KeyAlgorithm, tenant: string | null): Promise<ProviderKey>
  /** @throws {KEY_NOT_FOUND} */
  publicKey(keyId: string): ProviderKey
  has(keyId: string): boolean
  /**
   * Signs once; the key is dropped before this returns, whether or not it worked.
   *
   * @throws {KEY_DESTROYED} the second time, or when it was destroyed unused
   */
  signOnce(keyId: string, algorithm: SignatureAlgorithm, data: Uint8Array): Uint8Array
  /** Drops a key that was not used. */
  destroy(keyId: string): void
  /** Keys alive now. */
  readonly size: number
}

/** Upper bound of keys alive at once, so that abandoned ones cannot fill memory. */
const MAX_ONE_TIME_KEYS = 10_000

/**
 * Starts with no keys.
 *
 * @param now clock for `createdAt`
 */
export function openOneTimeKeys(now: () => Date): OneTimeKeys {
  const alive = new Map<string, { readonly key: KeyObject; readonly info: ProviderKey }>()

  const take = (keyId: string): KeyObject => {
    const entry = alive.get(keyId)
    if (!entry) throw new CodedError('KEY_DESTROYED', 'one-time key was used or destroyed')
    alive.delete(keyId)
    return entry.key
  }

  return {
    async generate(algorithm, tenant) {
      if (alive.size >= MAX_ONE_TIME_KEYS)
        throw new CodedError('KEY_UNAVAILABLE', `more than ${MAX_ONE_TIME_KEYS} one-time keys are alive`)
      const key = await generatePrivateKey(algorithm)
      const info: ProviderKey = {
        keyId: `event-${randomUUID()}`,
        algorithm: algorithm.name,
        spkiDer: spkiOf(key),
        tenant,
        createdAt: now(),
      }
      alive.set(info.keyId, { key, info })
      return info
    },
    publicKey(keyId) {
      const entry = alive.get(keyId)
      if (!entry) throw new CodedError('KEY_NOT_FOUND', 'one-time key is not there')
      return entry.info
    },
    has: (keyId) => alive.has(keyId),
    signOnce: (keyId, algorithm, data) => signWithKeyObject(take(keyId), algorithm, data),
    destroy(keyId) {
      alive.delete(keyId)
    },
    get size() {
      return alive.size
    },
  }
}
