import { generateKeyPairSync, sign } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import {
  addRow,
  copyDisk,
  type Fault,
  makeDisk,
  makeMemoryCopy,
  makeMemoryLogStore,
  type MemoryDisk,
  withFault,
} from '../test/memory-log-store.ts'
import { toHex } from '../lib/bytes.ts'
import { openCheckpoint, parseCheckpointText } from './checkpoint.ts'
import { readReceipt, readTileResource, rebuildTiles } from './log-reader.ts'
import { hashLeaf, readRoot } from './merkle.ts'
import { buildNoteKey, type NoteSigner, parseEd25519Spki } from './note.ts'
import { verifyReceipt } from './receipt.ts'
import { createLog, openSequencer, type SequencerPorts } from './sequencer.ts'
import { createSubtreeReader, listTiles } from './tile.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const ORIGIN = 'log.example/test-only'

const makeSigner = (): NoteSigner & { signed: string[] } => {
  const pair = generateKeyPairSync('ed25519')
  const signed: string[] = []
  const spki = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }))
  const key = buildNoteKey(ORIGIN, parseEd25519Spki(spki))
  const signOnce = (message: Uint8Array): Uint8Array => {
    signed.push(new TextDecoder().decode(message))
    return new Uint8Array(sign(null, message, pair.privateKey))
  }
  return { key, sign: signOnce, signed }
}

const makeClock = (): { now: () => Date; set: (ms: number) => void } => {
  let time = Date.parse('2026-01-01T00:00:00Z')
  return { now: () => new Date(time++), set: (ms) => (time = ms) }
}

const setUp = async (batchSize = 300) => {
  const disk = makeDisk()
  const signer = makeSigner()
  const clock = makeClock()
  const ports: SequencerPorts = {
    store: makeMemoryLogStore(disk),
    published: makeMemoryCopy(disk),
    signer,
    now: clock.now,
    batchSize,
  }
  await createLog(ports)
  let made = 0
  const add = (count: number): string[] =>
    Array.from({ length: count }, () => {
      const id = `record-${String(made++).padStart(8, '0')}`
      addRow(disk, id, utf8(`leaf of ${id}`))
      return id
    })
  return { disk, signer, clock, ports, add }
}

/** The log is whole, every checkpoint ever signed is a prefix of it, and no size was signed with two roots. */
const checkWhole = async (
  t: ExecutionContext,
  disk: MemoryDisk,
  signer: { signed: string[] },
): Promise<void> => {
  const state = disk.state!
  t.is(state.pending, null)
  const placed = disk.rows.filter((row) => row.index !== null).sort((a, b) => a.index! - b.index!)
  t.deepEqual(
    placed.map((row) => row.index),
    [...placed.keys()],
    'places have no gap and no double',
  )
  t.is(placed.length, state.head.size)
  const hashes = placed.map((row) => hashLeaf(row.leaf))
  const reader = createSubtreeReader(async (level, index) => disk.tiles.get(`${level}/${index}`) ?? null)
  for (const [at, hash] of hashes.entries()) t.deepEqual(await reader(0, at), hash)
  for (const text of signer.signed) {
    const { size, root } = parseCheckpointText(text)
    t.is(toHex(await readRoot(size, reader)), toHex(root), `signed head of ${size}`)
  }
  t.is(new TextDecoder().decode(disk.published!), state.head.checkpoint)
}

test('records get places in row order, and those who wait are released after publication', async (t) => {
  const { disk, signer, ports, add } = await setUp(256)
  const sequencer = await openSequencer(ports)
  const ids = add(700)
  let released = false
  const last = sequencer.sequenced(ids[699]!).then((record) => {
    released = true
    return record
  })
  t.deepEqual(await sequencer.tick(), { sequenced: 256, size: 256 })
  t.false(released)
  await sequencer.tick()
  await sequencer.tick()
  t.deepEqual(await last, { id: ids[699]!, index: 699, size: 700 })
  t.deepEqual(await sequencer.sequenced(ids[3]!), { id: ids[3]!, index: 3, size: 700 })
  t.deepEqual(await sequencer.tick(), { sequenced: 0, size: 700 })
  await checkWhole(t, disk, signer)
})

