/** The parts of a CRL on their way: into the store, against those of the list before, and into the records. */
import { sha256Hex } from './algorithms/hashes.ts'
import { type CrlDifference, diffCrlEntries, serialsOf } from './crl-diff.ts'
import type { CaStore, CrlEntryRow, CrlRow, RecordDraft } from './ports.ts'
import { type CrlPart, collect, isWholeCrl, releaseOctets, streamCrlParts } from './x509/crl-content.ts'
import { parseCrl } from './x509/crl.ts'
import { encodeCrlEntries } from './x509/crl-writer.ts'

/** Octets of new parts stored in one commit. */
const PART_BYTES_PER_COMMIT = 2_097_152

/** Serials in one record, so that a record stays below the largest leaf of the log. */
const SERIALS_PER_RECORD = 1000

/** Records written in one commit ahead of the one that closes a list. */
const RECORDS_PER_COMMIT = 50

/** Entries of a list as they are in the store. */
export interface StoredParts {
  readonly parts: readonly CrlPart[]
  readonly entryCount: number
  readonly byteLength: number
}

interface NewPart extends Omit<CrlPart, 'id'> {
  readonly position: number
  readonly bytes: Uint8Array
}

/** Encodes entries and stores the runs that the last list does not have. @throws {INPUT_MALFORMED} {STORE_UNAVAILABLE} */
export async function storeCrlParts(
  store: Pick<CaStore, 'addCrlParts'>,
  entries: AsyncIterable<CrlEntryRow>,
  last: CrlRow | undefined,
  at: Date,
): Promise<StoredParts> {
  const shared = new Map(last?.content.parts.map((part) => [part.sha256, part]))
  const parts: CrlPart[] = []
  let waiting: NewPart[] = []
  let [entryCount, byteLength, waitingBytes] = [0, 0, 0]
  const flush = async (): Promise<void> => {
    const ids = await store.addCrlParts(
      waiting.map(({ bytes }) => bytes),
      at,
    )
    for (const [index, { position, sha256, byteLength, bytes }] of waiting.entries()) {
      parts[position] = { id: ids[index] ?? '', sha256, byteLength }
      releaseOctets(bytes)
    }
    waiting = []
    waitingBytes = 0
  }
  let position = 0
  for await (const { bytes, count } of encodeCrlEntries(entries)) {
    const sha256 = sha256Hex(bytes)
    const known = shared.get(sha256)
    if (known) parts[position] = known
    else {
      waiting.push({ position, sha256, byteLength: bytes.length, bytes })
      waitingBytes += bytes.length
    }
    position++
    entryCount += count
    byteLength += bytes.length
    if (known) releaseOctets(bytes)
    if (waitingBytes >= PART_BYTES_PER_COMMIT) await flush()
  }
  if (waiting.length > 0) await flush()
  return { parts, entryCount, byteLength }
}

/** What changed since the last list; parts that both have are not even read. @throws {INPUT_MALFORMED} {STORE_UNAVAILABLE} */
export function differencesOf(
  store: Pick<CaStore, 'readCrlPart'>,
  { content }: CrlRow,
  parts: readonly CrlPart[],
): AsyncGenerator<CrlDifference> {
  const without = (list: readonly CrlPart[], others: readonly CrlPart[]): AsyncGenerator<Uint8Array> => {
    const known = new Set(others.map(({ sha256 }) => sha256))
    return streamCrlParts(
      store,
      list.filter(({ sha256 }) => !known.has(sha256)),
    )
  }
  // In one piece: stored by an older version.
  const before = isWholeCrl(content) ? [parseCrl(content.headDer).entries] : without(content.parts, parts)
  return diffCrlEntries(before, without(parts, content.parts))
}

/** What changes from the last list to the next. */
export interface CrlChanges {
  /** Null for all entries of a first list. */
  readonly added: readonly string[] | null
  readonly removed: readonly string[]
  readonly parts: readonly CrlPart[]
  readonly entryCount: number
}

/** Serials that one record tells of. */
export type RecordedChanges = { readonly added: readonly string[]; readonly removed: readonly string[] }

/**
 * Serials that enter or leave stand in records of at most a thousand, before the one that closes the list: what they
 * say counts when that one comes.
 *
 * @param toRecord makes a record of some of them
 * @returns those that the closing record has to tell of
 * @throws {STORE_UNAVAILABLE}
 */
export async function recordManyChanges(
  store: Pick<CaStore, 'record' | 'readCrlPart'>,
  changes: CrlChanges,
  toRecord: (changes: RecordedChanges) => RecordDraft,
): Promise<RecordedChanges> {
  const added = addedSerials(store, changes)
  const removed = changes.removed.values()
  if ((changes.added?.length ?? changes.entryCount) + changes.removed.length <= SERIALS_PER_RECORD)
    return { added: await collect(added), removed: changes.removed }
  let records: RecordDraft[] = []
  for (;;) {
    const some = {
      added: await takeSome(added, SERIALS_PER_RECORD / 2),
      removed: await takeSome(removed, SERIALS_PER_RECORD / 2),
    }
    const isOver = some.added.length + some.removed.length === 0
    if (!isOver) records.push(toRecord(some))
    if (records.length >= (isOver ? 1 : RECORDS_PER_COMMIT)) {
      await store.record(records)
      records = []
    }
    if (isOver) return { added: [], removed: [] }
  }
}

async function* addedSerials(
  store: Pick<CaStore, 'readCrlPart'>,
  { added, parts }: CrlChanges,
): AsyncGenerator<string> {
  if (added) return yield* added
  for await (const run of streamCrlParts(store, parts)) {
    yield* serialsOf(run)
    releaseOctets(run)
  }
}

async function takeSome(from: AsyncIterator<string> | Iterator<string>, count: number): Promise<string[]> {
  const some: string[] = []
  while (some.length < count) {
    const next = await from.next()
    if (next.done === true) break
    some.push(next.value)
  }
  return some
}
