// Bare node:crypto operations: what no program over it can go below. Each runs in a process of its own, on one thread.
import { createHash, generateKeyPairSync, hash, type KeyObject, randomBytes, sign, verify } from 'node:crypto'
import { measureBare } from './measure.ts'
import type { Sample } from './statistics.ts'

/** What one operation is made of. */
export type BareSpec = {
  readonly seconds: number
  readonly signs?: number
  readonly verifies?: number
  readonly keys?: number
  /** How often this many octets are hashed. */
  readonly hashes?: number
  readonly hashBytes?: number
  /** How often an Ed25519 signature is made. */
  readonly edSigns?: number
  readonly unit?: '/s' | 'ms'
}

const newKey = (): { privateKey: KeyObject; publicKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' })

const times = (count: number | undefined, act: () => void): void => {
  for (let i = 0; i < (count ?? 0); i++) act()
}

/** Measures so many P-256 signatures, verifications and keys, and so many hashes, as one operation. */
export async function measureOperations(spec: BareSpec): Promise<Sample> {
  const { privateKey, publicKey } = newKey()
  const message = randomBytes(600)
  const signature = sign('sha256', message, privateKey)
  const content = randomBytes(spec.hashBytes ?? 0)
  const ed = generateKeyPairSync('ed25519')
  const sample = measureBare(spec, () => {
    times(spec.keys, () => void newKey())
    times(spec.signs, () => void sign('sha256', message, privateKey))
    times(spec.edSigns, () => void sign(null, message, ed.privateKey))
    times(spec.verifies, () => void verify('sha256', message, publicKey, signature))
    times(spec.hashes, () => void hashOf(content))
  })
  const value = spec.unit === 'ms' ? (sample.p50Ms ?? 0) : sample.value
  return Promise.resolve({ ...sample, value })
}

// One call for little, a stream for much: each is the quicker one there.
const hashOf = (bytes: Uint8Array): unknown =>
  bytes.length < 65_536 ? hash('sha256', bytes, 'buffer') : createHash('sha256').update(bytes).digest()
