/**
 * Signatures under which a certificate is only linted (BR §4.3.1.2, method 1): one per signature algorithm, made at
 * start by a key that is dropped at once. A linter reads the form of a signature and cannot tell what it is over.
 */
import type { KeyAlgorithm, KeyAlgorithmName } from '../algorithms/key-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signatures.ts'
import { CodedError } from '../errors.ts'
import { generatePrivateKey } from './generate.ts'
import { signWithKeyObject } from './sign.ts'

/** Stands where the signature of a certificate will be while it is linted. */
export interface ThrowAwaySignatures {
  /** @throws {KEY_NOT_FOUND} when this algorithm was not asked for at start */
  signature(algorithm: SignatureAlgorithm): Uint8Array
}

/** Makes one throw-away signature for each algorithm. */
export async function openThrowAwaySignatures(
  algorithms: Iterable<KeyAlgorithm>,
): Promise<ThrowAwaySignatures> {
  const signatures = new Map<string, Uint8Array>()
  const done = new Set<KeyAlgorithmName>()
  for (const algorithm of algorithms) {
    if (done.has(algorithm.name)) continue
    done.add(algorithm.name)
    const key = await generatePrivateKey(algorithm)
    signatures.set(algorithm.signature.name, signWithKeyObject(key, algorithm.signature, new Uint8Array(0)))
  }
  return {
    signature(algorithm) {
      const signature = signatures.get(algorithm.name)
      if (!signature) throw new CodedError('KEY_NOT_FOUND', `no throw-away signature for ${algorithm.name}`)
      return signature
    },
  }
}
