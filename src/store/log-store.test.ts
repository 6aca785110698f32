import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openCheckpoint } from '../audit/checkpoint.ts'
import { readReceipt, readTileResource, rebuildTiles } from '../audit/log-reader.ts'
import { hashLeaf } from '../audit/merkle.ts'
import { buildNoteKey, type NoteSigner, parseEd25519Spki } from '../audit/note.ts'
import { verifyReceipt } from '../audit/receipt.ts'
import { createLog, openSequencer, type SequencerPorts } from '../audit/sequencer.ts'
import { listTiles } from '../audit/tile.ts'
import { draft, makeTempFolder, NOW, openTempStore } from '../test/temp-store.ts'
import { isForSqliteOnly } from '../test/test-database.ts'
import { type Fault, withFault } from '../test/memory-log-store.ts'
import { checkRestore } from './backup.ts'
import { createCheckpointFile } from './checkpoint-file.ts'
import type { Store } from './store.ts'

const makeSigner = (): NoteSigner => {
  const pair = generateKeyPairSync('ed25519')
  const spki = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }))
  return {
    key: buildNoteKey('log.example/test-only', parseEd25519Spki(spki)),
    sign: (message) => new Uint8Array(sign(null, message, pair.privateKey)),
  }
}

const setUp = async (t: ExecutionContext) => {
  const { store, folder, file } = await openTempStore(t)
  let time = NOW.getTime()
  const ports: SequencerPorts = {
    store: store.log,
    published: store.published,
    signer: makeSigner(),
    now: () => new Date(time++),
    batchSize: 300,
  }
  await createLog(ports)
  return { store, folder, file, ports }
}

const addRecords = (store: Store, count: number): Promise<readonly string[]> =>
  store.records.add(Array.from({ length: count }, (_, n) => draft({ n })))

test('records get places in the order they were stored, in one run, and prove it', async (t) => {
  const { store, ports } = await setUp(t)
  const sequencer = await openSequencer(ports)
  const ids = [...(await addRecords(store, 700)), ...(await addRecords(store, 5))]
  t.is((await store.log.findIndexes(ids)).size, 0)
  while ((await sequencer.tick()).sequenced > 0);
  const indexes = await store.log.findIndexes(ids)
  t.deepEqual(
    ids.map((id) => indexes.get(id)),
    ids.map((_, index) => index),
  )
  t.is((await store.db.reader('log_runs')).length, 1)
  t.deepEqual(await store.log.readUnsequenced(10), [])
  const leaves = await store.log.readLeaves(250, 520)
  t.deepEqual(
    leaves.map((leaf) => [leaf.index, leaf.id]),
    ids.slice(250, 520).map((id, at) => [250 + at, id]),
  )
  const head = sequencer.head()
  t.is(head.size, 705)
  const receipt = await readReceipt(store.log, head, 333)
  t.notThrows(() => verifyReceipt(new TextEncoder().encode(receipt), leaves[83]!.leaf, ports.signer.key))
  t.is(openCheckpoint((await store.published.read())!, ports.signer.key)?.size, 705)
  await sequencer.close()
  // A second start finds the log whole.
  t.is((await openSequencer(ports)).head().size, 705)
})

test('rows with gaps become several runs with consecutive places', async (t) => {
  const { store, ports } = await setUp(t)
  await addRecords(store, 10)
  // PostgreSQL leaves such gaps when a transaction is rolled back.
  await store.db.writer('audit_records').whereIn('seq', [1, 4, 5, 10]).delete()
  const sequencer = await openSequencer(ports)
  await sequencer.tick()
  await addRecords(store, 3)
  await sequencer.tick()
  const leaves = await store.log.readLeaves(0, 100)
  t.deepEqual(
    leaves.map((leaf) => leaf.index),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  )
  t.deepEqual(
    (await store.db.reader('log_runs').orderBy('first_index')).map((run) => [
      Number(run.first_index),
      Number(run.first_row),
      Number(run.count),
    ]),
    [
      [0, 2, 2],
      [2, 6, 4],
      [6, 11, 3],
    ],
  )
  t.deepEqual(
    (await store.log.readLeaves(3, 7)).map((leaf) => leaf.index),
    [3, 4, 5, 6],
  )
  const indexes = await store.log.findIndexes(leaves.map((leaf) => leaf.id))
  for (const leaf of leaves) t.is(indexes.get(leaf.id), leaf.index)
})

test('a place is given only from the expected head, to the next rows, all of them', async (t) => {
  const { store } = await setUp(t)
  await addRecords(store, 5)
  const { head } = (await store.log.readState())!
  const rows = (await store.log.readUnsequenced(3)).map((row) => row.row)
  const pending = { size: 3, root: hashLeaf(new Uint8Array()), at: NOW.toISOString() }
  const bad: [{ size: number; root: Uint8Array }, typeof pending, number[]][] = [
    [{ ...head, size: 1 }, pending, rows],
    [{ ...head, root: pending.root }, pending, rows],
    [head, pending, rows.slice(1)],
    [head, { ...pending, size: 2 }, rows.slice(1)],
    [head, pending, [rows[0]!, rows[2]!, rows[1]!]],
    [head, pending, [rows[0]!, rows[0]!, rows[1]!]],
    [head, pending, [998, 999, 1000]],
  ]
  for (const [expected, next, given] of bad) t.false(await store.log.commitPending(expected, next, given))
  t.is((await store.log.readState())!.pending, null)
  t.is((await store.log.readUnsequenced(10)).length, 5)
  t.true(await store.log.commitPending(head, pending, rows))
  t.false(await store.log.commitPending(head, pending, rows))
  t.false(await store.log.completePending({ ...pending, size: 4, checkpoint: 'x' }, []))
  t.true(await store.log.completePending({ ...pending, checkpoint: 'x' }, []))
  t.false(await store.log.completePending({ ...pending, checkpoint: 'x' }, []))
})

