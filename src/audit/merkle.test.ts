import test from 'ava'
import fc from 'fast-check'
import { toHex } from '../lib/bytes.ts'
import {
  foldRight,
  hashEmpty,
  hashLeaf,
  hashNode,
  planConsistency,
  planInclusion,
  readProof,
  readRoot,
  type SubtreeReader,
} from './merkle.ts'
import { isConsistent, isIncluded } from './merkle-verify.ts'

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (byte) => parseInt(byte, 16))

// Inputs and roots of the RFC 6962 reference tree, as published with Certificate Transparency.
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const readerOf = (hashes: readonly Uint8Array[]): SubtreeReader => {
  const read = (level: number, index: number): Uint8Array =>
    level === 0 ? hashes[index]! : hashNode(read(level - 1, index * 2), read(level - 1, index * 2 + 1))
  return async (level, index) => read(level, index)
}

const leafHashes = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, at) => hashLeaf(new TextEncoder().encode(`entry ${at}`)))

test('check 41: roots of the RFC 6962 reference tree', async (t) => {
  t.is(toHex(hashEmpty()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  t.is(toHex(foldRight([])), toHex(hashEmpty()))
  const reader = readerOf(LEAVES.map((leaf) => hashLeaf(hex(leaf))))
  for (const [at, root] of ROOTS.entries()) t.is(toHex(await readRoot(at + 1, reader)), root)
})

test('check 42: every entry provable and every prefix consistent, sizes 1 to 70', async (t) => {
  const hashes = leafHashes(70)
  const reader = readerOf(hashes)
  const roots = await Promise.all([0, ...hashes.keys()].map((_, size) => readRoot(size, reader)))
  let checked = 0
  for (let size = 1; size <= 70; size++) {
    const root = await readRoot(size, reader)
    for (let index = 0; index < size; index++) {
      const proof = await readProof(planInclusion(index, size), reader)
      t.true(isIncluded({ index, size, leafHash: hashes[index]!, proof, root }))
      checked++
    }
    for (let oldSize = 1; oldSize <= size; oldSize++) {
      const proof = await readProof(planConsistency(oldSize, size), reader)
      t.true(isConsistent({ oldSize, newSize: size, oldRoot: roots[oldSize]!, newRoot: root, proof }))
      checked++
    }
  }
  t.is(checked, 70 * 71)
})

test('the consistency proof from the empty tree is empty and needs the empty root', (t) => {
  const newRoot = leafHashes(1)[0]!
  t.true(isConsistent({ oldSize: 0, newSize: 1, oldRoot: hashEmpty(), newRoot, proof: [] }))
  t.false(isConsistent({ oldSize: 0, newSize: 1, oldRoot: newRoot, newRoot, proof: [] }))
})

test('attack: a proof with one bit turned, a hash cut, added, or another index or size is refused', async (t) => {
  const reader = readerOf(leafHashes(200))
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 200 }),
      fc.nat(),
      fc.nat(),
      fc.nat({ max: 255 }),
      async (size, a, b, bit) => {
        const index = a % size
        const root = await readRoot(size, reader)
        const leafHash = await reader(0, index)
        const proof = await readProof(planInclusion(index, size), reader)
        const claim = { index, size, leafHash, proof, root }
        const at = b % proof.length
        const turned = proof.map((hash, place) => {
          if (place !== at) return hash
          const copy = Uint8Array.from(hash)
          copy[bit >> 3]! ^= 1 << (bit & 7)
          return copy
        })
        t.true(isIncluded(claim))
        t.false(isIncluded({ ...claim, proof: turned }))
        t.false(isIncluded({ ...claim, proof: proof.slice(0, -1) }))
        t.false(isIncluded({ ...claim, proof: [...proof, leafHash] }))
        t.false(isIncluded({ ...claim, index: (index + 1) % size }))
        t.false(isIncluded({ ...claim, leafHash: root }))
        t.false(isIncluded({ ...claim, size: index }))
      },
    ),
    { numRuns: 150 },
  )
})

test('attack: two trees that differ in one leaf have no consistency proof that is accepted', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 120 }), fc.nat(), fc.nat(), async (newSize, a, b) => {
      const oldSize = 1 + (a % (newSize - 1))
      const honest = leafHashes(newSize)
      const forged = honest.map((hash, at) => (at === b % oldSize ? hashLeaf(hash) : hash))
      const oldRoot = await readRoot(oldSize, readerOf(honest))
      const newRoot = await readRoot(newSize, readerOf(forged))
      for (const hashes of [honest, forged]) {
        const proof = await readProof(planConsistency(oldSize, newSize), readerOf(hashes))
        t.false(isConsistent({ oldSize, newSize, oldRoot, newRoot, proof }))
      }
    }),
    { numRuns: 60 },
  )
})

test('proofs outside the tree are refused by code', (t) => {
  t.throws(() => planInclusion(5, 5), { code: 'LOG_RANGE' })
  t.throws(() => planInclusion(-1, 5), { code: 'LOG_RANGE' })
  t.throws(() => planConsistency(0, 5), { code: 'LOG_RANGE' })
  t.throws(() => planConsistency(6, 5), { code: 'LOG_RANGE' })
  t.throws(() => planInclusion(0.5, 2), { code: 'LOG_RANGE' })
})
