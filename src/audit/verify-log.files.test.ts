import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { type Draft, START, toLeaves, writeLog } from '../test/audit-log.ts'
import { addRow, makeDisk, makeMemoryCopy, makeMemoryLogStore } from '../test/memory-log-store.ts'
import { readTileResource } from './log-reader.ts'
import { createLog, openSequencer } from './sequencer.ts'
import { listTiles } from './tile.ts'
import { leavesFromBundles, type LogReport, verifyLog } from './verify-log.ts'

const kinds = (report: LogReport): string[] =>
  [...new Set(report.findings.map((finding) => finding.kind))].sort()

const many = (count: number): Draft[] =>
  Array.from({ length: count }, (_, at) => ({ type: 'log.read', data: { n: at } }))

test('check 42: every checkpoint is a prefix of the log; a rewritten or shortened history is found', async (t) => {
  const leaves = toLeaves(many(700))
  const { input, checkpoints, signer } = await writeLog(leaves, 100)
  t.is(checkpoints.length, 7)
  t.true((await verifyLog({ ...input, earlierCheckpoints: checkpoints })).ok)
  const forged = leaves.map((leaf, at) => (at === 250 ? leaves[251]! : leaf))
  const disk = makeDisk()
  const ports = {
    store: makeMemoryLogStore(disk),
    published: makeMemoryCopy(disk),
    signer,
    now: () => new Date(START),
  }
  await createLog(ports)
  const forger = await openSequencer(ports)
  for (const [at, leaf] of forged.entries()) addRow(disk, `row${at}`, leaf)
  await forger.tick()
  const rewritten = await verifyLog({
    ...input,
    leaves: forged,
    checkpoint: disk.published!,
    readTile: ports.store.readTile,
    earlierCheckpoints: checkpoints,
  })
  t.deepEqual(
    rewritten.findings
      .filter((finding) => finding.kind === 'earlier-checkpoint-differs')
      .map((finding) => finding.subject),
    ['300', '400', '500', '600', '700'],
  )
  const shortened = await verifyLog({
    ...input,
    checkpoint: checkpoints[2]!,
    earlierCheckpoints: checkpoints.slice(0, 5),
  })
  t.deepEqual(kinds(shortened), ['earlier-checkpoint-larger'])
})

test('check 42: any byte of any file changed is found: entries, tiles, checkpoint', async (t) => {
  const size = 300
  const { input, store } = await writeLog(toLeaves(many(size)))
  const files = new Map<string, Uint8Array>([['checkpoint', input.checkpoint]])
  for (const { level, index, width } of listTiles(size)) {
    files.set(
      `${level}/${index}`,
      Uint8Array.from((await readTileResource(store, { level, index, width }, size))!),
    )
  }
  for (const [index, width] of [
    [0, 256],
    [1, 44],
  ] as const) {
    files.set(
      `entries/${index}`,
      Uint8Array.from((await readTileResource(store, { level: 'entries', index, width }, size))!),
    )
  }
  const verifyFiles = async (): Promise<LogReport> =>
    await verifyLog({
      leaves: leavesFromBundles(async (index) => files.get(`entries/${index}`)!, size),
      checkpoint: files.get('checkpoint')!,
      verifierKey: input.verifierKey,
      readTile: async (level, index) => files.get(`${level}/${index}`) ?? null,
    })
  t.true((await verifyFiles()).ok)
  let flips = 0
  for (const [name, bytes] of files) {
    // Every byte of the small files; of the large ones, enough places to meet lengths, texts and hashes.
    const step = Math.max(1, Math.floor(bytes.length / 60))
    for (let at = 0; at < bytes.length; at += step) {
      bytes[at]! ^= 1 << (flips++ % 8)
      t.false((await verifyFiles()).ok, `${name} byte ${at}`)
      bytes[at]! ^= 1 << ((flips - 1) % 8)
    }
    files.set(name, bytes.subarray(0, bytes.length - 1))
    t.false((await verifyFiles()).ok, `${name} cut short`)
    files.set(name, bytes)
  }
  t.true(flips > 300)
  t.true((await verifyFiles()).ok)
})

test('the first record that differs is named', async (t) => {
  const { input, disk } = await writeLog(toLeaves(many(600)))
  disk.rows[417]!.leaf = toLeaves(many(600))[418]!
  const leaves = disk.rows.map((row) => ({ index: row.index!, leaf: row.leaf }))
  const report = await verifyLog({ ...input, leaves })
  t.like(report.firstDifference, { kind: 'record-differs-from-tile', index: 417 })
  t.true(kinds(report).includes('root-differs'))
})

test('attack: a record left out, two exchanged, one repeated is found', async (t) => {
  const { input } = await writeLog(toLeaves(many(50)))
  const all = [...(input.leaves as { index: number; leaf: Uint8Array }[])]
  const without = all.filter((_, at) => at !== 20)
  const exchanged = all.map((item, at) => (at === 20 ? all[21]! : at === 21 ? all[20]! : item))
  const repeated = [...all.slice(0, 20), all[19]!, ...all.slice(20)]
  for (const leaves of [without, exchanged, repeated]) {
    const report = await verifyLog({ ...input, leaves })
    t.is(report.firstDifference?.index, 20)
    t.true(kinds(report).includes('record-gap'))
    const bare = await verifyLog({ ...input, leaves: leaves.map((item) => item.leaf) })
    t.false(bare.ok)
  }
})

test('attack: a checkpoint of another key or origin, and a wrong verifier key, are found', async (t) => {
  const { input } = await writeLog(toLeaves(many(5)))
  const other = await writeLog(toLeaves(many(5)))
  t.deepEqual(kinds(await verifyLog({ ...input, checkpoint: other.input.checkpoint })), [
    'checkpoint-not-signed',
  ])
  t.deepEqual(kinds(await verifyLog({ ...input, verifierKey: 'nonsense' })), ['checkpoint-not-signed'])
  t.deepEqual(kinds(await verifyLog({ ...input, checkpoint: new Uint8Array(10) })), ['checkpoint-malformed'])
})

test('check 49: fuzzed checkpoints, keys and entries are findings and never exceptions', async (t: ExecutionContext) => {
  const { input } = await writeLog(toLeaves(many(20)))
  const leaves = [...(input.leaves as { index: number; leaf: Uint8Array }[])].map((item) => item.leaf)
  const bytes = fc.uint8Array({ maxLength: 200 })
  await fc.assert(
    fc.asyncProperty(bytes, bytes, fc.nat(), fc.nat({ max: 255 }), async (note, entry, at, value) => {
      const edited = leaves.map((leaf) => Uint8Array.from(leaf))
      const target = edited[at % edited.length]!
      target[(at * 7) % target.length]! ^= value
      const checkpoint = Uint8Array.from(input.checkpoint)
      checkpoint[at % checkpoint.length]! ^= value
      const reports = [
        await verifyLog({ ...input, checkpoint: note }),
        await verifyLog({ ...input, leaves: [...leaves.slice(0, -1), entry] }),
        await verifyLog({ ...input, leaves: edited }),
        await verifyLog({ ...input, checkpoint }),
        await verifyLog({ ...input, verifierKey: new TextDecoder().decode(note) }),
      ]
      t.deepEqual(
        reports.map((report) => report.ok),
        [false, false, value === 0, value === 0, false],
      )
    }),
    { numRuns: 60 },
  )
})
