/**
 * Receipts of c2sp.org/tlog-proof@v1: a text that proves, offline, that a record is in the log.
 *
 * A signer keeps it beside the certificate or the signed document. Pure, no I/O.
 */
import { CodedError } from '../../ca/errors.ts'
import { parseBase64, toBase64 } from '../lib/bytes.ts'
import { openCheckpoint } from './checkpoint.ts'
import { HASH_BYTES, hashLeaf } from './merkle.ts'
import { isIncluded } from './merkle-verify.ts'
import type { NoteKey } from './note.ts'

/** Contents of a receipt. */
export type Receipt = {
  /** Not authenticated: never act on it without checking it otherwise. */
  readonly extra?: Uint8Array
  readonly index: number
  /** From the leaf's sibling up to the root's child. */
  readonly proof: readonly Uint8Array[]
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string
}

/** Answer about a receipt; reasons are stable keys. */
export type ReceiptVerdict =
  | { readonly ok: true; readonly index: number; readonly size: number; readonly root: Uint8Array }
  | { readonly ok: false; readonly reason: 'checkpoint-not-signed' | 'not-included' }

const HEADER = 'c2sp.org/tlog-proof@v1'
const MAX_RECEIPT_BYTES = 262_144
// Sizes up to 2^63 need at most 63 hashes.
const MAX_PROOF = 63

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

const malformed = (why: string): CodedError => new CodedError('INPUT_MALFORMED', `Receipt: ${why}`)

/** Text of a receipt, to be stored with the extension `.tlog-proof`. */
export function encodeReceipt(receipt: Receipt): string {
  const extra = receipt.extra === undefined ? [] : [`extra ${toBase64(receipt.extra)}`]
  const head = [HEADER, ...extra, `index ${receipt.index}`, ...receipt.proof.map(toBase64)]
  return `${head.join('\n')}\n\n${receipt.checkpoint}`
}

const parseIndexLine = (line: string | undefined): number => {
  const match = /^index (0|[1-9]\d{0,15})$/.exec(line ?? '')
  const index = Number(match?.[1] ?? Number.NaN)
  if (!Number.isSafeInteger(index)) throw malformed('the index line is missing or not a number')
  return index
}

const parseHash = (line: string): Uint8Array => {
  const hash = parseBase64(line)
  if (hash.length !== HASH_BYTES) throw malformed('a proof line has 32 bytes')
  return hash
}

/**
 * Reads a receipt without trusting it.
 *
 * @param bytes UTF-8, at most 256 KiB
 * @throws {INPUT_TOO_LARGE} {INPUT_MALFORMED}
 */
export function parseReceipt(bytes: Uint8Array): Receipt {
  if (bytes.length > MAX_RECEIPT_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', 'A receipt has at most 256 KiB')
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw malformed('not UTF-8')
  }
  const split = text.indexOf('\n\n')
  if (split < 0) throw malformed('no blank line before the checkpoint')
  const [header, ...lines] = text.slice(0, split).split('\n')
  if (header !== HEADER) throw malformed(`the first line is ${HEADER}`)
  const extraLine = lines[0]?.startsWith('extra ') ? lines.shift() : undefined
  const index = parseIndexLine(lines.shift())
  if (lines.length > MAX_PROOF) throw malformed('a proof has at most 63 hashes')
  const body = { index, proof: lines.map(parseHash), checkpoint: text.slice(split + 2) }
  return extraLine === undefined ? body : { ...body, extra: parseBase64(extraLine.slice('extra '.length)) }
}

/**
 * Checks, offline, that an entry is in the log whose key this is.
 *
 * @param bytes the receipt
 * @param entry leaf bytes of the record (its canonical JSON)
 * @param key the log's public key, got by another way than the receipt
 * @throws {INPUT_TOO_LARGE} {INPUT_MALFORMED} when it is no receipt at all
 */
export function verifyReceipt(bytes: Uint8Array, entry: Uint8Array, key: NoteKey): ReceiptVerdict {
  const receipt = parseReceipt(bytes)
  const checkpoint = openCheckpoint(encoder.encode(receipt.checkpoint), key)
  if (checkpoint === null) return { ok: false, reason: 'checkpoint-not-signed' }
  const { size, root } = checkpoint
  const leafHash = hashLeaf(entry)
  if (!isIncluded({ index: receipt.index, size, leafHash, proof: receipt.proof, root })) {
    return { ok: false, reason: 'not-included' }
  }
  return { ok: true, index: receipt.index, size, root }
}
