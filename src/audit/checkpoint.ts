/** Checkpoints of c2sp.org/tlog-checkpoint: origin, size and root of the tree in a signed note. Pure. */
import { CodedError } from '../../ca/errors.ts'
import { parseBase64, toBase64 } from '../lib/bytes.ts'
import { HASH_BYTES } from './merkle.ts'
import { type NoteKey, type NoteSigner, openNote, parseNote, signNote } from './note.ts'

/** The head of a log. */
export type Checkpoint = {
  readonly origin: string
  readonly size: number
  /** SHA-256, 32 bytes. */
  readonly root: Uint8Array
}

const malformed = (why: string): CodedError => new CodedError('INPUT_MALFORMED', `Checkpoint: ${why}`)

/** Note text of a checkpoint: three lines, never an extension line (monitors cannot audit those). */
function encodeCheckpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`
}

/**
 * Reads the note text of a checkpoint.
 *
 * @param text foreign extension lines are allowed and ignored
 * @throws {INPUT_MALFORMED} when it is not a checkpoint
 */
export function parseCheckpointText(text: string): Checkpoint {
  const [origin = '', size = '', root = '', ...rest] = text.split('\n')
  if (rest.pop() !== '' || rest.includes('') || origin === '')
    throw malformed('three non-empty lines are needed')
  if (!/^(0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw malformed('size is a decimal number below 2^53')
  }
  const hash = parseBase64(root)
  if (hash.length !== HASH_BYTES) throw malformed('root has 32 bytes')
  return { origin, size: Number(size), root: hash }
}

/** Signs a checkpoint; the result is the file served at `/log/checkpoint`. */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): Promise<string> {
  return signNote(encodeCheckpointText(checkpoint), signer)
}

/**
 * Reads a checkpoint that this key signed for this origin.
 *
 * @param key its name is the origin of the log
 * @returns null when the signature is missing or false, or the origin is another log's
 * @throws {INPUT_MALFORMED} {INPUT_TOO_LARGE} when it is no checkpoint
 */
export function openCheckpoint(bytes: Uint8Array, key: NoteKey): Checkpoint | null {
  const opened = openNote(bytes, [key])
  if (opened === null) return null
  const checkpoint = parseCheckpointText(opened.text)
  return checkpoint.origin === key.name ? checkpoint : null
}

/** Reads a checkpoint without looking at its signatures. @throws {INPUT_MALFORMED} {INPUT_TOO_LARGE} */
export function parseCheckpoint(bytes: Uint8Array): Checkpoint {
  return parseCheckpointText(parseNote(bytes).text)
}