test('check 41, 42: a log of 70,000 has the tiles of the specification, and sampled receipts verify', async (t) => {
  const { disk, signer, ports, add } = await setUp(9_000)
  const sequencer = await openSequencer(ports)
  add(70_000)
  while ((await sequencer.tick()).sequenced > 0);
  t.is(sequencer.head().size, 70_000)
  const stored = [...disk.tiles].map(([key, hashes]) => `${key}:${hashes.length / 32}`).sort()
  t.deepEqual(
    stored,
    listTiles(70_000)
      .map((tile) => `${tile.level}/${tile.index}:${tile.width}`)
      .sort(),
  )
  for (const index of [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999]) {
    const receipt = utf8(await readReceipt(ports.store, sequencer.head(), index))
    t.true(verifyReceipt(receipt, disk.rows[index]!.leaf, signer.key).ok, `entry ${index}`)
    t.false(verifyReceipt(receipt, utf8('another leaf'), signer.key).ok)
  }
  const head = openCheckpoint(disk.published!, signer.key)
  t.is(head?.size, 70_000)
})

test('tiles and bundles are served for the published size and not beyond', async (t) => {
  const { ports, add } = await setUp()
  const sequencer = await openSequencer(ports)
  add(300)
  await sequencer.tick()
  const read = (level: number | 'entries', index: number, width: number) =>
    readTileResource(ports.store, { level, index, width }, 300)
  t.is((await read(0, 0, 256))?.length, 8192)
  t.is((await read(0, 1, 44))?.length, 44 * 32)
  t.is((await read(1, 0, 1))?.length, 32)
  t.is(await read(0, 1, 45), null)
  t.is(await read(2, 0, 1), null)
  t.truthy(await read('entries', 1, 44))
  t.is(await read('entries', 1, 256), null)
})

const METHODS = [
  'readState',
  'readUnsequenced',
  'commitPending',
  'completePending',
  'readLeaves',
  'readTile',
] as const

for (const method of [...METHODS, 'replace', 'read', 'sign'] as const) {
  for (const persisted of [false, true]) {
    for (const restart of [false, true]) {
      const how = `${method} fails${persisted ? ' but persisted' : ''}, then ${restart ? 'restart' : 'retry'}`
      test(`check 16: ${how}: nothing lost, nothing twice, no second head`, async (t) => {
        let hits = 0
        for (const [nth, more] of [
          [1, 0],
          [1, 37],
          [2, 0],
          [2, 300],
        ] as const) {
          const { disk, signer, clock, ports, add } = await setUp(300)
          add(520)
          await (await openSequencer(ports)).tick()
          const fault: Fault = { method, nth, persisted }
          let hit = 0
          const faulty: SequencerPorts = {
            ...ports,
            store: withFault(ports.store, fault, () => hit++),
            published: withFault(ports.published, fault, () => hit++),
            signer: withFault(ports.signer, fault, () => hit++),
          }
          // A fault on a read may already stop the start; then the next start must work.
          let sequencer = await openSequencer(faulty).catch(() => openSequencer(faulty))
          const ids = disk.rows.map((row) => row.id)
          const waiting = sequencer.sequencedAll(ids)
          waiting.catch(() => undefined)
          const failures: unknown[] = []
          for (let round = 0; round < 8; round++) {
            if (round === 2) add(more)
            await sequencer.tick().catch(async (error: unknown) => {
              failures.push(error)
              if (restart) {
                await sequencer.close()
                sequencer = await openSequencer(ports)
              }
            })
          }
          for (const error of failures) t.like(error, { code: 'AUDIT_UNAVAILABLE' })
          hits += hit
          t.is(sequencer.head().size, 520 + more)
          await checkWhole(t, disk, signer)
          const records = await (restart ? sequencer.sequencedAll(ids) : waiting)
          t.deepEqual(
            records.map((record) => record.index),
            disk.rows.slice(0, ids.length).map((row) => row.index),
          )
          t.true(clock.now() > new Date(disk.state!.head.at))
        }
        t.true(hits > 0, 'the fault happened')
      })
    }
  }
}

