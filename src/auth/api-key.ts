/**
 * API keys: `yx_<prefix>_<secret>`. The prefix finds the row, the secret (256 random bits) proves it.
 *
 * A plain SHA-256 is enough to store: nobody can guess 256 random bits, so there is nothing to slow down.
 */
import { timingSafeEqual } from 'node:crypto'
import { CodedError } from '../../ca/errors.ts'
import { toHex } from '../lib/bytes.ts'
import { sha256Hex } from '../lib/sha256.ts'

const PREFIX_BYTES = 6
const SECRET_BYTES = 32
const FORM = /^yx_([0-9a-f]{12})_([0-9a-f]{64})$/
const MAX_LENGTH = 80

/** A key as its owner holds it, taken apart. */
export type ApiKeyParts = { readonly prefix: string; readonly secret: string }

/** A new key: `text` is shown once, prefix and hash are stored. */
export type NewApiKey = { readonly text: string; readonly prefix: string; readonly hash: string }

/**
 * Takes a key apart.
 *
 * @throws {API_KEY_MALFORMED} without repeating what was given
 */
export function parseApiKey(text: string): ApiKeyParts {
  const match = text.length <= MAX_LENGTH ? FORM.exec(text) : null
  const [, prefix, secret] = match ?? []
  if (prefix === undefined || secret === undefined) {
    throw new CodedError('API_KEY_MALFORMED', 'An API key looks like yx_<prefix>_<secret>')
  }
  return { prefix, secret }
}

/** What is stored of a key: lower-case hexadecimal SHA-256 over prefix and secret. */
export function hashApiKey({ prefix, secret }: ApiKeyParts): string {
  return sha256Hex(`yx_${prefix}_${secret}`)
}

/** Compares a key with a stored hash in constant time. */
export function isApiKey(parts: ApiKeyParts, storedHash: string): boolean {
  const expected = new TextEncoder().encode(storedHash)
  const actual = new TextEncoder().encode(hashApiKey(parts))
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

/** Makes a key from a secure source of randomness. */
export function buildApiKey(randomBytes: (count: number) => Uint8Array): NewApiKey {
  const parts = { prefix: toHex(randomBytes(PREFIX_BYTES)), secret: toHex(randomBytes(SECRET_BYTES)) }
  return { text: `yx_${parts.prefix}_${parts.secret}`, prefix: parts.prefix, hash: hashApiKey(parts) }
}

/** Is a key good now, as far as its dates say? */
export function isUsable(
  dates: { readonly expiresAt: Date | null; readonly revokedAt: Date | null },
  now: Date,
): boolean {
  return dates.revokedAt === null && (dates.expiresAt === null || now < dates.expiresAt)
}
