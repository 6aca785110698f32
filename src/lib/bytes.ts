/** Octets and their text forms. `Buffer` is used here for its native codecs and leaves as Uint8Array. */

/** Base64 (RFC 4648 §4). */
export const toBase64 = (bytes: Uint8Array): string => view(bytes).toString('base64')

/** Lower-case hexadecimal. */
export const toHex = (bytes: Uint8Array): string => view(bytes).toString('hex')

/** Octets of Base64 text that the caller has checked for its alphabet. */
export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

/** Octets of hexadecimal text that the caller has checked for its alphabet. */
export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

/** PEM armour of one DER structure (RFC 7468). */
export function toPem(label: string, der: Uint8Array): string {
  const body = toBase64(der).replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