test('check 20: two sequencers on one log: the second dies at the compare-and-swap, and stays dead', async (t) => {
  const { disk, signer, ports, add } = await setUp(10)
  const first = await openSequencer(ports)
  const second = await openSequencer(ports)
  add(30)
  await first.tick()
  const waiting = second.sequenced('record-00000029')
  await t.throwsAsync(second.tick(), { code: 'LOG_CONFLICT' })
  await t.throwsAsync(waiting, { code: 'LOG_CONFLICT' })
  await t.throwsAsync(second.tick(), { code: 'LOG_CONFLICT' })
  await t.throwsAsync(second.sequenced('record-00000029'), { code: 'LOG_CONFLICT' })
  await first.tick()
  await first.tick()
  t.is(first.head().size, 30)
  await checkWhole(t, disk, signer)
})

test('check 20: both tick at the same instant: one wins, the log stays whole', async (t) => {
  const { disk, signer, ports, add } = await setUp(10)
  const pair = [await openSequencer(ports), await openSequencer(ports)]
  add(10)
  const results = await Promise.allSettled(pair.map((sequencer) => sequencer.tick()))
  t.is(results.filter((result) => result.status === 'rejected').length, 1)
  await checkWhole(t, disk, signer)
})

test('check 20: a sequencer that slept through a takeover does not publish an older checkpoint', async (t) => {
  const { disk, signer, ports, add } = await setUp(10)
  add(20)
  let wake = (): void => undefined
  const asleep = new Promise<void>((resolve) => {
    wake = resolve
  })
  const slow: SequencerPorts = {
    ...ports,
    published: {
      read: ports.published.read,
      replace: async (expected, next) => {
        await asleep
        return await ports.published.replace(expected, next)
      },
    },
  }
  const first = await openSequencer(slow)
  const stuck = first.tick()
  while (disk.state!.head.size === 0) await setImmediate()
  const second = await openSequencer(ports)
  await second.tick()
  t.is(second.head().size, 20)
  wake()
  await t.throwsAsync(stuck, { code: 'LOG_CONFLICT' })
  await checkWhole(t, disk, signer)
})

test('check 21: the clock jumps back: no checkpoint until it has caught up; a start is refused', async (t) => {
  const { disk, signer, ports, clock, add } = await setUp(10)
  const sequencer = await openSequencer(ports)
  add(10)
  await sequencer.tick()
  add(5)
  clock.set(Date.parse('2025-12-31T23:00:00Z'))
  await t.throwsAsync(sequencer.tick(), { code: 'CLOCK_WENT_BACK' })
  await t.throwsAsync(openSequencer(ports), { code: 'CLOCK_WENT_BACK' })
  t.is(disk.state!.head.size, 10)
  clock.set(Date.parse('2026-01-01T01:00:00Z'))
  t.is((await sequencer.tick()).size, 15)
  await checkWhole(t, disk, signer)
})

test('check 48: a database older than the published checkpoint is refused', async (t) => {
  const { disk, ports, add } = await setUp(10)
  const sequencer = await openSequencer(ports)
  add(10)
  await sequencer.tick()
  const backup = copyDisk(disk)
  add(10)
  await sequencer.tick()
  backup.published = disk.published
  const restored = { ...ports, store: makeMemoryLogStore(backup), published: makeMemoryCopy(backup) }
  await t.throwsAsync(openSequencer(restored), { code: 'LOG_STORE_OLDER' })
})

test('attack: a database with other records of the same size, or a longer fork, is refused', async (t) => {
  const { disk, ports, add } = await setUp(10)
  const before = copyDisk(disk)
  const sequencer = await openSequencer(ports)
  add(10)
  await sequencer.tick()
  for (const extra of [0, 10]) {
    const fork = copyDisk(before)
    for (let at = 0; at < 10 + extra; at++) addRow(fork, `forged-${at}`, utf8(`forged ${at}`))
    const own = { ...ports, store: makeMemoryLogStore(fork), published: makeMemoryCopy(fork) }
    const forger = await openSequencer(own)
    while ((await forger.tick()).sequenced > 0);
    fork.published = disk.published
    await t.throwsAsync(openSequencer(own), { code: 'LOG_FORK' })
  }
})

