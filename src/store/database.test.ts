import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { makeTempFolder, openTempStore } from '../test/temp-store.ts'
import { openDatabase, withTransaction } from './database.ts'
import { MIGRATIONS_TABLE } from './migrations/index.ts'

test('SQLite commits durably: WAL, synchronous FULL, foreign keys; readers cannot write', async (t) => {
  const { store, file } = await openTempStore(t)
  const { writer, reader } = store.db
  t.deepEqual(await writer.raw('PRAGMA journal_mode'), [{ journal_mode: 'wal' }])
  t.deepEqual(await writer.raw('PRAGMA synchronous'), [{ synchronous: 2 }])
  t.deepEqual(await writer.raw('PRAGMA foreign_keys'), [{ foreign_keys: 1 }])
  t.deepEqual(await writer.raw('PRAGMA journal_size_limit'), [{ journal_size_limit: 67_108_864 }])
  await t.throwsAsync(reader('settings').insert({ key: 'a', value: '1', changed_at: 0 }), {
    message: /readonly/,
  })
  t.is((await stat(file)).mode & 0o777, 0o600)
  t.is((await stat(`${file}-wal`)).mode & 0o777, 0o600)
})

test('a database of a newer version is refused and left as it is', async (t) => {
  const file = join(await makeTempFolder(t), 'a.db')
  const first = await openDatabase({ client: 'sqlite3', file })
  await first.writer(MIGRATIONS_TABLE).insert({ name: '9999-from-the-future', batch: 9 })
  await first.close()
  await t.throwsAsync(openDatabase({ client: 'sqlite3', file }), { code: 'STORE_SCHEMA_NEWER' })
})

test('a file that is no database is refused', async (t) => {
  const file = join(await makeTempFolder(t), 'a.db')
  await writeFile(
    file,
    'this is a text, and long enough to be read as the header of a database file. '.repeat(20),
  )
  await t.throwsAsync(openDatabase({ client: 'sqlite3', file }), { code: 'STORE_UNAVAILABLE' })
  await t.throwsAsync(openDatabase({ client: 'sqlite3', file: join(file, 'below-a-file.db') }), {
    code: 'STORE_UNAVAILABLE',
  })
})

test('a process that died while it migrated does not keep the next one out', async (t) => {
  const file = join(await makeTempFolder(t), 'a.db')
  const first = await openDatabase({ client: 'sqlite3', file })
  await first.writer(`${MIGRATIONS_TABLE}_lock`).update({ is_locked: 1 })
  await first.writer(MIGRATIONS_TABLE).where({ name: '0005-operation' }).delete()
  for (const table of ['idempotency_keys', 'statistics_days', 'leases', 'settings']) {
    await first.writer.schema.dropTable(table)
  }
  await first.close()
  const second = await openDatabase({ client: 'sqlite3', file }, 200)
  t.teardown(() => second.close())
  t.true(await second.reader.schema.hasTable('leases'))
})

test('opening again changes nothing', async (t) => {
  const file = join(await makeTempFolder(t), 'a.db')
  const first = await openDatabase({ client: 'sqlite3', file })
  const before = await first.reader.raw('SELECT name, sql FROM sqlite_master ORDER BY name')
  await first.close()
  const second = await openDatabase({ client: 'sqlite3', file })
  t.teardown(() => second.close())
  t.deepEqual(await second.reader.raw('SELECT name, sql FROM sqlite_master ORDER BY name'), before)
})

test('two processes write to one file: each waits for the other', async (t) => {
  const { store, file } = await openTempStore(t)
  const other = await openDatabase({ client: 'sqlite3', file })
  t.teardown(() => other.close())
  const add = (n: number): Promise<void> =>
    withTransaction(other, async (trx) => {
      await trx.table('settings').insert({ key: `other-${n}`, value: '1', changed_at: 0 })
    })
  const own = (n: number): Promise<void> => store.settings.write(`own-${n}`, 1, new Date(0), [])
  await Promise.all(Array.from({ length: 30 }, (_, n) => Promise.all([add(n), own(n)])))
  t.is(Number((await store.db.reader('settings').count({ n: '*' }))[0]?.n), 60)
})
