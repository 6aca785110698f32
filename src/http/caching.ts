/** Cache headers of RFC 9110 and RFC 9111. */
import { createHash } from 'node:crypto'

/** IMF-fixdate (RFC 9110 §5.6.7). */
export const httpDate = (date: Date): string => date.toUTCString()

/** Strong entity tag over the exact octets. */
export const strongEtag = (bytes: Uint8Array): string =>
  `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`
