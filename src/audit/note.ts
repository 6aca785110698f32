/**
 * Signed notes of c2sp.org/signed-note with Ed25519 (type 0x01): the envelope of checkpoints.
 *
 * The private key is not here: the caller passes a function that signs, which the trusted core backs. Text
 * of a note that no trusted key signed is never handed out by `openNote`. Pure, no I/O.
 */
import { createPublicKey, hash, verify } from 'node:crypto'
import { CodedError } from '../../ca/errors.ts'
import { parseBase64, toBase64, toHex } from '../lib/bytes.ts'

/** A public key that may sign notes under a name. */
export type NoteKey = {
  readonly name: string
  /** First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), big-endian. */
  readonly keyId: number
  /** 32 bytes. @see RFC 8032 §5.1.5 */
  readonly publicKey: Uint8Array
}

/** Signs a note text with the private key that belongs to `key`; 64 bytes. @see RFC 8032 §5.1.6 */
export type NoteSigner = {
  readonly key: NoteKey
  readonly sign: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** One signature line. */
export type NoteSignature = {
  readonly name: string
  readonly keyId: number
  readonly signature: Uint8Array
}

/** A note as read; `text` ends in a newline and is not trusted until a signature verified. */
export type SignedNote = { readonly text: string; readonly signatures: readonly NoteSignature[] }

const ED25519 = 0x01
const PUBLIC_KEY_BYTES = 32
const SIGNATURE_BYTES = 64

// c2sp.org/signed-note: a verifier must take 16 signatures; post-quantum ones reach 5 kB.
const MAX_NOTE_BYTES = 131_072
const MAX_SIGNATURES = 100

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

const malformed = (why: string): CodedError => new CodedError('INPUT_MALFORMED', `Signed note: ${why}`)

const isKeyName = (name: string): boolean =>
  name.length > 0 && name.length <= 255 && !/[\s\p{Z}\p{Cc}+]/u.test(name)

const deriveKeyId = (name: string, publicKey: Uint8Array): number => {
  const digest = hash(
    'sha256',
    joinBytes(encoder.encode(`${name}\n`), Uint8Array.of(ED25519), publicKey),
    'buffer',
  )
  return new DataView(digest.buffer, digest.byteOffset, 4).getUint32(0)
}

function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/**
 * Names a public key for use in notes.
 *
 * @param name a URL without scheme, for example `log.example.com/audit`; no spaces, no plus sign
 * @param publicKey raw Ed25519 public key, 32 bytes
 * @throws {INPUT_MALFORMED} when name or key do not fit
 */
export function buildNoteKey(name: string, publicKey: Uint8Array): NoteKey {
  if (!isKeyName(name) || !name.isWellFormed())
    throw malformed('key name is empty, or has a space or a plus sign')
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw malformed('an Ed25519 public key has 32 bytes')
  return { name, keyId: deriveKeyId(name, publicKey), publicKey }
}

const formatKeyId = (keyId: number): string => keyId.toString(16).padStart(8, '0')

/** Text form of a public key: `name+keyId+base64(0x01 ‖ key)`. */
export function encodeVerifierKey(key: NoteKey): string {
  return `${key.name}+${formatKeyId(key.keyId)}+${toBase64(joinBytes(Uint8Array.of(ED25519), key.publicKey))}`
}

/**
 * Reads the text form of a public key and checks its key id.
 *
 * @throws {INPUT_MALFORMED} when the text is not an Ed25519 verifier key
 */
export function parseVerifierKey(text: string): NoteKey {
  if (text.length > 1024) throw malformed('verifier key is too long')
  const first = text.indexOf('+')
  const second = text.indexOf('+', first + 1)
  if (first < 0 || second < 0) throw malformed('a verifier key has three parts')
  const encoded = parseBase64(text.slice(second + 1))
  if (encoded[0] !== ED25519) throw malformed('only Ed25519 keys (type 0x01) are known')
  const key = buildNoteKey(text.slice(0, first), encoded.slice(1))
  if (text.slice(first + 1, second) !== formatKeyId(key.keyId))
    throw malformed('key id does not belong to the key')
  return key
}

/** The raw 32-byte key of an SPKI in DER, which is how the trusted core hands out public keys. */
export function parseEd25519Spki(spkiDer: Uint8Array): Uint8Array {
  // RFC 8410 §4: SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING } always has this 12-byte head.
  const head = toHex(spkiDer.subarray(0, 12))
  if (spkiDer.length !== 44 || head !== '302a300506032b6570032100') throw malformed('not an Ed25519 SPKI')
  return spkiDer.slice(12)
}

const checkText = (text: string): void => {
  if (!text.endsWith('\n')) throw malformed('text ends with a newline')
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) throw malformed('text holds a control character')
  if (!text.isWellFormed()) throw malformed('text holds a lone surrogate')
}

