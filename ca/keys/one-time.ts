/**
 * Keys of event certificates: made in memory for the digests that they will sign, good for one signature over each
 * of them, then gone.
 *
 * They are never written anywhere: a crash destroys them, which is what their certificate promises
 * (Electronic Signature Law art. 13(2): nobody signs with them again).
 */
import { randomUUID, type KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../algorithms/signatures.ts'
import { CodedError } from '../errors.ts'
import { generateP256 } from './generate.ts'
import type { ProviderKey } from './provider.ts'
import { signWithKeyObject } from './sign.ts'

/** A key on its way to whoever signs with it, in this thread or in another: its keeper has it no longer. */
export interface OneTimeKey {
  readonly key: KeyObject
  /** SHA-256 values, lower-case hexadecimal: what it may sign, each once. */
  readonly digestsHex: readonly string[]
}

/** Signs octets that stand for one of the authorised digests. */
export type SignOnce = (digestHex: string, data: Uint8Array) => Uint8Array

/** Keys that wait for their certificate. */
export interface OneTimeKeys {
  /**
   * Makes a P-256 key: made in microseconds, accepted everywhere.
   *
   * @param digestsHex what it may sign, each once
   * @throws {CA_OVERLOADED} when too many keys are alive
   */
  generate(tenant: string | null, digestsHex: readonly string[]): ProviderKey
  /** @throws {KEY_NOT_FOUND} */
  publicKey(keyId: string): ProviderKey
  has(keyId: string): boolean
  /** Hands the key over for signing. @throws {KEY_DESTROYED} the second time, or when it was destroyed unused */
  take(keyId: string): OneTimeKey
  /** Drops a key that was not used. */
  destroy(keyId: string): void
  /** Keys alive now. */
  readonly size: number
}

/** Upper bound of keys alive at once, so that a flood cannot fill memory. */
const MAX_ONE_TIME_KEYS = 10_000

/**
 * Starts with no keys.
 *
 * @param now clock for `createdAt`
 */
export function openOneTimeKeys(now: () => Date): OneTimeKeys {
  const alive = new Map<string, OneTimeKey & { readonly info: ProviderKey }>()

  return {
    generate(tenant, digestsHex) {
      if (alive.size >= MAX_ONE_TIME_KEYS)
        throw new CodedError(
          'CA_OVERLOADED',
          `more than ${MAX_ONE_TIME_KEYS} one-time keys are alive; try again`,
        )
      const { key, spkiDer } = generateP256()
      const info: ProviderKey = {
        keyId: `event-${randomUUID()}`,
        algorithm: 'P-256',
        spkiDer,
        tenant,
        createdAt: now(),
      }
      alive.set(info.keyId, { key, digestsHex, info })
      return info
    },
    publicKey(keyId) {
      const entry = alive.get(keyId)
      if (!entry) throw new CodedError('KEY_NOT_FOUND', 'one-time key is not there')
      return entry.info
    },
    has: (keyId) => alive.has(keyId),
    take(keyId) {
      const entry = alive.get(keyId)
      if (!entry) throw new CodedError('KEY_DESTROYED', 'one-time key was used or destroyed')
      alive.delete(keyId)
      return { key: entry.key, digestsHex: entry.digestsHex }
    },
    destroy(keyId) {
      alive.delete(keyId)
    },
    get size() {
      return alive.size
    },
  }
}

/**
 * What signs with a one-time key. It forgets the key after the last authorised digest, and at once when it is asked
 * for anything else or when a signature fails.
 *
 * @throws {DIGEST_NOT_AUTHORISED} for a digest that the key was not made for, or that it signed before; {KEY_DESTROYED}
 *   after the last; {ALGORITHM_UNSUPPORTED}: all of them from what is returned
 */
export function signOnceWith(oneTime: OneTimeKey, algorithm: SignatureAlgorithm): SignOnce {
  const left = new Set(oneTime.digestsHex)
  let held: KeyObject | undefined = oneTime.key
  return (digestHex, data) => {
    const key = held
    held = undefined
    if (!key) throw new CodedError('KEY_DESTROYED', 'one-time key was used or destroyed')
    if (!left.delete(digestHex))
      throw new CodedError('DIGEST_NOT_AUTHORISED', 'the one-time key was not made for this digest')
    const signature = signWithKeyObject(key, algorithm, data)
    if (left.size > 0) held = key
    return signature
  }
}
