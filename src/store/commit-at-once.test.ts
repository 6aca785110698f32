import test from 'ava'
import { parseRecord } from '../audit/record.ts'
import { draft, intent, issued, openTempStore } from '../test/temp-store.ts'

const NAME = '名 "quoted" \\ back\u2028 🀄 e\u0301'

test('rows and leaves come out as they went in, whatever their text', async (t) => {
  const { store } = await openTempStore(t)
  const row = intent({ profile: NAME })
  await store.ca.recordIntents([row], [draft({ text: NAME })])
  const certificate = issued(row, {
    subject: NAME,
    commonName: null,
    certDer: Uint8Array.from({ length: 256 }, (_, at) => at),
  })
  await store.ca.recordIssued([certificate], [draft({ serialHex: row.serialHex })])
  const stored = await store.ca.findIssued(row.issuerId, row.serialHex)
  t.deepEqual(stored, certificate)
  const [first] = await store.log.readUnsequenced(1)
  t.is(first && parseRecord(first.leaf).data.text, NAME)
})

for (const [what, text, stored] of [
  ['a NUL', 'a\u0000b', 'a\u0000b'],
  ['half a surrogate pair', 'a\ud83db', 'a\ufffdb'],
] as const)
  test(`a text with ${what} is stored whole`, async (t) => {
    const { store } = await openTempStore(t)
    const row = intent({ profile: text })
    await store.ca.recordIntents([row], [draft()])
    await store.ca.recordIssued([issued(row)], [])
    t.is((await store.ca.findIssued(row.issuerId, row.serialHex))?.profile, stored)
  })

test('a record of a clock that was overtaken by another writer gets the time of the last one', async (t) => {
  const { store } = await openTempStore(t)
  await store.ca.record([draft()])
  const [first] = await store.log.readUnsequenced(1)
  const later = Date.now() + 3_600_000
  await store.db.writer.raw(
    `INSERT INTO audit_records (id, at, type, actor, tenant, leaf) VALUES ('rec_of_another', ?, 'a', 'a', NULL, x'00')`,
    [later],
  )
  await store.ca.record([draft()])
  await store.ca.record([draft()])
  const rows = await store.db.reader('audit_records').select('at').orderBy('seq')
  t.deepEqual(
    rows.slice(1).map(({ at }) => Number(at)),
    [later, later, later],
  )
  t.truthy(first)
})

test('rows of a failed batch leave nothing behind, and the next batch is stored', async (t) => {
  const { store } = await openTempStore(t)
  const row = intent()
  await store.ca.recordIntents([row], [draft()])
  await t.throwsAsync(store.ca.recordIntents([intent(), row], [draft(), draft()]), {
    code: 'SERIAL_COLLISION',
  })
  await t.throwsAsync(store.ca.recordIssued([issued(intent())], [draft()]), { code: 'CERT_NOT_FOUND' })
  await store.ca.recordIssued([issued(row)], [draft()])
  const counts = await Promise.all(
    ['serials', 'certificates', 'audit_records'].map(async (table) => {
      const [one] = await store.db.reader(table).count({ n: '*' })
      return Number(one?.n)
    }),
  )
  t.deepEqual(counts, [1, 1, 2])
})
