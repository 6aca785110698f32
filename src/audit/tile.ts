/**
 * Tiles of c2sp.org/tlog-tiles: 256 hashes a tile, paths, entry bundles, and a reader of subtrees over tiles.
 *
 * Level L of a tile holds roots of 256^L leaves. A partial tile is a prefix of the full one, so one stored row
 * per tile serves every width that a checkpoint ever had. Pure, no I/O.
 */
import { CodedError } from '../../ca/errors.ts'
import { HASH_BYTES, hashPerfect, type SubtreeReader } from './merkle.ts'

/** Hashes in a full tile, and entries in a full bundle. */
export const TILE_WIDTH = 256

// c2sp.org/tlog-tiles: an entry is prefixed by a big-endian uint16.
/** Largest log entry in bytes. */
export const MAX_ENTRY_BYTES = 65_535

/** Which resource of the tree: hash tiles have a level, `entries` is a bundle of log entries. */
export type TileName = {
  readonly level: number | 'entries'
  readonly index: number
  /** 1–256; below 256 the tile is partial. */
  readonly width: number
}

/** Reads the hashes of a tile, at least as many as are stored; null when there is none. */
export type TileReader = (level: number, index: number) => Promise<Uint8Array | null>

const MAX_LEVEL = 63

/** How many tiles of a level are full, and how wide the partial one is, in a tree of this size. */
export function measureLevel(size: number, level: number): { full: number; partialWidth: number } {
  const hashes = Math.floor(size / TILE_WIDTH ** level)
  return { full: Math.floor(hashes / TILE_WIDTH), partialWidth: hashes % TILE_WIDTH }
}

const encodeTileIndex = (index: number): string => {
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g) ?? []
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/')
}

/**
 * Path of a tile below the log's prefix, for example `tile/0/x001/x234/067.p/112`.
 *
 * @see c2sp.org/tlog-tiles, Merkle Tree
 */
export function encodeTilePath(name: TileName): string {
  const partial = name.width < TILE_WIDTH ? `.p/${name.width}` : ''
  return `tile/${name.level}/${encodeTileIndex(name.index)}${partial}`
}

const notATile = (): CodedError => new CodedError('INPUT_MALFORMED', 'Path does not name a tile')

const TILE_PATH = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/

/**
 * Reads the path of a tile; each tile has exactly one path.
 *
 * @throws {INPUT_MALFORMED} when it is not the one path of a tile
 */
export function parseTilePath(path: string): TileName {
  const match = path.length <= 64 ? TILE_PATH.exec(path) : null
  if (match === null) throw notATile()
  const [, levelText, indexText = '', widthText] = match
  const level = levelText === 'entries' ? 'entries' : Number(levelText)
  const index = Number(indexText.replace(/[x/]/g, ''))
  const width = widthText === undefined ? TILE_WIDTH : Number(widthText)
  const name: TileName = { level, index, width }
  const inRange = Number.isSafeInteger(index) && (level === 'entries' || level <= MAX_LEVEL)
  if (!inRange || (widthText !== undefined && width >= TILE_WIDTH)) throw notATile()
  if (encodeTilePath(name) !== path) throw notATile()
  return name
}

/** True when a tree of this size has this tile with this width (a partial tile of an earlier size counts). */
export function isTileInTree(name: TileName, size: number): boolean {
  const { full, partialWidth } = measureLevel(size, name.level === 'entries' ? 0 : name.level)
  if (name.index < full) return name.width <= TILE_WIDTH
  return name.index === full && name.width <= partialWidth
}

/** Every tile, at its final width, of a tree of this size; entry bundles left out. */
export function listTiles(size: number): TileName[] {
  const tiles: TileName[] = []
  for (let level = 0; Math.floor(size / TILE_WIDTH ** level) > 0; level++) {
    const { full, partialWidth } = measureLevel(size, level)
    for (let index = 0; index < full; index++) tiles.push({ level, index, width: TILE_WIDTH })
    if (partialWidth > 0) tiles.push({ level, index: full, width: partialWidth })
  }
  return tiles
}

/**
 * Bytes of an entry bundle: each entry behind its length as a big-endian uint16.
 *
 * @param entries 1–256 entries of at most 65,535 bytes
 * @throws {INPUT_TOO_LARGE} when an entry or the bundle is too long
 */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length > TILE_WIDTH || entries.some((entry) => entry.length > MAX_ENTRY_BYTES)) {
    throw new CodedError('INPUT_TOO_LARGE', 'A bundle holds 256 entries of at most 65,535 bytes')
  }
  const bundle = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0))
  let at = 0
  for (const entry of entries) {
    bundle[at] = entry.length >>> 8
    bundle[at + 1] = entry.length & 0xff
    bundle.set(entry, at + 2)
    at += 2 + entry.length
  }
  return bundle
}

/**
 * Entries of a bundle, as views of its bytes.
 *
 * @param width how many entries its path promises
 * @throws {INPUT_MALFORMED} when the bundle ends early, is too long, or holds another number of entries
 */
export function parseEntryBundle(bundle: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = []
  let at = 0
  while (at < bundle.length && entries.length <= width) {
    const end = at + 2 + (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0)
    if (at + 2 > bundle.length || end > bundle.length) {
      throw new CodedError('INPUT_MALFORMED', 'Entry bundle ends inside an entry')
    }
    entries.push(bundle.subarray(at + 2, end))
    at = end
  }
  if (entries.length !== width) {
    throw new CodedError('INPUT_MALFORMED', 'Entry bundle does not hold the number of entries of its path')
  }
  return entries
}

/**
 * Reader of perfect subtrees over stored tiles: a subtree of height h is hashed from 2^(h mod 8) hashes of one
 * tile. Each tile is read once per reader, so make one reader per proof or per request.
 *
 * @throws {LOG_CORRUPT} (from the reader) when a tile is missing or too narrow
 */
export function createSubtreeReader(readTile: TileReader): SubtreeReader {
  const tiles = new Map<string, Promise<Uint8Array | null>>()
  return async (height, index) => {
    const level = Math.floor(height / 8)
    const count = 2 ** (height % 8)
    const first = index * count
    const tileIndex = Math.floor(first / TILE_WIDTH)
    const key = `${level}/${tileIndex}`
    const pending = tiles.get(key) ?? readTile(level, tileIndex)
    tiles.set(key, pending)
    const tile = await pending
    const from = (first % TILE_WIDTH) * HASH_BYTES
    const to = from + count * HASH_BYTES
    if (tile === null || tile.length < to) {
      throw new CodedError('LOG_CORRUPT', `Tile ${key} is missing or too narrow; rebuild the tiles`)
    }
    return hashPerfect(tile.subarray(from, to))
  }
}
