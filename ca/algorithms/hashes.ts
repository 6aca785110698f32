/** Hash functions: one row each. `until` of a policy is not here; `policies/algorithms` says what is allowed when. */
import { createHash, hash, type Hash } from 'node:crypto'
import { CodedError } from '../errors.ts'

/** One hash function. */
export interface HashRow {
  readonly name: HashName
  readonly oid: string
  /** Length of the digest in octets. */
  readonly size: number
  /** Name that node:crypto knows. */
  readonly node: string
}

/** Names of the hash functions that are known, sound or broken. */
export type HashName =
  'SHA-1' | 'SHA-224' | 'SHA-256' | 'SHA-384' | 'SHA-512' | 'SHA3-256' | 'SHA3-384' | 'SHA3-512' | 'MD5'

/** @see RFC 5754 §2, NIST CSOR for SHA-3, RFC 3279 for SHA-1 and MD5 (verification of old material only) */
export const HASHES: readonly HashRow[] = [
  { name: 'SHA-256', oid: '2.16.840.1.101.3.4.2.1', size: 32, node: 'sha256' },
  { name: 'SHA-384', oid: '2.16.840.1.101.3.4.2.2', size: 48, node: 'sha384' },
  { name: 'SHA-512', oid: '2.16.840.1.101.3.4.2.3', size: 64, node: 'sha512' },
  { name: 'SHA-224', oid: '2.16.840.1.101.3.4.2.4', size: 28, node: 'sha224' },
  { name: 'SHA3-256', oid: '2.16.840.1.101.3.4.2.8', size: 32, node: 'sha3-256' },
  { name: 'SHA3-384', oid: '2.16.840.1.101.3.4.2.9', size: 48, node: 'sha3-384' },
  { name: 'SHA3-512', oid: '2.16.840.1.101.3.4.2.10', size: 64, node: 'sha3-512' },
  { name: 'SHA-1', oid: '1.3.14.3.2.26', size: 20, node: 'sha1' },
  { name: 'MD5', oid: '1.2.840.113549.2.5', size: 16, node: 'md5' },
]

const byOid = new Map(HASHES.map((row) => [row.oid, row]))
const byName = new Map(HASHES.map((row) => [row.name, row]))

/** The row of a digest algorithm OID, or undefined. */
export const findHash = (oid: string): HashRow | undefined => byOid.get(oid)

/** The row of a hash by name. @throws {CodedError} ALGORITHM_UNSUPPORTED */
export function getHash(name: string): HashRow {
  const row = byName.get(name as HashName)
  if (!row) throw new CodedError('ALGORITHM_UNSUPPORTED', `hash ${name} is not known`)
  return row
}

/** SHA-256 in lower-case hexadecimal: the form of records and rows, and the one that node:crypto gives quickest. */
export const sha256Hex = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex')

/** SHA-256 of octets. As text and back it takes half of what it takes as a Buffer. */
export function sha256(bytes: Uint8Array): Uint8Array {
  const text = hash('sha256', bytes, 'binary')
  const out = new Uint8Array(32)
  for (let at = 0; at < 32; at++) out[at] = text.charCodeAt(at)
  return out
}

/** Digest of the parts, one after the other. */
export function digest(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (name === 'SHA-256' && only && parts.length === 1) return sha256(only)
  const running = createHash(getHash(name).node)
  for (const part of parts) running.update(part)
  return new Uint8Array(running.digest())
}

/** A running hash, for documents that arrive as a stream. */
export const startHash = (name: HashName): Hash => createHash(getHash(name).node)
