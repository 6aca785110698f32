/**
 * The verifier's own reader of signed checkpoints and verifier keys.
 *
 * @see c2sp.org/signed-note, c2sp.org/tlog-checkpoint
 */
import { createHash, createPublicKey, verify } from 'node:crypto'

/** The log's public key as the verifier holds it. */
export type LogKey = { readonly origin: string; readonly id: string; readonly raw: Uint8Array }

/** A checkpoint whose signature held. */
export type Head = { readonly origin: string; readonly size: number; readonly root: Uint8Array }

/** Answer about a checkpoint. */
export type HeadAnswer = Head | 'malformed' | 'not-signed'

const MAX_BYTES = 200_000

// RFC 8410 §4: what stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo.
const SPKI_HEAD = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]

const bytesOf = (base64: string): Uint8Array | undefined => {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) return undefined
  const binary = atob(base64)
  return btoa(binary) === base64 ? Uint8Array.from(binary, (char) => char.charCodeAt(0)) : undefined
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => (b + 256).toString(16).slice(1)).join('')

/** Reads `name+id+base64(0x01 ‖ key)`; undefined when it is not an Ed25519 key with its right id. */
export function readLogKey(text: string): LogKey | undefined {
  const match = /^([^+\s]{1,255})\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim())
  const body = bytesOf(match?.[3] ?? '')
  if (match === null || body?.length !== 33 || body[0] !== 1) return undefined
  const [, origin = '', id = ''] = match
  const computed = createHash('sha256').update(`${origin}\n`).update(body).digest()
  return hexOf(computed.subarray(0, 4)) === id ? { origin, id, raw: body.subarray(1) } : undefined
}

const isSigned = (text: string, signatures: string, key: LogKey): boolean => {
  const publicKey = createPublicKey({
    // The DER reader of createPublicKey is typed for Buffer and takes any byte array.
    key: Uint8Array.of(...SPKI_HEAD, ...key.raw) as never,
    format: 'der',
    type: 'spki',
  })
  let held = 0
  for (const line of signatures.split('\n').filter((part) => part !== '')) {
    const [dash, name, base64 = '', ...rest] = line.split(' ')
    const body = bytesOf(base64)
    if (dash !== '\u2014' || rest.length > 0 || body === undefined) return false
    if (name !== key.origin || hexOf(body.subarray(0, 4)) !== key.id) continue
    if (!verify(null, new TextEncoder().encode(text), publicKey, body.subarray(4))) return false
    held++
  }
  return held > 0
}

// Origin, size, root, extension lines, a blank line, signature lines.
const NOTE = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*)\n((?:\u2014 [^\n]+\n)+)$/

const decode = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return ''
  }
}

/** Reads a checkpoint and checks its signature. */
export function readHead(bytes: Uint8Array, key: LogKey): HeadAnswer {
  const note = bytes.length > MAX_BYTES ? '' : decode(bytes)
  const match = NOTE.exec(note)
  if (match === null) return 'malformed'
  const [, origin = '', sizeText = '', rootText = '', , signatures = ''] = match
  const [size, root] = [Number(sizeText), bytesOf(rootText)]
  if (root === undefined || !Number.isSafeInteger(size)) return 'malformed'
  const text = note.slice(0, note.length - signatures.length - 1)
  return origin === key.origin && isSigned(text, signatures, key) ? { origin, size, root } : 'not-signed'
}
