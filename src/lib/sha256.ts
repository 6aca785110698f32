/** Digests in the form that records, rows and reports use. */
import { createHash } from 'node:crypto'

/** SHA-256 over all parts, lower-case hexadecimal; text counts as UTF-8. */
export function sha256Hex(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
