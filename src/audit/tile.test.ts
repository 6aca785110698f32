import test from 'ava'
import fc from 'fast-check'
import { isCoded } from '../../ca/errors.ts'
import {
  encodeEntryBundle,
  encodeTilePath,
  isTileInTree,
  listTiles,
  parseEntryBundle,
  parseTilePath,
} from './tile.ts'

const throwsCoded = (act: () => unknown): boolean => {
  try {
    act()
    return true
  } catch (error) {
    return isCoded(error)
  }
}

test('check 41: layout of a tree of 70,000 and of 256 entries (c2sp.org/tlog-tiles)', (t) => {
  const tiles = listTiles(70_000)
  const count = (level: number, full: boolean): number =>
    tiles.filter((tile) => tile.level === level && (tile.width === 256) === full).length
  t.deepEqual([count(0, true), count(1, true), count(2, true)], [273, 1, 0])
  t.deepEqual(tiles.filter((tile) => tile.width < 256).map(encodeTilePath), [
    'tile/0/273.p/112',
    'tile/1/001.p/17',
    'tile/2/000.p/1',
  ])
  t.is(tiles.length, 273 + 1 + 3)
  t.deepEqual(listTiles(256).map(encodeTilePath), ['tile/0/000', 'tile/1/000.p/1'])
  t.deepEqual(listTiles(0), [])
})

test('check 41: index 1234067 is x001/x234/067', (t) => {
  const path = 'tile/0/x001/x234/067'
  t.is(encodeTilePath({ level: 0, index: 1_234_067, width: 256 }), path)
  t.deepEqual(parseTilePath(path), { level: 0, index: 1_234_067, width: 256 })
  t.is(encodeTilePath({ level: 'entries', index: 1_234_067, width: 3 }), 'tile/entries/x001/x234/067.p/3')
})

test('a tile has one path: every other spelling is refused', (t) => {
  const bad = [
    '',
    'tile/0/0',
    'tile/0/0000',
    'tile/00/000',
    'tile/64/000',
    'tile/0/x000/001',
    'tile/0/001/002',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/-1/000',
    '/tile/0/000',
    'tile/0/000/',
    'tile/0/../000',
    'tile/0/000.p/999',
    `tile/0/${'x001/'.repeat(9)}001`,
    'tile/data/000',
    'tile/0/x9007/199',
    'tile/0/x999/x999/x999/x999/x999/999',
  ]
  for (const path of bad) t.throws(() => parseTilePath(path), { code: 'INPUT_MALFORMED' }, path)
})

test('tile names: parse ∘ encode = identity, and fuzzed paths give typed errors only', (t) => {
  const name = fc.record({
    level: fc.oneof(fc.constant('entries' as const), fc.integer({ min: 0, max: 63 })),
    index: fc.nat({ max: 2 ** 45 }),
    width: fc.integer({ min: 1, max: 256 }),
  })
  fc.assert(fc.property(name, (tile) => t.deepEqual(parseTilePath(encodeTilePath(tile)), tile)))
  fc.assert(fc.property(fc.string(), (text) => throwsCoded(() => parseTilePath(text))))
  const pieces = fc.array(fc.constantFrom('tile/', 'x', '001', '/', '.p/', '0', '255', 'entries', '9'), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(pieces, (parts) => throwsCoded(() => parseTilePath(parts.join('')))),
    { numRuns: 2000 },
  )
})

test('only tiles of the tree are in the tree', (t) => {
  t.true(isTileInTree({ level: 0, index: 273, width: 112 }, 70_000))
  t.true(isTileInTree({ level: 0, index: 273, width: 40 }, 70_000))
  t.false(isTileInTree({ level: 0, index: 273, width: 113 }, 70_000))
  t.false(isTileInTree({ level: 0, index: 274, width: 1 }, 70_000))
  t.false(isTileInTree({ level: 3, index: 0, width: 1 }, 70_000))
  t.true(isTileInTree({ level: 'entries', index: 272, width: 256 }, 70_000))
})

test('entry bundles: parse ∘ encode = identity, lengths are big-endian uint16', (t) => {
  t.deepEqual([...encodeEntryBundle([Uint8Array.of(7, 8), new Uint8Array(0)])], [0, 2, 7, 8, 0, 0])
  const entries = fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 256 })
  fc.assert(
    fc.property(entries, (list) => {
      t.deepEqual(parseEntryBundle(encodeEntryBundle(list), list.length), list)
    }),
    { numRuns: 50 },
  )
  t.throws(() => encodeEntryBundle([new Uint8Array(65_536)]), { code: 'INPUT_TOO_LARGE' })
  t.is(encodeEntryBundle([new Uint8Array(65_535)]).length, 65_537)
})

test('attack: entry bundles cut, extended, or of another width are refused; fuzz gives typed errors only', (t) => {
  const bundle = encodeEntryBundle([Uint8Array.of(1, 2, 3), Uint8Array.of(4)])
  for (let end = 0; end < bundle.length; end++) {
    t.throws(() => parseEntryBundle(bundle.subarray(0, end), 2), { code: 'INPUT_MALFORMED' })
  }
  t.throws(() => parseEntryBundle(Uint8Array.of(...bundle, 0, 0), 2), { code: 'INPUT_MALFORMED' })
  t.throws(() => parseEntryBundle(bundle, 1), { code: 'INPUT_MALFORMED' })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 0, max: 256 }), (bytes, width) =>
      throwsCoded(() => parseEntryBundle(bytes, width)),
    ),
  )
})
