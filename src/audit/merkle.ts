/**
 * The Merkle tree of RFC 6962: hashing, roots of prefixes, inclusion and consistency proofs.
 *
 * Proofs are *planned* as ranges of leaves (pure arithmetic) and then filled from a reader of perfect
 * subtrees, which is asynchronous because it stands on tiles. Indices and sizes are Numbers up to 2^53-1, so
 * nothing here uses 32-bit operators. Pure, no I/O.
 */
import { hash } from 'node:crypto'
import { CodedError } from '../../ca/errors.ts'

/** SHA-256 output length in bytes. */
export const HASH_BYTES = 32

/** A half-open range of leaves, `[start, end)`, that is a complete subtree of RFC 6962. */
export type LeafRange = { readonly start: number; readonly end: number }

/**
 * Reads the root of a perfect subtree: level 0 is a leaf hash, level L spans 2^L leaves, and
 * `index` counts the subtrees of that level from the left.
 */
export type SubtreeReader = (level: number, index: number) => Promise<Uint8Array>

const LEAF_PREFIX = 0x00
const NODE_PREFIX = 0x01
const EMPTY = new Uint8Array(0)

const sha256 = (bytes: Uint8Array): Uint8Array => {
  const digest = hash('sha256', bytes, 'buffer')
  return new Uint8Array(digest.buffer, digest.byteOffset, HASH_BYTES)
}

/** Hash of the empty tree: SHA-256 of nothing. @see RFC 6962 §2.1 */
export function hashEmpty(): Uint8Array {
  return sha256(EMPTY)
}

/** Leaf hash: SHA-256(0x00 ‖ entry). @see RFC 6962 §2.1 */
export function hashLeaf(entry: Uint8Array): Uint8Array {
  const input = new Uint8Array(entry.length + 1)
  input[0] = LEAF_PREFIX
  input.set(entry, 1)
  return sha256(input)
}

/** Node hash: SHA-256(0x01 ‖ left ‖ right). @see RFC 6962 §2.1 */
export function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + 2 * HASH_BYTES)
  input[0] = NODE_PREFIX
  input.set(left, 1)
  input.set(right, 1 + HASH_BYTES)
  return sha256(input)
}

/**
 * Root of the perfect subtree above 2^k consecutive hashes.
 *
 * @param hashes concatenated hashes, a power of two of them
 */
export function hashPerfect(hashes: Uint8Array): Uint8Array {
  let row = hashes
  while (row.length > HASH_BYTES) {
    const above = new Uint8Array(row.length / 2)
    for (let at = 0; at < above.length; at += HASH_BYTES) {
      const left = row.subarray(2 * at, 2 * at + HASH_BYTES)
      above.set(hashNode(left, row.subarray(2 * at + HASH_BYTES, 2 * at + 2 * HASH_BYTES)), at)
    }
    row = above
  }
  return row.slice()
}

const checkRange = (ok: boolean, message: string): void => {
  if (!ok) throw new CodedError('LOG_RANGE', message)
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** Largest power of two strictly below `size`, for `size` ≥ 2. @see RFC 6962 §2.1 */
const splitPoint = (size: number): number => {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}

/**
 * Perfect subtrees that make up `[start, end)`, from left to right.
 *
 * @param range a subtree of RFC 6962: `start` is a multiple of the largest power of two in its length
 */
export function listPerfectSubtrees(range: LeafRange): { level: number; index: number }[] {
  const found: { level: number; index: number }[] = []
  let start = range.start
  while (start < range.end) {
    let level = 0
    let width = 1
    while (start + width * 2 <= range.end) {
      width *= 2
      level++
    }
    found.push({ level, index: start / width })
    start += width
  }
  return found
}

/**
 * Ranges whose hashes are the inclusion proof, from the leaf's sibling up to the root's child.
 *
 * @throws {LOG_RANGE} when the leaf is not in the tree
 * @see RFC 6962 §2.1.1, RFC 9162 §2.1.3.1
 */
export function planInclusion(index: number, size: number): LeafRange[] {
  checkRange(isCount(index) && isCount(size) && index < size, 'An inclusion proof needs index < size')
  const path: LeafRange[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + splitPoint(end - start)
    path.push(index < middle ? { start: middle, end } : { start, end: middle })
    if (index < middle) end = middle
    else start = middle
  }
  return path.reverse()
}

/**
 * Ranges whose hashes are the consistency proof between two sizes of one tree.
 *
 * @throws {LOG_RANGE} unless 0 < oldSize ≤ newSize
 * @see RFC 6962 §2.1.2, RFC 9162 §2.1.4.1
 */
export function planConsistency(oldSize: number, newSize: number): LeafRange[] {
  const ok = isCount(oldSize) && isCount(newSize) && oldSize > 0 && oldSize <= newSize
  checkRange(ok, 'A consistency proof needs 0 < old size ≤ new size')
  const path: LeafRange[] = []
  let start = 0
  let end = newSize
  while (end !== oldSize) {
    const middle = start + splitPoint(end - start)
    path.push(oldSize <= middle ? { start: middle, end } : { start, end: middle })
    if (oldSize <= middle) end = middle
    else start = middle
  }
  // When the old tree is itself the left-most subtree, the verifier already holds its root.
  if (start > 0) path.push({ start, end })
  return path.reverse()
}

/** Root of a range of leaves, from the perfect subtrees in it. @see RFC 6962 §2.1 */
async function readRangeHash(range: LeafRange, reader: SubtreeReader): Promise<Uint8Array> {
  const subtrees = listPerfectSubtrees(range)
  const hashes = await Promise.all(subtrees.map(({ level, index }) => reader(level, index)))
  return foldRight(hashes)
}

/** Joins subtree roots of falling size, given from left to right, into one root. */
export function foldRight(hashes: readonly Uint8Array[]): Uint8Array {
  return (
    hashes.reduceRight<Uint8Array | null>(
      (right, left) => (right === null ? left : hashNode(left, right)),
      null,
    ) ?? hashEmpty()
  )
}

/** Root of the first `size` leaves. */
export function readRoot(size: number, reader: SubtreeReader): Promise<Uint8Array> {
  return readRangeHash({ start: 0, end: size }, reader)
}

/** Hashes of planned ranges, in order. */
export function readProof(ranges: readonly LeafRange[], reader: SubtreeReader): Promise<Uint8Array[]> {
  return Promise.all(ranges.map((range) => readRangeHash(range, reader)))
}
