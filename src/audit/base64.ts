/** Standard base64 and hexadecimal for notes, tiles and receipts; strict, so that one value has one text. Pure. */
import { CodedError } from '../../ca/errors.ts'

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Padded base64 with `+` and `/` of at most a few kilobytes. @see RFC 4648 §4 */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/**
 * Bytes of padded base64.
 *
 * @param text no white space; unused bits must be zero, so that no two texts mean the same bytes
 * @throws {INPUT_MALFORMED} when the text is not the one base64 form of its bytes
 * @see RFC 4648 §3.5, §4
 */
export function parseBase64(text: string): Uint8Array {
  try {
    const binary = atob(text)
    // atob forgives spaces, missing padding and stray bits; the round trip does not.
    if (btoa(binary) === text) return Uint8Array.from(binary, (char) => char.charCodeAt(0))
  } catch {
    // falls through to the one error below
  }
  throw new CodedError('INPUT_MALFORMED', 'Base64 text is not in its one standard form')
}

/** Lower-case hexadecimal text. */
export function encodeHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** True when both have the same length and bytes; not for secrets. */
export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
