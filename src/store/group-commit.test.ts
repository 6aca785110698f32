import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import test from 'ava'
import { parseRecord } from '../audit/record.ts'
import { draft, intent, makeTempFolder, openTempStore } from '../test/temp-store.ts'
import type { Database } from './database.ts'
import { openStore } from './store.ts'

/** Counts the transactions from here on: each takes the writing connection once. */
function countTransactions({ writer }: Database): () => number {
  const client = writer.client as { acquireConnection: () => Promise<unknown> }
  const acquire = client.acquireConnection.bind(client)
  let count = 0
  client.acquireConnection = () => {
    count++
    return acquire()
  }
  return () => count
}

test('callers that arrive together share commits', async (t) => {
  const { store } = await openTempStore(t)
  const transactions = countTransactions(store.db)
  await Promise.all(Array.from({ length: 1000 }, (_, n) => store.ca.record([draft({ n })])))
  const count = transactions()
  t.true(count >= 1 && count <= 3, `${count} transactions for 1000 callers`)
  const records = await store.log.readUnsequenced(2000)
  t.deepEqual(
    records.map((row) => parseRecord(row.leaf).data.n),
    Array.from({ length: 1000 }, (_, n) => n),
  )
})

test('one caller among many is refused: the others share one more commit', async (t) => {
  const { store } = await openTempStore(t)
  const taken = intent()
  await store.ca.recordIntents([taken], [])
  const transactions = countTransactions(store.db)
  const rows = [...Array.from({ length: 100 }, () => intent()), taken]
  const results = await Promise.allSettled(rows.map((row) => store.ca.recordIntents([row], [])))
  t.is(results.filter((result) => result.status === 'rejected').length, 1)
  t.is(transactions(), 2, 'one that was rolled back, and one for all the others')
})

test('a full queue refuses at once with STORE_OVERLOADED and stores nothing of what it refused', async (t) => {
  const { store } = await openTempStore(t, { maxQueuedRows: 100, maxBatchRows: 10 })
  const results = await Promise.allSettled(
    Array.from({ length: 200 }, (_, n) => store.ca.record([draft({ n })])),
  )
  const refused = results.filter((result) => result.status === 'rejected')
  t.true(refused.length > 0 && refused.length < 200)
  for (const result of refused) t.is((result.reason as { code: string }).code, 'STORE_OVERLOADED')
  t.is((await store.log.readUnsequenced(1000)).length, 200 - refused.length)
  await store.ca.record([draft()])
  t.is(store.committer.queued(), 0)
})

test('closing stores everything that was accepted and refuses the rest', async (t) => {
  const folder = await makeTempFolder(t)
  const options = {
    database: { client: 'sqlite3' as const, file: join(folder, 'a.db') },
    documentsDir: join(folder, 'documents'),
    checkpointFile: join(folder, 'checkpoint'),
    randomBytes,
  }
  const first = await openStore(options)
  const accepted = Array.from({ length: 500 }, (_, n) => first.ca.record([draft({ n })]))
  const closing = first.close()
  await t.throwsAsync(first.ca.record([draft()]), { code: 'STORE_CLOSED' })
  await Promise.all([...accepted, closing])
  const second = await openStore(options)
  t.teardown(() => second.close())
  t.is((await second.log.readUnsequenced(1000)).length, 500)
})

const WRITER = `
import { randomBytes } from 'node:crypto'
import { draft, intent, issued } from '${new URL('../test/temp-store.ts', import.meta.url).href}'
import { openStore } from '${new URL('./store.ts', import.meta.url).href}'
const folder = process.argv[1]
const store = await openStore({
  database: { client: 'sqlite3', file: folder + '/a.db' },
  documentsDir: folder + '/documents', checkpointFile: folder + '/checkpoint', randomBytes,
})
const work = async () => {
  for (;;) {
    const row = intent()
    await store.ca.recordIntents([row], [draft({ intent: row.serialHex })])
    process.stdout.write('intent ' + row.serialHex + '\\n')
    await store.ca.recordIssued([issued(row)], [draft({ issued: row.serialHex })])
    process.stdout.write('issued ' + row.serialHex + '\\n')
  }
}
await Promise.all(Array.from({ length: 20 }, work))
`

test('check 17: kill -9 while writing, again and again: what was answered is there, rows and records agree', async (t) => {
  const folder = await makeTempFolder(t)
  const answered = new Set<string>()
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    let wanted = 20 + round * 37
    for await (const chunk of child.stdout) {
      text += String(chunk)
      wanted -= String(chunk).split('\n').length - 1
      if (wanted <= 0) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    t.is(child.signalCode, 'SIGKILL')
    for (const line of text.split('\n').slice(0, -1)) answered.add(line)
  }
  const store = await openStore({
    database: { client: 'sqlite3', file: join(folder, 'a.db') },
    documentsDir: join(folder, 'documents'),
    checkpointFile: join(folder, 'checkpoint'),
    randomBytes,
  })
  t.teardown(() => store.close())
  const recorded = new Set<string>()
  for await (const { record } of store.records.stream(
    ['certificate.intent', 'certificate.issued'],
    0,
    await store.records.lastRow(),
  )) {
    for (const [name, serial] of Object.entries(record.data)) recorded.add(`${name} ${String(serial)}`)
  }
  const rows = (await store.db.reader('serials').leftJoin('certificates', 'serial_id', 'id')) as {
    serial_hex: string
    serial_id: number | null
  }[]
  const stored = new Set(
    rows.flatMap((row) => [
      `intent ${row.serial_hex}`,
      ...(row.serial_id === null ? [] : [`issued ${row.serial_hex}`]),
    ]),
  )
  t.deepEqual([...recorded].sort(), [...stored].sort())
  t.deepEqual(
    [...answered].filter((line) => !stored.has(line)),
    [],
  )
  t.true(answered.size > 100)
})
