/**
 * Reads of the log for those who serve it: tiles, entry bundles, receipts, consistency proofs; and the rebuild
 * of tiles from rows. I/O only through the store.
 */
import { CodedError } from '../../ca/errors.ts'
import type { LogHead, LogReadStore, LogStore } from './log-store.ts'
import { HASH_BYTES, hashLeaf, planConsistency, planInclusion, readProof } from './merkle.ts'
import { encodeReceipt } from './receipt.ts'
import { createSubtreeReader, encodeEntryBundle, isTileInTree, TILE_WIDTH, type TileName } from './tile.ts'
import { appendLeaves, EMPTY_EDGE } from './tree-edge.ts'

const subtrees = (store: LogReadStore) => createSubtreeReader((level, index) => store.readTile(level, index))

/**
 * Bytes of a tile or entry bundle of the published tree; immutable, so they may be cached for ever.
 *
 * @param size size of the published checkpoint: nothing beyond it is shown
 * @returns null when the tree has no such tile
 * @throws {LOG_CORRUPT} when the tree has it and the store does not
 */
export async function readTileResource(
  store: LogReadStore,
  name: TileName,
  size: number,
): Promise<Uint8Array | null> {
  if (!isTileInTree(name, size)) return null
  if (name.level === 'entries') {
    const start = name.index * TILE_WIDTH
    const rows = await store.readLeaves(start, start + name.width)
    if (rows.length !== name.width)
      throw new CodedError('LOG_CORRUPT', `Records from ${start} on are missing`)
    return encodeEntryBundle(rows.map((row) => row.leaf))
  }
  const hashes = await store.readTile(name.level, name.index)
  if (hashes === null || hashes.length < name.width * HASH_BYTES) {
    throw new CodedError('LOG_CORRUPT', `Tile ${name.level}/${name.index} is missing; rebuild the tiles`)
  }
  return hashes.subarray(0, name.width * HASH_BYTES)
}

/**
 * Receipt that the record at this index is in the tree of this checkpoint.
 *
 * @throws {LOG_RANGE} when the checkpoint is older than the record
 */
export async function readReceipt(
  store: LogReadStore,
  head: Pick<LogHead, 'size' | 'checkpoint'>,
  index: number,
): Promise<string> {
  const proof = await readProof(planInclusion(index, head.size), subtrees(store))
  return encodeReceipt({ index, proof, checkpoint: head.checkpoint })
}

/**
 * Consistency proof between two published sizes.
 *
 * @throws {LOG_RANGE} unless 0 < oldSize ≤ newSize
 */
export function readConsistency(
  store: LogReadStore,
  oldSize: number,
  newSize: number,
): Promise<Uint8Array[]> {
  return readProof(planConsistency(oldSize, newSize), subtrees(store))
}

/**
 * Rebuilds every tile from the records and stores them; the root must come out as signed.
 *
 * @param onProgress called after each step with the records done
 * @throws {LOG_CORRUPT} when the records do not hash to the signed root: then nothing can be trusted
 */
export async function rebuildTiles(store: LogStore, onProgress: (done: number) => void): Promise<void> {
  const state = await store.readState()
  if (state === null) throw new CodedError('LOG_CHECKPOINT_MISSING', 'This database holds no log')
  const { size, root } = state.head
  let built = appendLeaves(EMPTY_EDGE, [])
  while (built.edge.size < size) {
    const start = built.edge.size
    // Whole bundles, so that each full tile is written once.
    const rows = await store.readLeaves(start, Math.min(size, start + 32 * TILE_WIDTH))
    if (rows.length === 0) throw new CodedError('LOG_CORRUPT', `Records from ${start} on are missing`)
    built = appendLeaves(
      built.edge,
      rows.map((row) => hashLeaf(row.leaf)),
    )
    await store.replaceTiles(built.tiles)
    onProgress(built.edge.size)
  }
  if (!built.root.every((byte, at) => byte === root[at])) {
    throw new CodedError('LOG_CORRUPT', 'The records do not hash to the signed root')
  }
}
