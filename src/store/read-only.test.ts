import { chmod, cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { draft, intent, issued, makeTempFolder, openTempStore } from '../test/temp-store.ts'
import { openDatabase } from './database.ts'
import { MIGRATIONS_TABLE } from './migrations/index.ts'
import { openStoreToRead } from './store.ts'

const places = (folder: string, file: string) => ({
  database: { client: 'sqlite3' as const, file },
  documentsDir: join(folder, 'documents'),
  checkpointFile: join(folder, 'checkpoint'),
})

test('beside a writer: sees its commits, writes nothing', async (t) => {
  const { store, folder, file } = await openTempStore(t)
  await store.records.add([draft()])
  const reading = await openStoreToRead(places(folder, file))
  t.teardown(() => reading.close())
  t.is(await reading.records.count(), 1)
  await store.records.add([draft(), draft()])
  t.is(await reading.records.count(), 3)
  await t.throwsAsync(reading.records.add([draft()]), { code: 'STORE_UNAVAILABLE' })
  await t.throwsAsync(reading.db.reader('settings').insert({ key: 'a', value: '1', changed_at: 0 }), {
    message: /readonly/,
  })
  t.is(await store.records.count(), 3)
})

test('a folder that nobody can write to is read, and nothing is made in it', async (t) => {
  const { store, file } = await openTempStore(t)
  await store.records.add([draft()])
  const folder = await makeTempFolder(t)
  const copy = join(folder, 'a # b?c%20.db')
  await store.backup(copy)
  await chmod(folder, 0o500)
  t.teardown(() => chmod(folder, 0o700))
  const reading = await openStoreToRead(places(folder, copy))
  t.is(await reading.records.count(), 1)
  await reading.close()
  t.deepEqual(await readdir(folder), ['a # b?c%20.db'])
  t.true((await readdir(join(file, '..'))).length > 0)
})

test('a store that was closed is one file, whatever was written and read', async (t) => {
  const { store, folder, file } = await openTempStore(t)
  const row = intent()
  await store.ca.recordIntents([row], [draft()])
  await store.ca.recordIssued([issued(row)], [])
  t.true((await readdir(folder)).includes('yinxin.db-wal'))
  await store.close()
  t.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('yinxin.db')),
    ['yinxin.db'],
  )
  const reading = await openStoreToRead(places(folder, file))
  t.is((await reading.ca.findIssued(row.issuerId, row.serialHex))?.certSha256.length, 64)
  await reading.close()
})

test('no database, and one of an older or newer version, are refused and left as they are', async (t) => {
  const folder = await makeTempFolder(t)
  const file = join(folder, 'none.db')
  await t.throwsAsync(openStoreToRead(places(folder, file)), { code: 'STORE_UNAVAILABLE' })
  t.deepEqual(await readdir(folder), [])
  const database = await openDatabase({ client: 'sqlite3', file })
  const rows = await database.writer(MIGRATIONS_TABLE).select('name').orderBy('id')
  await database.writer(MIGRATIONS_TABLE).insert({ name: '9999-from-the-future', batch: 9 })
  await database.close()
  await t.throwsAsync(openStoreToRead(places(folder, file)), { code: 'STORE_SCHEMA_NEWER' })
  const older = join(folder, 'older.db')
  await cp(file, older)
  const again = await openDatabase({ client: 'sqlite3', file: join(folder, 'third.db') })
  await again
    .writer(MIGRATIONS_TABLE)
    .where({ name: rows.at(-1)?.name })
    .delete()
  await again.close()
  await t.throwsAsync(openStoreToRead(places(folder, join(folder, 'third.db'))), {
    code: 'STORE_UNAVAILABLE',
    message: /older version/,
  })
  await rm(older)
})
