import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { IntentRow } from '../../../ca/ports.ts'
import { openStore, type Store } from '../../store/store.ts'
import { draft, intent, makeTempFolder } from '../temp-store.ts'
import { type Cluster, useCluster } from './cluster.ts'

const BATCH = 400
const CRASHES = 4

async function openHere(cluster: Cluster, folder: string): Promise<Store> {
  const database = { client: 'pg', connection: cluster.url('loss') } as const
  const [documentsDir, checkpointFile] = [`${folder}/documents`, `${folder}/checkpoint`]
  return openStore({ database, documentsDir, checkpointFile, randomBytes })
}

const isPresent = async (store: Store, rows: readonly IntentRow[]): Promise<number> => {
  const found = await Promise.all(rows.map((row) => store.ca.findStatus(row.issuerId, row.serialHex)))
  return found.filter((status) => status !== undefined).length
}

test('the database dies in the middle of batches and comes back: each was stored whole or not at all, as was said', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  await cluster.createDatabase('loss')
  const store = await openHere(cluster, await makeTempFolder(t))
  t.teardown(() => store.close())
  const outcomes: { rows: IntentRow[]; isStored: boolean }[] = []
  let isDone = false
  const work = async (): Promise<void> => {
    while (!isDone) {
      const rows = Array.from({ length: BATCH }, () => intent())
      const isStored = await store.ca
        .recordIntents(
          rows,
          rows.map(() => draft()),
        )
        .then(
          () => true,
          (error: { code?: string }) => {
            t.is(error.code, 'STORE_UNAVAILABLE')
            return false
          },
        )
      outcomes.push({ rows, isStored })
      if (!isStored) await sleep(20)
    }
  }
  const workers = Array.from({ length: 4 }, work)
  for (let n = 0; n < CRASHES; n++) {
    await sleep(300)
    await cluster.crash()
    await sleep(200)
    await cluster.start()
  }
  const before = outcomes.length
  await sleep(1_000)
  isDone = true
  await Promise.all(workers)
  t.true(outcomes.length > before, 'nothing was stored after the last crash')
  t.true(outcomes.at(-1)?.isStored, 'the last batch was not stored')
  t.true(
    outcomes.some(({ isStored }) => !isStored),
    'no batch met a crash',
  )
  for (const { rows, isStored } of outcomes) t.is(await isPresent(store, rows), isStored ? BATCH : 0)
  const stored = outcomes.filter(({ isStored }) => isStored).length * BATCH
  t.is(await store.records.count(), stored)
  t.log(`${outcomes.length} batches, ${stored / BATCH} of them stored`)
})

test('a COMMIT whose answer is lost is looked up: what was stored is not reported as lost', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  await cluster.createDatabase('loss')
  const store = await openHere(cluster, await makeTempFolder(t))
  t.teardown(() => store.close())
  const pool = store.db.writer.client as {
    acquireConnection(): Promise<{ query(...words: unknown[]): Promise<unknown>; end(): Promise<void> }>
    releaseConnection(connection: object): Promise<void>
  }
  const row = intent()
  await store.ca.recordIntents([intent()], [draft()])
  const connection = await pool.acquireConnection()
  const query = connection.query.bind(connection)
  let lost = 0
  // The server commits; the connection breaks before the client hears of it.
  connection.query = async (...words) => {
    const answer = await query(...words)
    if ((words[0] as { text?: string }).text !== 'COMMIT') return answer
    lost++
    throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
  }
  await pool.releaseConnection(connection)
  await store.ca.recordIntents([row], [draft()])
  t.is(lost, 1)
  t.is((await store.ca.findStatus(row.issuerId, row.serialHex))?.state, 'intent')
  t.is(await store.records.count(), 2)
})
