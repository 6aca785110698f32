/**
 * What the sequencer needs from storage; `src/store` implements it. Types only.
 *
 * Trust: the one row of `LogState` is trusted, because its compare-and-swap is the commit point. Record rows
 * are trusted only as far as they hash to the signed root. Tiles are not trusted: they can be rebuilt from
 * the rows, and every reader checks them against a root.
 */

/** The committed head of the tree with its signed checkpoint. */
export type LogHead = {
  readonly size: number
  /** SHA-256, 32 bytes. */
  readonly root: Uint8Array
  /** When the batch was taken, RFC 3339 UTC; the clock may never be behind it. */
  readonly at: string
  /** The signed note, verbatim. */
  readonly checkpoint: string
}

/** A head that has been decided, durably, but whose checkpoint may not have been signed yet. */
export type PendingHead = {
  readonly size: number
  readonly root: Uint8Array
  readonly at: string
}

/** The one row that says where the log stands. */
export type LogState = { readonly head: LogHead; readonly pending: PendingHead | null }

/** A record that has no place in the tree yet. */
export type UnsequencedRow = {
  /** Key of the row; rows are taken in its order. */
  readonly row: number
  readonly id: string
  readonly leaf: Uint8Array
}

/** A record in its place in the tree. */
export type SequencedRow = { readonly index: number; readonly id: string; readonly leaf: Uint8Array }

/** Hashes of a tile as they are now: 1–256 of them; a wider value replaces a narrower one. */
export type TileWrite = { readonly level: number; readonly index: number; readonly hashes: Uint8Array }

/** Reads of the log, enough to serve tiles, proofs and receipts. */
export interface LogReadStore {
  readState(): Promise<LogState | null>
  /** Records with `start ≤ index < end` in order; a gap in the answer is an error of the store. */
  readLeaves(start: number, end: number): Promise<SequencedRow[]>
  /** Stored hashes of a tile, or null. */
  readTile(level: number, index: number): Promise<Uint8Array | null>
  /** Places of those of these records that have one. */
  findIndexes(ids: readonly string[]): Promise<ReadonlyMap<string, number>>
}

/** Everything that the sequencer does to storage. Each write is one durable transaction (fsync before return). */
export interface LogStore extends LogReadStore {
  /** Makes the first state; false when there is one already. */
  createState(state: LogState): Promise<boolean>
  /** Committed records without a place, by ascending row, at most `limit`. */
  readUnsequenced(limit: number): Promise<UnsequencedRow[]>
  /**
   * The commit point: gives `rows` the places `expected.size`, `expected.size + 1`, … and stores `pending`, if
   * and only if the head still is `expected` (size and root), nothing is pending and none of the rows has a
   * place. False, with nothing changed, otherwise.
   */
  commitPending(
    expected: { readonly size: number; readonly root: Uint8Array },
    pending: PendingHead,
    rows: readonly number[],
  ): Promise<boolean>
  /**
   * Stores the tiles, makes `head` the head and clears `pending`, if and only if what is pending has the size
   * and root of `head`. False, with nothing changed, otherwise.
   */
  completePending(head: LogHead, tiles: readonly TileWrite[]): Promise<boolean>
  /** Stores rebuilt tiles over whatever is there. */
  replaceTiles(tiles: readonly TileWrite[]): Promise<void>
}

/**
 * The copy of the checkpoint outside the database, which is what others see. It survives a database that was
 * set back, and so shows it.
 */
export interface CheckpointCopy {
  read(): Promise<Uint8Array | null>
  /** Replaces `expected` (null: there is none yet) durably; false when the copy is something else. */
  replace(expected: Uint8Array | null, next: Uint8Array): Promise<boolean>
}
