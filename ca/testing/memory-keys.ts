/** Keys that live as long as a test. Nothing but tests imports it. */
import { randomUUID, type KeyObject } from 'node:crypto'
import { type KeyAlgorithmName, findKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { parseSpki } from '../algorithms/keys.ts'
import { CodedError } from '../errors.ts'
import { generatePrivateKey, spkiOf } from '../keys/generate.ts'
import type { KeyProvider, ProviderKey } from '../keys/provider.ts'
import { signWithKeyObject } from '../keys/sign.ts'

/** A key provider in memory whose next signature can be made to fail or to come out wrong. */
export interface MemoryKeys extends KeyProvider {
  /** The next `sign` throws KEY_UNAVAILABLE, or flips a bit of the signature's last octet. */
  failNext(how: 'throw' | 'wrong-signature'): void
  /** Signatures made so far. */
  readonly uses: number
}

/** An empty provider. */
export function openMemoryKeys(now: () => Date): MemoryKeys {
  const keys = new Map<string, { readonly key: KeyObject; readonly info: ProviderKey }>()
  let fault: 'throw' | 'wrong-signature' | undefined
  let uses = 0
  const get = (keyId: string): { readonly key: KeyObject; readonly info: ProviderKey } => {
    const entry = keys.get(keyId)
    if (!entry) throw new CodedError('KEY_NOT_FOUND', 'no such key')
    return entry
  }
  const add = (algorithm: KeyAlgorithmName, key: KeyObject, tenant: string | null): ProviderKey => {
    const info = {
      keyId: `memory-${randomUUID()}`,
      algorithm,
      spkiDer: spkiOf(key),
      tenant,
      createdAt: now(),
    }
    keys.set(info.keyId, { key, info })
    return info
  }
  return {
    failNext: (how) => void (fault = how),
    get uses() {
      return uses
    },
    generate: async (algorithm, tenant) => add(algorithm.name, await generatePrivateKey(algorithm), tenant),
    importKey: (key, tenant) => {
      const algorithm = findKeyAlgorithm(parseSpki(spkiOf(key)))
      if (!algorithm) throw new CodedError('ALGORITHM_UNSUPPORTED', 'no such key')
      return Promise.resolve(add(algorithm.name, key, tenant))
    },
    sign(keyId, algorithm, data) {
      const how = fault
      fault = undefined
      if (how === 'throw') throw new CodedError('KEY_UNAVAILABLE', 'failed on demand of a test')
      uses++
      const signature = signWithKeyObject(get(keyId).key, algorithm, data)
      if (how === 'wrong-signature') signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1
      return signature
    },
    publicKey: (keyId) => get(keyId).info,
    destroy: (keyId) => {
      get(keyId)
      keys.delete(keyId)
      return Promise.resolve()
    },
    list: () => [...keys.values()].map(({ info }) => info),
  }
}