test('a log is made once', async (t) => {
  const { store, ports } = await setUp(t)
  await t.throwsAsync(createLog(ports), { code: 'LOG_CONFLICT' })
  const state = (await store.log.readState())!
  t.false(await store.log.createState(state))
})

const faults: Fault[] = ['commitPending', 'completePending', 'readUnsequenced'].flatMap((method) =>
  [false, true].map((persisted) => ({ method, nth: 1, persisted })),
)

for (const fault of faults) {
  test(`check 16: ${fault.method} fails${fault.persisted ? ' after it was stored' : ''}: the log recovers`, async (t) => {
    const { store, ports } = await setUp(t)
    const sequencer = await openSequencer({ ...ports, store: withFault(ports.store, fault, () => undefined) })
    await addRecords(store, 20)
    await sequencer.tick().catch(() => undefined)
    await addRecords(store, 20)
    await sequencer.tick().catch(() => undefined)
    await sequencer.tick().catch(() => undefined)
    const second = await openSequencer(ports)
    while ((await second.tick()).sequenced > 0);
    t.is(second.head().size, 40)
    t.deepEqual(
      (await store.log.readLeaves(0, 40)).map((leaf) => leaf.index),
      Array.from({ length: 40 }, (_, index) => index),
    )
  })
}

test('check 20: two sequencers on one log: the second to write dies', async (t) => {
  const { store, ports } = await setUp(t)
  const first = await openSequencer(ports)
  const second = await openSequencer(ports)
  await addRecords(store, 5)
  await first.tick()
  await addRecords(store, 5)
  await t.throwsAsync(second.tick(), { code: 'LOG_CONFLICT' })
  await first.tick()
  t.is((await store.log.readLeaves(0, 100)).length, 10)
})

test('tiles are served as stored, and rebuilt from the records when they are damaged', async (t) => {
  const { store, ports } = await setUp(t)
  const sequencer = await openSequencer(ports)
  await addRecords(store, 600)
  while ((await sequencer.tick()).sequenced > 0);
  const read = async (): Promise<string[]> => {
    const tiles = listTiles(600).map((name) => readTileResource(store.log, name, 600))
    return (await Promise.all(tiles)).map((bytes) => Buffer.from(bytes ?? []).toString('hex'))
  }
  const before = await read()
  await store.db.writer('log_tiles').update({ hashes: randomBytes(8192) })
  t.notDeepEqual(await read(), before)
  await rebuildTiles(store.log, () => undefined)
  t.deepEqual(await read(), before)
})

test('check 48: a database older than the published checkpoint is refused', async (t) => {
  if (isForSqliteOnly(t, 'a backup is a file')) return
  const { store, folder, file, ports } = await setUp(t)
  const sequencer = await openSequencer(ports)
  await addRecords(store, 10)
  await sequencer.tick()
  const backup = join(folder, 'backup.db')
  const facts = await store.backup(backup)
  t.is(facts.treeSize, 10)
  t.is(facts.records, 10)
  const copy = join(folder, 'checkpoint')
  t.is((await checkRestore(backup, await readFile(copy))).treeSize, 10)
  await addRecords(store, 1)
  await sequencer.tick()
  await t.throwsAsync(checkRestore(backup, await readFile(copy)), { code: 'STORE_OLDER_THAN_CHECKPOINT' })
  await t.throwsAsync(store.backup(backup), { code: 'STORE_BACKUP_FAILED' })
  // Same size and another root: another log.
  const lie = new TextDecoder().decode(await readFile(copy)).split('\n')
  lie[1] = '10'
  await t.throwsAsync(checkRestore(backup, new TextEncoder().encode(lie.join('\n'))), { code: 'LOG_FORK' })
  const damaged = await readFile(backup)
  damaged.fill(0xff, 8192, 60_000)
  await writeFile(backup, damaged)
  await t.throwsAsync(checkRestore(backup, await readFile(copy)), { code: 'STORE_BACKUP_FAILED' })
  await t.throwsAsync(checkRestore(join(folder, 'missing.db'), await readFile(copy)), {
    code: 'STORE_BACKUP_FAILED',
  })
  t.truthy(file)
})

test('a backup is whole while many write', async (t) => {
  if (isForSqliteOnly(t, 'a backup is a file')) return
  const { store, folder } = await openTempStore(t)
  let isDone = false
  const writing = (async () => {
    while (!isDone) await addRecords(store, 50)
  })()
  await addRecords(store, 2000)
  const facts = await store.backup(join(folder, 'backup.db'))
  isDone = true
  await writing
  t.is(facts.records % 50, 0)
  t.true(facts.records >= 2000)
})

test('the checkpoint file is replaced by compare-and-set', async (t) => {
  const copy = createCheckpointFile(join(await makeTempFolder(t), 'checkpoint'))
  const [one, two] = [new Uint8Array([1]), new Uint8Array([2])]
  t.is(await copy.read(), null)
  t.false(await copy.replace(one, two))
  t.true(await copy.replace(null, one))
  t.false(await copy.replace(null, two))
  t.false(await copy.replace(two, two))
  t.true(await copy.replace(one, two))
  t.deepEqual(await copy.read(), two)
})
