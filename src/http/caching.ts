/** Cache headers of RFC 9110 and RFC 9111. */
import { createHash } from 'node:crypto'

/** IMF-fixdate (RFC 9110 §5.6.7). */
export const httpDate = (date: Date): string => date.toUTCString()

/** Strong entity tag out of a SHA-256 over the exact octets, hex. */
export const hashEtag = (sha256: string): string => `"${sha256.slice(0, 32)}"`

/** Strong entity tag over the exact octets. */
export const strongEtag = (bytes: Uint8Array): string =>
  hashEtag(createHash('sha256').update(bytes).digest('hex'))

/** Whether If-None-Match names this tag, by weak comparison (RFC 9110 §13.1.2). */
export const isNamedBy = (ifNoneMatch: string, etag: string): boolean =>
  ifNoneMatch
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === etag || tag === '*')
