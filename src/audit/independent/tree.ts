/**
 * The verifier's own Merkle tree: a stack of finished subtrees, nothing else, and its own tiles.
 *
 * @see RFC 6962 §2.1, c2sp.org/tlog-tiles
 */
import { createHash } from 'node:crypto'

type Subtree = { height: number; digest: Uint8Array }

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

const digestOf = (...parts: readonly Uint8Array[]): Uint8Array => {
  const sha = createHash('sha256')
  for (const part of parts) sha.update(part)
  return Uint8Array.from(sha.digest())
}

/** Digest of an entry as a leaf. */
export const leafDigest = (entry: Uint8Array): Uint8Array => digestOf(LEAF, entry)

/** True when both hold the same bytes. */
export const equal = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

/** Lower-case hexadecimal. */
export const toHexText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join('')

/** A tree that grows one leaf at a time and can tell its root at any size. */
export type GrowingTree = { readonly add: (leaf: Uint8Array) => void; readonly root: () => Uint8Array }

/** An empty tree. */
export function growTree(): GrowingTree {
  const stack: Subtree[] = []
  return {
    add: (leaf) => {
      let top: Subtree = { height: 0, digest: leaf }
      for (let left = stack.at(-1); left?.height === top.height; left = stack.at(-1)) {
        stack.pop()
        top = { height: top.height + 1, digest: digestOf(NODE, left.digest, top.digest) }
      }
      stack.push(top)
    },
    root: () => {
      let digest: Uint8Array | undefined
      for (let at = stack.length - 1; at >= 0; at--) {
        const left = stack[at]
        if (left !== undefined)
          digest = digest === undefined ? left.digest : digestOf(NODE, left.digest, digest)
      }
      return digest ?? digestOf()
    },
  }
}

const rootOf = (digests: readonly Uint8Array[]): Uint8Array => {
  const tree = growTree()
  for (const digest of digests) tree.add(digest)
  return tree.root()
}

/** Called with each finished row of hashes: a full tile of 256, or at the end a partial one. */
export type TileSink = (level: number, index: number, digests: readonly Uint8Array[]) => Promise<void>

/** Derives every tile of the log from its leaves. */
export function growTiles(sink: TileSink): {
  add: (leaf: Uint8Array) => Promise<void>
  end: () => Promise<void>
} {
  const rows: { digests: Uint8Array[]; index: number }[] = []
  const put = async (level: number, digest: Uint8Array): Promise<void> => {
    const row = (rows[level] ??= { digests: [], index: 0 })
    row.digests.push(digest)
    if (row.digests.length < 256) return
    const full = row.digests
    rows[level] = { digests: [], index: row.index + 1 }
    await sink(level, row.index, full)
    await put(level + 1, rootOf(full))
  }
  return {
    add: (leaf) => put(0, leaf),
    end: async () => {
      for (const [level, row] of rows.entries()) {
        if (row.digests.length > 0) await sink(level, row.index, row.digests)
      }
    },
  }
}
