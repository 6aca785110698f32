import test, { type ExecutionContext } from 'ava'
import { wholeCrl } from '../../ca/formats.ts'
import type { StatusChange } from '../../ca/ports.ts'
import { parseRecord } from '../audit/record.ts'
import { draft, intent, issued, NOW, openTempStore } from '../test/temp-store.ts'
import type { Store } from './store.ts'

const execute = (store: Store, sql: string): Promise<unknown> => store.db.writer.raw(sql)

const countAll = async (store: Store): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const table of [
    'serials',
    'certificates',
    'revocations',
    'status_changes',
    'blocked_keys',
    'crls',
    'audit_records',
  ]) {
    const [row] = await store.db.reader(table).count({ n: '*' })
    counts[table] = Number(row?.n)
  }
  return counts
}

const failOn = (
  store: Store,
  event: 'INSERT' | 'UPDATE' | 'DELETE',
  table: string,
  when = '1',
): Promise<unknown> =>
  execute(
    store,
    `CREATE TRIGGER planted BEFORE ${event} ON ${table} WHEN ${when} BEGIN SELECT RAISE(ABORT, 'planted fault'); END`,
  )

const codeOf = (result: PromiseSettledResult<unknown>): string =>
  result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code

test('check 19: a trigger fails one insert; that caller alone fails, and its certificate stays revocable', async (t) => {
  const { store } = await openTempStore(t)
  const rows = Array.from({ length: 20 }, () => intent())
  const bad = rows[7]!
  await store.ca.recordIntents(rows, [])
  await failOn(store, 'INSERT', 'certificates', `NEW.cert_sha256 = '${'0'.repeat(64)}'`)
  const results = await Promise.allSettled(
    rows.map((row) =>
      store.ca.recordIssued(
        [issued(row, row === bad ? { certSha256: '0'.repeat(64) } : {})],
        [draft({ serialHex: row.serialHex })],
      ),
    ),
  )
  t.deepEqual(
    results.map(codeOf),
    rows.map((row) => (row === bad ? 'STORE_UNAVAILABLE' : 'done')),
  )
  t.is((await store.log.readUnsequenced(100)).length, 19)
  t.is((await store.ca.findStatus(bad.issuerId, bad.serialHex))?.state, 'intent')
  const [byKey] = (await store.ca.certificatesWithKeys([bad.spkiSha256])).get(bad.spkiSha256) ?? []
  t.is(byKey?.serialHex, bad.serialHex)
  const status = await store.ca.changeStatus(
    {
      issuerId: bad.issuerId,
      serialHex: bad.serialHex,
      from: 'intent',
      to: 'revoked',
      revokedAt: NOW,
      reason: 'unspecified',
      legalGround: 'other-by-law',
      invalidityDate: null,
    },
    [draft()],
  )
  t.is(status.state, 'revoked')
  const entries: string[] = []
  const scope = { issuerId: bad.issuerId, shard: bad.shard }
  for await (const entry of store.ca.crlEntries(scope, NOW)) entries.push(entry.serialHex)
  t.deepEqual(entries, [bad.serialHex])
})

test('an error of the database repeats no value of the statement', async (t) => {
  const { store } = await openTempStore(t)
  const row = intent()
  await store.ca.recordIntents([row], [])
  await failOn(store, 'INSERT', 'certificates')
  const error = await t.throwsAsync(store.ca.recordIssued([issued(row, { subject: 'CN=SECRET NAME' })], []), {
    code: 'STORE_UNAVAILABLE',
  })
  const words = `${error.message} ${String((error.cause as Error).message)} ${String((error.cause as Error).stack)}`
  t.false(words.includes('SECRET NAME'))
  t.regex(words, /planted fault/)
})

const faults = [
  ['INSERT', 'serials'],
  ['INSERT', 'certificates'],
  ['INSERT', 'audit_records'],
  ['INSERT', 'revocations'],
  ['DELETE', 'revocations'],
  ['INSERT', 'status_changes'],
  ['INSERT', 'blocked_keys'],
  ['INSERT', 'crls'],
] as const

const attempts = async (
  store: Store,
  t: ExecutionContext,
): Promise<Record<string, () => Promise<unknown>>> => {
  const ready = intent()
  const live = intent()
  const held = intent()
  await store.ca.recordIntents([ready, live, held], [draft()])
  await store.ca.recordIssued([issued(live), issued(held)], [draft()])
  const change = (row: typeof live, changes: Partial<StatusChange>): StatusChange => ({
    issuerId: row.issuerId,
    serialHex: row.serialHex,
    from: 'valid',
    to: 'revoked',
    revokedAt: NOW,
    reason: 'keyCompromise',
    legalGround: 'holder-request',
    invalidityDate: null,
    blockSpkiSha256: row.spkiSha256,
    ...changes,
  })
  await store.ca.changeStatus(change(held, { to: 'held', reason: 'certificateHold' }), [draft()])
  t.is((await countAll(store)).revocations, 1)
  return {
    intent: () => store.ca.recordIntents([intent()], [draft()]),
    issued: () => store.ca.recordIssued([issued(ready)], [draft()]),
    revoked: () => store.ca.changeStatus(change(live, {}), [draft()]),
    released: () =>
      store.ca.changeStatus(
        change(held, { from: 'held', to: 'valid', revokedAt: null, reason: null, legalGround: null }),
        [draft()],
      ),
    crl: () =>
      store.ca.publishCrl(
        {
          issuerId: 'issuing',
          shard: null,
          number: '1',
          thisUpdate: NOW,
          nextUpdate: NOW,
          entryCount: 0,
          content: wholeCrl(new Uint8Array([1])),
        },
        null,
        [draft()],
      ),
  }
}

