/**
 * The text of one key file: what may be known without the passphrase, then the encrypted private key.
 * `openssl pkey` and `openssl pkey -pubin` read it as it is (RFC 7468 explanatory text).
 */
import { parseSpki } from '../algorithms/keys.ts'
import { findKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { decodeBase64, encodeBase64 } from '../asn1/octets.ts'
import { CodedError } from '../errors.ts'
import type { ProviderKey } from './provider.ts'

/** One key file, read. */
export interface KeyFile {
  readonly info: ProviderKey
  readonly encryptedDer: Uint8Array
}

const pem = (label: string, der: Uint8Array): string => {
  const body = encodeBase64(der).replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
}

/** Writes the text of a key file. */
export function encodeKeyFile({ info, encryptedDer }: KeyFile): Uint8Array {
  const head = [`Algorithm: ${info.algorithm}`, `Created: ${info.createdAt.toISOString()}`]
  if (info.tenant !== null) head.push(`Tenant: ${info.tenant}`)
  const text = `${head.join('\n')}\n${pem('PUBLIC KEY', info.spkiDer)}${pem('ENCRYPTED PRIVATE KEY', encryptedDer)}`
  return new TextEncoder().encode(text)
}

function damaged(): never {
  throw new CodedError('KEY_UNAVAILABLE', 'key file is damaged')
}

function block(text: string, label: string): Uint8Array {
  const found = new RegExp(`-----BEGIN ${label}-----\n([A-Za-z0-9+/=\n]+)-----END ${label}-----\n`).exec(text)
  return found?.[1] === undefined ? damaged() : decodeBase64(found[1])
}

/**
 * Reads the text of a key file.
 *
 * @throws {KEY_UNAVAILABLE} {ALGORITHM_UNSUPPORTED} when the file is not one of ours
 */
export function parseKeyFile(keyId: string, bytes: Uint8Array): KeyFile {
  if (bytes.length > 65_536) damaged()
  const text = new TextDecoder().decode(bytes)
  const field = (name: string): string | undefined => new RegExp(`^${name}: ([ -~]+)$`, 'm').exec(text)?.[1]
  const spkiDer = block(text, 'PUBLIC KEY')
  const row = findKeyAlgorithm(parseSpki(spkiDer))
  const createdAt = new Date(field('Created') ?? '')
  if (!row || row.name !== field('Algorithm') || Number.isNaN(createdAt.getTime())) damaged()
  return {
    info: { keyId, algorithm: row.name, spkiDer, tenant: field('Tenant') ?? null, createdAt },
    encryptedDer: block(text, 'ENCRYPTED PRIVATE KEY'),
  }
}