test('attack: an emptied database, or a lost checkpoint file, never starts a second log', async (t) => {
  const { disk, ports, add } = await setUp(10)
  add(3)
  await (await openSequencer(ports)).tick()
  const empty = { ...makeDisk(), published: disk.published }
  const emptied = { ...ports, store: makeMemoryLogStore(empty), published: makeMemoryCopy(empty) }
  await t.throwsAsync(openSequencer(emptied), { code: 'LOG_CHECKPOINT_MISSING' })
  await t.throwsAsync(createLog(emptied), { code: 'LOG_CONFLICT' })
  disk.published = null
  await t.throwsAsync(openSequencer(ports), { code: 'LOG_CHECKPOINT_MISSING' })
  await t.throwsAsync(createLog(ports), { code: 'LOG_CONFLICT' })
})

test('attack: the head, its checkpoint, an edge tile or a last record changed in the database is refused', async (t) => {
  const { disk, ports, add } = await setUp(300)
  add(300)
  await (await openSequencer(ports)).tick()
  const changes: ((copy: MemoryDisk) => void)[] = [
    (copy) => (copy.state!.head.root[0]! ^= 1),
    (copy) => (copy.state = { ...copy.state!, head: { ...copy.state!.head, size: 299 } }),
    (copy) => (copy.tiles.get('0/1')![5]! ^= 1),
    (copy) => (copy.tiles.get('1/0')![5]! ^= 1),
    (copy) => copy.tiles.delete('0/1'),
    (copy) => (copy.rows[299]!.leaf[2]! ^= 1),
    (copy) => (copy.rows[256]!.leaf[2]! ^= 1),
    (copy) => (copy.published![copy.published!.length - 4]! ^= 1),
    (copy) => (copy.state = { ...copy.state!, head: { ...copy.state!.head, checkpoint: 'x\n' } }),
  ]
  for (const change of changes) {
    const copy = copyDisk(disk)
    change(copy)
    const opened = openSequencer({
      ...ports,
      store: makeMemoryLogStore(copy),
      published: makeMemoryCopy(copy),
    })
    const error = await t.throwsAsync(opened)
    t.true(['LOG_CORRUPT', 'INPUT_MALFORMED', 'LOG_FORK'].includes((error as { code?: string }).code!))
  }
})

test('tiles are rebuilt from the records, and only when these hash to the signed root', async (t) => {
  const { disk, signer, ports, add } = await setUp(5_000)
  add(9_000)
  const sequencer = await openSequencer(ports)
  while ((await sequencer.tick()).sequenced > 0);
  const list = () => [...disk.tiles].map(([key, hashes]) => `${key} ${toHex(hashes)}`).sort()
  const before = list()
  disk.tiles.clear()
  await t.throwsAsync(openSequencer(ports), { code: 'LOG_CORRUPT' })
  const progress: number[] = []
  await rebuildTiles(ports.store, (done) => progress.push(done))
  t.is(progress.at(-1), 9_000)
  t.true(list().every((tile, at) => tile === before[at]) && list().length === before.length)
  await openSequencer(ports)
  await checkWhole(t, disk, signer)
  disk.rows[4_000]!.leaf[0]! ^= 1
  await t.throwsAsync(
    rebuildTiles(ports.store, () => undefined),
    { code: 'LOG_CORRUPT' },
  )
})

test('close turns away those who wait, and later ticks', async (t) => {
  const { ports, add } = await setUp(10)
  const sequencer = await openSequencer(ports)
  const waiting = sequencer.sequenced('never')
  add(1)
  const tick = sequencer.tick()
  await sequencer.close()
  t.is((await tick).size, 1)
  await t.throwsAsync(waiting, { code: 'AUDIT_UNAVAILABLE' })
  await t.throwsAsync(sequencer.tick(), { code: 'AUDIT_UNAVAILABLE' })
})
