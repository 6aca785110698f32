/** Octets and their text forms. `Buffer` is used here for its native codecs and leaves as Uint8Array. */
import { CodedError } from '../../ca/errors.ts'

/** Base64 (RFC 4648 §4). */
export const toBase64 = (bytes: Uint8Array): string => view(bytes).toString('base64')

/** Lower-case hexadecimal. */
export const toHex = (bytes: Uint8Array): string => view(bytes).toString('hex')

/** Octets of hexadecimal text that the caller has checked for its alphabet and an even length. */
export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

/** Octets of Base64 text that the caller has checked for its alphabet. */
export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

/**
 * Octets of Base64 text that came from outside: no white space, and unused bits are zero, so that no two texts mean the
 * same octets.
 *
 * @throws {INPUT_MALFORMED} when the text is not the one Base64 form of its octets
 * @see RFC 4648 §3.5, §4
 */
export function parseBase64(text: string): Uint8Array {
  const bytes = fromBase64(text)
  if (toBase64(bytes) !== text)
    throw new CodedError('INPUT_MALFORMED', 'Base64 text is not in its one standard form')
  return bytes
}

/** True when both have the same length and octets; not for secrets, whose comparison must not end early. */
export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && view(a).equals(b)
}

const view = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

// Buffers that were made to be appended to: writing behind a view of any other buffer would hit what others keep there.
const roomy = new WeakSet<ArrayBufferLike>()

/** A zeroed buffer whose owner lets {@link joinInPlace} write behind views of its beginning. */
export function allocateWithRoom(size: number, room: number): Uint8Array {
  const bytes = new Uint8Array(size + room)
  roomy.add(bytes.buffer)
  return bytes
}

/**
 * Joins pieces; where the first lies at the start of a buffer from {@link allocateWithRoom} with enough room left, the
 * others are written behind it and the document is not copied.
 */
export function joinInPlace(parts: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(), ...rest] = parts
  const total = parts.reduce((sum, part) => sum + part.length, 0)
  const hasRoom = roomy.has(first.buffer) && first.byteOffset === 0 && first.buffer.byteLength >= total
  const out = hasRoom ? new Uint8Array(first.buffer, 0, total) : new Uint8Array(total)
  if (!hasRoom) out.set(first)
  let at = first.length
  for (const part of rest) {
    out.set(part, at)
    at += part.length
  }
  return out
}
