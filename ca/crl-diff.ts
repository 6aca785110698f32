/**
 * What differs between two lists of one scope, found by walking both encodings side by side, a run of each at a time.
 *
 * Both lists are ours: canonical DER, ascending by serial. Equal entries are skipped octet by octet, so that
 * a hundred thousand of them cost milliseconds.
 */
import { readDer } from './asn1/reader.ts'
import { serialHexOf } from './asn1/values.ts'
import { compareBytes } from './asn1/writer.ts'
import { CodedError } from './errors.ts'
import { type CrlEntry, parseCrlEntry } from './x509/crl-entries.ts'

/** One serial on which two lists differ: added (no `before`), removed (no `after`) or changed. */
export interface CrlDifference {
  readonly serialHex: string
  readonly before: CrlEntry | undefined
  readonly after: CrlEntry | undefined
}

/** Entries of a list, in runs of whole entries. */
export type EntryRuns = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

interface Cursor {
  readonly runs: AsyncIterator<Uint8Array> | Iterator<Uint8Array>
  bytes: Uint8Array
  at: number
}

const openCursor = (runs: EntryRuns): Cursor => ({
  runs: Symbol.asyncIterator in runs ? runs[Symbol.asyncIterator]() : runs[Symbol.iterator](),
  bytes: new Uint8Array(0),
  at: 0,
})

const isAtEnd = (cursor: Cursor): boolean => cursor.at >= cursor.bytes.length

/** Goes on to the next run where one is at its end. */
async function refill(cursor: Cursor): Promise<void> {
  while (isAtEnd(cursor)) {
    const next = await cursor.runs.next()
    if (next.done === true) return
    cursor.bytes = next.value
    cursor.at = 0
  }
}

const take = (cursor: Cursor): CrlEntry => {
  const node = readDer(cursor.bytes, cursor.at)
  cursor.at += node.size
  return parseCrlEntry(node, 2)
}

/** Moves both cursors over equal entries, to the end of a run at most. */
function skipEqualInRun(a: Cursor, b: Cursor): void {
  while (!isAtEnd(a) && !isAtEnd(b)) {
    // Entries are short: one length octet, checked when one is read.
    const length = 2 + (a.bytes[a.at + 1] ?? 0)
    if (length >= 0x80 || a.at + length > a.bytes.length || b.at + length > b.bytes.length) return
    for (let i = 0; i < length; i++) if (a.bytes[a.at + i] !== b.bytes[b.at + i]) return
    a.at += length
    b.at += length
  }
}

/** Moves both cursors to the next difference. @returns whether there is one */
async function skipEqual(a: Cursor, b: Cursor): Promise<boolean> {
  for (;;) {
    await refill(a)
    await refill(b)
    skipEqualInRun(a, b)
    if (!isAtEnd(a) && !isAtEnd(b)) return true
    await refill(a)
    await refill(b)
    if (isAtEnd(a) || isAtEnd(b)) return !isAtEnd(a) || !isAtEnd(b)
  }
}

const compareSerials = (a: Uint8Array, b: Uint8Array): number => a.length - b.length || compareBytes(a, b)

const peekSerial = (cursor: Cursor): Uint8Array | undefined =>
  isAtEnd(cursor) ? undefined : readDer(readDer(cursor.bytes, cursor.at).content).content

/** Which side is next: negative the left, positive the right, 0 both. */
function nextSerial(
  left: Uint8Array | undefined,
  right: Uint8Array | undefined,
): { order: number; serial: Uint8Array | undefined } {
  if (!left) return { order: 1, serial: right }
  const order = right ? compareSerials(left, right) : -1
  return { order, serial: order <= 0 ? left : right }
}

/**
 * The differences from one list's entries to the next one's. Runs that both have may be left out on both sides.
 *
 * @param before runs of the list published last
 * @param after runs of the list to publish
 * @throws {INPUT_MALFORMED} when a list does not ascend by serial
 */
export async function* diffCrlEntries(before: EntryRuns, after: EntryRuns): AsyncGenerator<CrlDifference> {
  const a = openCursor(before)
  const b = openCursor(after)
  let last: Uint8Array = new Uint8Array(0)
  while (await skipEqual(a, b)) {
    const { order, serial } = nextSerial(peekSerial(a), peekSerial(b))
    if (serial === undefined || compareSerials(serial, last) <= 0)
      throw new CodedError('INPUT_MALFORMED', 'CRL: entries do not ascend by serial')
    last = serial
    const removed = order <= 0 ? take(a) : undefined
    const added = order >= 0 ? take(b) : undefined
    yield { serialHex: (added ?? removed)?.serialHex ?? '', before: removed, after: added }
  }
}

/** Serials of a run of entries. @throws {INPUT_MALFORMED} */
export function* serialsOf(run: Uint8Array): Generator<string> {
  for (let at = 0; at < run.length;) {
    const entry = readDer(run, at)
    yield serialHexOf(readDer(entry.content).content)
    at += entry.size
  }
}
