/** OCSP requests as the path of a GET (RFC 6960 appendix A.1, RFC 5019 §5). */
import { CodedError } from '../errors.ts'
import { MAX_OCSP_REQUEST_BYTES } from './ocsp.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Value of each character code; clients also send the URL-safe alphabet, and `+` as the space that forms make of it. */
const VALUES = new Int8Array(128).fill(-1)
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i
VALUES[45] = 62 // -
VALUES[95] = 63 // _
VALUES[32] = 62 // space

function malformed(): never {
  throw new CodedError('INPUT_MALFORMED', 'OCSP: path is not the base64 of a request')
}

function unescape(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return malformed()
  }
}

/**
 * The request in the path after the address of the responder: base64, with or without its escapes and padding.
 *
 * @param path undecoded, without query; one leading slash is ignored
 * @throws {INPUT_MALFORMED} {INPUT_TOO_LARGE}
 */
export function decodeOcspGetPath(path: string): Uint8Array {
  // Four characters make three octets, each perhaps written as %XX.
  if (path.length > MAX_OCSP_REQUEST_BYTES * 4 + 16)
    throw new CodedError('INPUT_TOO_LARGE', `OCSP request has more than ${MAX_OCSP_REQUEST_BYTES} bytes`)
  const text = unescape(path.startsWith('/') ? path.slice(1) : path).replace(/={1,2}$/, '')
  if (text.length === 0 || text.length % 4 === 1) malformed()
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let bits = 0
  let value = 0
  let used = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const digit = code < 128 ? (VALUES[code] ?? -1) : -1
    if (digit < 0) malformed()
    value = ((value << 6) | digit) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[used++] = (value >> bits) & 0xff
  }
  return bytes
}
