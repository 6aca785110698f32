/** Octets as text and back, and as the Buffer that node:crypto's types ask for; Buffer is named nowhere else. */

/** Base64 with padding (RFC 4648 §4). */
export const encodeBase64 = (bytes: Uint8Array): string => bufferOf(bytes).toString('base64')

/** Octets of Base64; characters outside the alphabet are skipped. */
export const decodeBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

/** One character per octet, as node-forge wants its input. */
export const encodeLatin1 = (bytes: Uint8Array): string => bufferOf(bytes).toString('latin1')

/** Octets of a text with one character per octet. */
export const decodeLatin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))

/** The same memory as a Buffer. */
export const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
