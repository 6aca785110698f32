/**
 * Keys under which a certificate is signed only to be linted (BR §4.3.1.2, method 1): one per signature
 * algorithm, made at start, known to nobody, trusted by nobody.
 */
import type { KeyObject } from 'node:crypto'
import type { KeyAlgorithm, KeyAlgorithmName } from '../algorithms/key-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signatures.ts'
import { CodedError } from '../errors.ts'
import { generatePrivateKey } from './generate.ts'
import { signWithKeyObject } from './sign.ts'

/** Signs what is only linted. */
export interface ThrowAwayKeys {
  /** @throws {KEY_NOT_FOUND} when no key of this algorithm was asked for at start */
  sign(algorithm: SignatureAlgorithm, tbs: Uint8Array): Uint8Array
}

/** Makes one throw-away key for each algorithm. */
export async function openThrowAwayKeys(algorithms: Iterable<KeyAlgorithm>): Promise<ThrowAwayKeys> {
  const keys = new Map<string, KeyObject>()
  const done = new Set<KeyAlgorithmName>()
  for (const algorithm of algorithms) {
    if (done.has(algorithm.name)) continue
    done.add(algorithm.name)
    keys.set(algorithm.signature.name, await generatePrivateKey(algorithm))
  }
  return {
    sign(algorithm, tbs) {
      const key = keys.get(algorithm.name)
      if (!key) throw new CodedError('KEY_NOT_FOUND', `no throw-away key for ${algorithm.name}`)
      return signWithKeyObject(key, algorithm, tbs)
    },
  }
}