const encodeSignatureLine = ({ name, keyId, signature }: NoteSignature): string => {
  const id = new Uint8Array(4)
  new DataView(id.buffer).setUint32(0, keyId)
  return `\u2014 ${name} ${toBase64(joinBytes(id, signature))}\n`
}

/** Text of a note with its signature lines. */
export function encodeNote(note: SignedNote): string {
  return `${note.text}\n${note.signatures.map(encodeSignatureLine).join('')}`
}

/**
 * Signs a text.
 *
 * @param text ends with a newline, no other control characters
 * @throws {INPUT_MALFORMED} when the text cannot be a note
 * @throws {KEY_UNAVAILABLE} when the signer answers with something that its own key does not verify
 */
export async function signNote(text: string, signer: NoteSigner): Promise<string> {
  checkText(text)
  const signature = await signer.sign(encoder.encode(text))
  if (!isSignedBy(text, signature, signer.key)) {
    throw new CodedError('KEY_UNAVAILABLE', 'The log key answered with a signature that does not verify')
  }
  return encodeNote({ text, signatures: [{ name: signer.key.name, keyId: signer.key.keyId, signature }] })
}

const parseSignatureLine = (line: string): NoteSignature => {
  const match = /^\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)$/.exec(line)
  if (match === null) throw malformed('a signature line is a dash, a name and base64')
  const [, name = '', text = ''] = match
  const bytes = parseBase64(text)
  if (!isKeyName(name) || bytes.length < 5) throw malformed('a signature line has a bad name or is too short')
  return { name, keyId: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), signature: bytes.slice(4) }
}

/**
 * Reads a note without trusting it.
 *
 * @param bytes UTF-8 note, at most 128 KiB and 100 signatures
 * @throws {INPUT_TOO_LARGE} {INPUT_MALFORMED}
 */
export function parseNote(bytes: Uint8Array): SignedNote {
  if (bytes.length > MAX_NOTE_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', 'A signed note has at most 128 KiB')
  let note: string
  try {
    note = decoder.decode(bytes)
  } catch {
    throw malformed('not UTF-8')
  }
  checkText(note)
  const split = note.lastIndexOf('\n\n')
  if (split < 0) throw malformed('no blank line before the signatures')
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES)
    throw new CodedError('INPUT_TOO_LARGE', 'A signed note has at most 100 signatures')
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) }
}

function isSignedBy(text: string, signature: Uint8Array, key: NoteKey): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  const x = toBase64(key.publicKey).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
  try {
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    return verify(null, encoder.encode(text), publicKey, signature)
  } catch {
    return false
  }
}

/**
 * Text of a note that at least one of these keys signed, and the names of those that did.
 *
 * A line under a known key that does not verify makes the whole note void; lines of unknown keys are ignored.
 *
 * @returns null when the note is not signed by any of the keys, or a known key's line is false
 * @throws {INPUT_TOO_LARGE} {INPUT_MALFORMED} when it is no note
 * @see c2sp.org/signed-note, Signatures
 */
export function openNote(
  bytes: Uint8Array,
  keys: readonly NoteKey[],
): { text: string; signedBy: string[] } | null {
  const note = parseNote(bytes)
  const signedBy: string[] = []
  for (const line of note.signatures) {
    const key = keys.find((known) => known.name === line.name && known.keyId === line.keyId)
    if (key === undefined) continue
    if (!isSignedBy(note.text, line.signature, key)) return null
    signedBy.push(key.name)
  }
  return signedBy.length === 0 ? null : { text: note.text, signedBy }
}
