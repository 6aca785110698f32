import test from 'ava'
import { encodeVerifierKey } from '../audit/note.ts'
import { createLog, openSequencer } from '../audit/sequencer.ts'
import { verifyLog } from '../audit/verify-log.ts'
import { makeSigner } from '../test/audit-log.ts'
import { draft, NOW, openTempStore } from '../test/temp-store.ts'
import { readPublishedLog } from './published-log.ts'

const signer = makeSigner()
const verifierKey = encodeVerifierKey(signer.key)
const started = () => draft({ version: 'TEST ONLY' })
const records = (count: number) =>
  Array.from({ length: count }, () => ({ ...started(), type: 'service.started' }))

test('what the sequencer publishes while an auditor reads is no finding', async (t) => {
  const { store } = await openTempStore(t)
  const ports = { store: store.log, published: store.published, signer, now: () => NOW }
  await createLog(ports)
  const sequencer = await openSequencer(ports)
  const add = async (count: number): Promise<void> => {
    await store.records.add(records(count))
    await sequencer.tick()
  }
  await add(300)
  // Between every two steps of the reader the log grows, across the edge of a tile.
  const log = await readPublishedLog({
    log: {
      readLeaves: async (start, end) => {
        await add(150)
        return store.log.readLeaves(start, end)
      },
      readTile: async (level, index) => {
        await add(3)
        return store.log.readTile(level, index)
      },
    },
    published: {
      read: async () => {
        const checkpoint = await store.published.read()
        await add(200)
        return checkpoint
      },
    },
    records: store.records,
  })
  const report = await verifyLog({ ...log, verifierKey })
  t.deepEqual(report.findings, [])
  t.true(report.ok)
  t.is(report.size, 300)
  t.is(log.unsequenced, 200)
})

test('records without a place are counted, and a database that was set back is found', async (t) => {
  const { store } = await openTempStore(t)
  const ports = { store: store.log, published: store.published, signer, now: () => NOW }
  await t.throwsAsync(readPublishedLog(store), { code: 'LOG_CHECKPOINT_MISSING' })
  await createLog(ports)
  const sequencer = await openSequencer(ports)
  await store.records.add(records(7))
  t.like(await readPublishedLog(store), { size: 0, unsequenced: 7 })
  await sequencer.tick()
  const log = await readPublishedLog(store)
  t.like(log, { size: 7, unsequenced: 0 })
  t.true((await verifyLog({ ...log, verifierKey })).ok)
  const older = await openTempStore(t)
  await createLog({ ...ports, store: older.store.log, published: older.store.published })
  const mixed = await readPublishedLog({ ...older.store, published: store.published })
  const report = await verifyLog({ ...mixed, verifierKey })
  t.false(report.ok)
  t.is(report.firstDifference?.kind, 'records-missing')
})

test('a checkpoint that cannot be read is a finding', async (t) => {
  const { store } = await openTempStore(t)
  await store.published.replace(null, new TextEncoder().encode('nothing'))
  const report = await verifyLog({ ...(await readPublishedLog(store)), verifierKey })
  t.false(report.ok)
  t.is(report.firstDifference?.kind, 'checkpoint-malformed')
})
