/**
 * Checks inclusion and consistency proofs by the algorithms of RFC 9162, which walk the bits of the index and
 * never rebuild the ranges that the generator plans. Answers are verdicts: false, never an exception. Pure.
 */
import { isSameBytes } from '../lib/bytes.ts'
import { HASH_BYTES, hashEmpty, hashNode } from './merkle.ts'

/** What an inclusion proof claims. */
export type InclusionClaim = {
  readonly index: number
  readonly size: number
  readonly leafHash: Uint8Array
  readonly proof: readonly Uint8Array[]
  readonly root: Uint8Array
}

/** What a consistency proof claims. */
export type ConsistencyClaim = {
  readonly oldSize: number
  readonly newSize: number
  readonly oldRoot: Uint8Array
  readonly newRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

const isOdd = (value: number): boolean => value % 2 === 1
const half = (value: number): number => Math.floor(value / 2)
const isHash = (value: Uint8Array): boolean => value.length === HASH_BYTES
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/**
 * True when the leaf is the one at this index of the tree with this root.
 *
 * @see RFC 9162 §2.1.3.2
 */
export function isIncluded(claim: InclusionClaim): boolean {
  if (!isCount(claim.index) || !isCount(claim.size) || claim.index >= claim.size) return false
  if (![claim.leafHash, claim.root, ...claim.proof].every(isHash)) return false
  let node = claim.index
  let last = claim.size - 1
  let hash = claim.leafHash
  for (const sibling of claim.proof) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      hash = hashNode(sibling, hash)
      while (!isOdd(node) && node !== 0) {
        node = half(node)
        last = half(last)
      }
    } else {
      hash = hashNode(hash, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && isSameBytes(hash, claim.root)
}

/**
 * True when the tree of the old root is a prefix of the tree of the new root.
 *
 * @see RFC 9162 §2.1.4.2
 */
export function isConsistent(claim: ConsistencyClaim): boolean {
  const { oldSize, newSize, oldRoot, newRoot } = claim
  if (!isCount(oldSize) || !isCount(newSize) || oldSize > newSize) return false
  if (![oldRoot, newRoot, ...claim.proof].every(isHash)) return false
  if (oldSize === newSize) return claim.proof.length === 0 && isSameBytes(oldRoot, newRoot)
  if (oldSize === 0) return claim.proof.length === 0 && isSameBytes(oldRoot, hashEmpty())
  return walkConsistency(claim)
}

function walkConsistency({ oldSize, newSize, oldRoot, newRoot, proof }: ConsistencyClaim): boolean {
  let node = oldSize - 1
  let last = newSize - 1
  while (isOdd(node)) {
    node = half(node)
    last = half(last)
  }
  // An old tree of a power of two leaves is a node of the new tree, and its root is left out of the proof.
  const path = node === 0 ? [oldRoot, ...proof] : proof
  const [first, ...rest] = path
  if (first === undefined) return false
  let oldHash = first
  let newHash = first
  for (const sibling of rest) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      oldHash = hashNode(sibling, oldHash)
      newHash = hashNode(sibling, newHash)
      while (!isOdd(node) && node !== 0) {
        node = half(node)
        last = half(last)
      }
    } else {
      newHash = hashNode(newHash, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && isSameBytes(oldHash, oldRoot) && isSameBytes(newHash, newRoot)
}
