/**
 * The right edge of the tree: one partial tile for each level, which is all that is needed to append.
 *
 * Appending returns a new edge and leaves the old one as it was, so a failed write costs nothing. Pure.
 */
import { CodedError } from '../../ca/errors.ts'
import type { TileWrite } from './log-store.ts'
import { foldRight, HASH_BYTES, hashPerfect, listPerfectSubtrees } from './merkle.ts'
import { measureLevel, TILE_WIDTH, type TileReader } from './tile.ts'

const TILE_BYTES = TILE_WIDTH * HASH_BYTES

/** Partial tiles by level; `tiles[L]` holds `floor(size / 256^L) mod 256` hashes, maybe none. */
export type TreeEdge = { readonly size: number; readonly tiles: readonly Uint8Array[] }

/** The edge of the empty tree. */
export const EMPTY_EDGE: TreeEdge = { size: 0, tiles: [] }

type OpenTile = { index: number; hashes: Uint8Array; used: number; touched: boolean }

const openTile = (size: number, level: number, partial: Uint8Array | undefined): OpenTile => {
  const hashes = new Uint8Array(TILE_BYTES)
  hashes.set(partial ?? [])
  return { index: measureLevel(size, level).full, hashes, used: partial?.length ?? 0, touched: false }
}

/** Root of the tree with this edge. */
export function hashEdge(edge: TreeEdge): Uint8Array {
  const roots = edge.tiles.toReversed().flatMap((tile) =>
    listPerfectSubtrees({ start: 0, end: tile.length / HASH_BYTES }).map(({ level, index }) => {
      const bytes = 2 ** level * HASH_BYTES
      return hashPerfect(tile.subarray(index * bytes, (index + 1) * bytes))
    }),
  )
  return foldRight(roots)
}

/**
 * Appends leaf hashes.
 *
 * @returns the new edge, its root, and every tile that changed, at its new width
 */
export function appendLeaves(
  edge: TreeEdge,
  leafHashes: readonly Uint8Array[],
): { edge: TreeEdge; root: Uint8Array; tiles: TileWrite[] } {
  const tiles: TileWrite[] = []
  const open = edge.tiles.map((partial, level) => openTile(edge.size, level, partial))
  const push = (level: number, hash: Uint8Array): void => {
    const tile = (open[level] ??= openTile(0, level, undefined))
    tile.hashes.set(hash, tile.used)
    tile.used += HASH_BYTES
    tile.touched = true
    if (tile.used < TILE_BYTES) return
    tiles.push({ level, index: tile.index, hashes: tile.hashes })
    open[level] = { index: tile.index + 1, hashes: new Uint8Array(TILE_BYTES), used: 0, touched: false }
    push(level + 1, hashPerfect(tile.hashes))
  }
  for (const hash of leafHashes) push(0, hash)
  const partials = open.map((tile) => tile.hashes.slice(0, tile.used))
  for (const [level, { index, used, touched }] of open.entries()) {
    const hashes = partials[level]
    if (touched && used > 0 && hashes !== undefined) tiles.push({ level, index, hashes })
  }
  const next = { size: edge.size + leafHashes.length, tiles: partials }
  return { edge: next, root: hashEdge(next), tiles }
}

/**
 * Reads the edge of a tree of this size from stored tiles; the caller compares its root.
 *
 * @throws {LOG_CORRUPT} when a tile is missing or too narrow
 */
export async function readEdge(size: number, readTile: TileReader): Promise<TreeEdge> {
  const tiles: Uint8Array[] = []
  for (let level = 0; Math.floor(size / TILE_WIDTH ** level) > 0; level++) {
    const { full, partialWidth } = measureLevel(size, level)
    const stored = partialWidth === 0 ? new Uint8Array(0) : await readTile(level, full)
    if (stored === null || stored.length < partialWidth * HASH_BYTES) {
      throw new CodedError('LOG_CORRUPT', `Tile ${level}/${full} is missing or too narrow; rebuild the tiles`)
    }
    tiles.push(stored.slice(0, partialWidth * HASH_BYTES))
  }
  return { size, tiles }
}