for (const [event, table] of faults) {
  test(`check 16: ${event} of ${table} fails: all of the change and its record, or nothing`, async (t) => {
    const { store } = await openTempStore(t)
    const actions = await attempts(store, t)
    await failOn(store, event, table)
    let failed = 0
    for (const [name, action] of Object.entries(actions)) {
      const before = await countAll(store)
      const [result] = await Promise.allSettled([action()])
      const after = await countAll(store)
      if (result!.status === 'rejected') {
        failed++
        t.is(codeOf(result!), 'STORE_UNAVAILABLE', name)
        t.deepEqual(after, before, `${name} left something behind`)
      } else {
        t.is(after.audit_records, before.audit_records! + 1, `${name} has no record`)
      }
    }
    t.true(failed > 0)
    // The fault is gone: everything that failed can be done now.
    await execute(store, 'DROP TRIGGER planted')
    t.is(codeOf((await Promise.allSettled([store.ca.record([draft()])]))[0]!), 'done')
  })
}

test('check 18: the disk is full: nothing of the batch is stored, and writing goes on when there is room', async (t) => {
  const { store } = await openTempStore(t)
  await store.ca.record([draft({ n: -1 })])
  const [size] = (await execute(store, 'PRAGMA page_count')) as { page_count: number }[]
  await execute(store, `PRAGMA max_page_count = ${size!.page_count + 20}`)
  const rows = Array.from({ length: 400 }, () => intent())
  const write = (row: (typeof rows)[number]): Promise<void> =>
    store.ca.recordIntents([row], [draft({ serialHex: row.serialHex })])
  const results = await Promise.allSettled(rows.map(write))
  const failed = results.filter((result) => result.status === 'rejected')
  t.true(failed.length > 0)
  for (const result of failed) t.is(codeOf(result), 'STORE_UNAVAILABLE')
  const full = await countAll(store)
  t.is(full.serials, rows.length - failed.length)
  t.is(full.audit_records, 1 + rows.length - failed.length)
  await execute(store, 'PRAGMA max_page_count = 1000000')
  const missing = rows.filter((_, index) => results[index]!.status === 'rejected')
  t.deepEqual(
    (await Promise.allSettled(missing.map(write))).filter((result) => codeOf(result) !== 'done'),
    [],
  )
  const after = await countAll(store)
  t.is(after.serials, 400)
  t.is(after.audit_records, 401)
})

test('COMMIT itself fails: the callers fail, and the next write starts clean', async (t) => {
  const { store } = await openTempStore(t)
  // A deferred foreign key is checked at COMMIT only.
  await execute(store, 'CREATE TABLE parents (id integer primary key)')
  await execute(
    store,
    'CREATE TABLE children (id integer references parents(id) DEFERRABLE INITIALLY DEFERRED)',
  )
  const orphan = store.committer.write<void>({
    run: async (trx) => {
      await trx.table('children').insert({ id: 5 })
    },
    records: [draft({ bad: true })],
  })
  const [first] = await Promise.allSettled([orphan])
  t.is(codeOf(first!), 'STORE_UNAVAILABLE')
  await store.ca.record([draft({ n: 1 })])
  const records = await store.log.readUnsequenced(10)
  t.deepEqual(
    records.map((row) => parseRecord(row.leaf).data),
    [{ n: 1 }],
  )
  t.is(Number((await store.db.reader('children').count({ n: '*' }))[0]?.n), 0)
})

test('a mistake in the work of one caller fails that caller alone', async (t) => {
  const { store } = await openTempStore(t)
  const results = await Promise.allSettled([
    store.ca.record([draft({ n: 1 })]),
    store.committer.write<void>({
      run: () => Promise.reject(new TypeError('slip')),
      records: [draft({ n: 2 })],
    }),
    store.committer.write<void>({
      run: async (trx) => {
        await trx.rows('SELECT * FROM no_such_table')
      },
      records: [draft({ n: 3 })],
    }),
    store.ca.record([draft({ n: 4 })]),
  ])
  t.deepEqual(results.map(codeOf), ['done', 'STORE_UNAVAILABLE', 'STORE_UNAVAILABLE', 'done'])
  const records = await store.log.readUnsequenced(10)
  t.deepEqual(
    records.map((row) => parseRecord(row.leaf).data.n),
    [1, 4],
  )
})
