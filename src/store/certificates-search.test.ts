import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { draft, intent, issued, NOW, openTempStore } from '../test/temp-store.ts'
import { isForSqliteOnly } from '../test/test-database.ts'
import { buildSearch, type CertificateQuery } from './certificates-search.ts'
import { explainPlan, type SqlValue } from './dialect.ts'
import { STATUS_SELECT } from './statuses.ts'
import type { Store } from './store.ts'

const later = (ms: number): Date => new Date(NOW.getTime() + ms)
const HOUR = 3_600_000

const fill = async (store: Store) => {
  const make = (n: number, tenant: string, changes: Partial<Parameters<typeof intent>[0]> = {}) =>
    intent({ tenant, at: later(n), serialHex: `41${n.toString(16).padStart(4, '0')}`, ...changes })
  const rows = [
    ...Array.from({ length: 6 }, (_, n) => make(n, 'acme')),
    ...Array.from({ length: 6 }, (_, n) => make(10 + n, 'beta')),
    make(20, 'acme', { profile: 'individual' }),
  ]
  const onlyIntent = make(30, 'acme')
  await store.ca.recordIntents([...rows, onlyIntent], [])
  const names = ['张三', '张三丰', '李四', 'Zhang', '张%', 'ZHANG']
  await store.ca.recordIssued(
    rows.map((row, n) =>
      issued(row, {
        commonName: names[n % 6]!,
        notAfter: later(n === 5 ? -1 : HOUR),
        identityEvidenceId: 'e1',
      }),
    ),
    rows.map((row) => ({
      ...draft({ serialHex: row.serialHex, issuerId: row.issuerId }),
      type: 'certificate.issued',
    })),
  )
  for (const [index, to] of [
    [0, 'revoked'],
    [1, 'held'],
    [6, 'revoked'],
  ] as const) {
    const { issuerId, serialHex } = rows[index]!
    const reason = to === 'held' ? 'certificateHold' : 'superseded'
    const change = { issuerId, serialHex, from: 'valid', to, revokedAt: NOW, reason } as const
    await store.ca.changeStatus({ ...change, legalGround: 'holder-request', invalidityDate: null }, [draft()])
  }
  return rows
}

const search = async (store: Store, query: CertificateQuery): Promise<string[]> =>
  (await store.certificates.search(query, NOW)).items.map((item) => item.serialHex)

const serials = (...numbers: number[]): string[] => numbers.map((n) => `41${n.toString(16).padStart(4, '0')}`)

test('search by name, serial, state, profile, time, key; newest first; always within the tenant', async (t) => {
  const { store } = await openTempStore(t)
  const rows = await fill(store)
  const acme = { tenant: 'acme' }
  t.deepEqual(await search(store, acme), serials(20, 5, 4, 3, 2, 1, 0))
  t.deepEqual(await search(store, { tenant: 'beta' }), serials(15, 14, 13, 12, 11, 10))
  t.is((await search(store, { tenant: 'all' })).length, 13)
  t.deepEqual(await search(store, { tenant: null }), [])
  t.deepEqual(await search(store, { ...acme, commonName: '张三' }), serials(20, 0))
  t.deepEqual(await search(store, { ...acme, commonName: '张三*' }), serials(20, 1, 0))
  t.deepEqual(await search(store, { ...acme, commonName: '张%' }), serials(4))
  t.deepEqual(await search(store, { ...acme, commonName: 'Z*' }), serials(5, 3))
  t.deepEqual(await search(store, { ...acme, serialHex: serials(3)[0] }), serials(3))
  t.deepEqual(await search(store, { ...acme, serialHex: serials(12)[0] }), [])
  t.deepEqual(await search(store, { ...acme, profile: 'individual' }), serials(20))
  t.deepEqual(await search(store, { ...acme, spkiSha256: rows[2]!.spkiSha256 }), serials(2))
  t.deepEqual(await search(store, { ...acme, from: later(2), to: later(4) }), serials(3, 2))
  t.deepEqual(await search(store, { ...acme, state: 'revoked' }), serials(0))
  t.deepEqual(await search(store, { ...acme, state: 'held' }), serials(1))
  t.deepEqual(await search(store, { ...acme, state: 'expired' }), serials(5))
  t.deepEqual(await search(store, { ...acme, state: 'valid' }), serials(20, 4, 3, 2))
  t.deepEqual(await search(store, { ...acme, state: 'intent' }), serials(30))
  t.deepEqual(await search(store, { ...acme, identityEvidenceId: 'e2' }), [])
})

test('a certificate of another tenant is not found by its serial', async (t) => {
  const { store } = await openTempStore(t)
  const rows = await fill(store)
  t.is(await store.certificates.find(rows[6]!, 'acme'), undefined)
  t.is(await store.certificates.find(rows[6]!, null), undefined)
  const found = (await store.certificates.find(rows[6]!, 'beta'))!
  t.like(found, { state: 'revoked', tenant: 'beta', reason: 'superseded' })
  t.is((await store.records.find(found.recordId!))?.record.data.serialHex, rows[6]!.serialHex)
})

test('pages and the stream give every row once, however they are cut', async (t) => {
  const { store } = await openTempStore(t)
  await fill(store)
  for (const limit of [1, 2, 5, 100]) {
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await store.certificates.search({ tenant: 'acme', limit, cursor }, NOW)
      seen.push(...page.items.map((item) => item.serialHex))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    t.deepEqual(seen, serials(20, 5, 4, 3, 2, 1, 0))
  }
  const streamed: string[] = []
  for await (const item of store.certificates.stream({ tenant: 'all' }, NOW)) streamed.push(item.serialHex)
  t.is(new Set(streamed).size, 13)
})

test('fuzz: whatever is asked, a tenant sees its own rows only', async (t) => {
  const { store } = await openTempStore(t)
  await fill(store)
  const text = fc.oneof(fc.string(), fc.constantFrom("' OR 1=1 --", '*', '%', '_', '张*', "acme' OR 'a'='a"))
  const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
  const query = fc.record({
    commonName: optional(text),
    serialHex: optional(text),
    issuerId: optional(text),
    profile: optional(text),
    spkiSha256: optional(text),
    state: optional(fc.constantFrom('intent', 'valid', 'held', 'revoked', 'expired')),
    cursor: optional(fc.tuple(fc.nat(), fc.nat()).map(([at, key]) => `${at * 1e4}~${key}`)),
    limit: optional(fc.integer()),
  })
  await fc.assert(
    fc.asyncProperty(query, async (given) => {
      const page = await store.certificates.search({ ...given, tenant: 'acme' } as CertificateQuery, NOW)
      return page.items.every((item) => item.tenant === 'acme')
    }),
    { numRuns: 200 },
  )
  t.is(await store.db.reader('serials').then((rows) => rows.length), 14)
})

const usesIndexes = async (
  t: ExecutionContext,
  store: Store,
  sql: string,
  values: readonly SqlValue[],
  index: string,
): Promise<void> => {
  const plan = await explainPlan(store.db.reader, sql, values)
  t.true(
    plan.some((line) => line.includes(index)),
    `${index} is not used: ${plan.join(' | ')}`,
  )
  t.false(
    plan.some((line) => /^SCAN (?!.*(INDEX|CONSTANT))/.test(line)),
    `a table is read whole: ${plan.join(' | ')}`,
  )
}

test('every hot query uses its index, and none sorts or reads a whole table', async (t) => {
  if (isForSqliteOnly(t, 'how it explains a plan')) return
  const { store } = await openTempStore(t)
  const hex = '00'.repeat(32)
  const searches: [CertificateQuery, string][] = [
    [{ tenant: 'acme' }, 'serials_tenant_at'],
    [{ tenant: 'acme', from: NOW, to: NOW, cursor: '5~5' }, 'serials_tenant_at'],
    [{ tenant: 'all' }, 'serials_at'],
    [{ tenant: 'all', from: NOW }, 'serials_at'],
    [{ tenant: 'acme', serialHex: '41' }, 'serials_serial'],
    [{ tenant: 'acme', spkiSha256: hex }, 'serials_spki'],
  ]
  for (const [query, index] of searches) {
    const { sql, values } = buildSearch(query, NOW)
    await usesIndexes(t, store, sql, values, index)
    if (query.spkiSha256 !== undefined || query.serialHex !== undefined) continue
    const plan = await explainPlan(store.db.reader, sql, values)
    t.false(
      plan.some((line) => line.includes('TEMP B-TREE')),
      plan.join(' | '),
    )
  }
  const others: [string, SqlValue[], string][] = [
    [`${STATUS_SELECT} WHERE s.serial_hex = ? AND s.issuer_id = ?`, ['41', 'i'], 'serials_serial'],
    [`${STATUS_SELECT} WHERE s.spki_sha256 = ?`, [hex], 'serials_spki'],
    [
      'SELECT serial_hex FROM revocations WHERE issuer_id = ? AND serial_hex > ? ORDER BY serial_hex LIMIT 5',
      ['i', ''],
      'revocations_full',
    ],
    [
      'SELECT serial_hex FROM revocations WHERE issuer_id = ? AND shard = ? AND serial_hex > ? ORDER BY serial_hex LIMIT 5',
      ['i', 1, ''],
      'revocations_shard',
    ],
    [
      'SELECT number FROM crls WHERE issuer_id = ? AND shard = ? ORDER BY id DESC LIMIT 1',
      ['i', -1],
      'crls_latest',
    ],
    ['SELECT seq FROM status_changes WHERE seq > ? ORDER BY seq LIMIT 5', [1], 'PRIMARY KEY'],
    ['SELECT 1 FROM blocked_keys WHERE spki_sha256 = ?', [hex], 'autoindex_blocked_keys'],
    [
      'SELECT * FROM api_keys k LEFT JOIN tenants t ON t.id = k.tenant WHERE k.prefix = ?',
      ['x'],
      'api_keys_prefix',
    ],
    ['SELECT seq FROM audit_records WHERE id = ?', ['x'], 'audit_records_id'],
    ['SELECT seq FROM audit_records WHERE seq >= ? ORDER BY seq LIMIT 5', [1], 'PRIMARY KEY'],
    ['SELECT hashes FROM log_tiles WHERE level = ? AND tile = ?', [0, 1], 'autoindex_log_tiles'],
    [
      'SELECT id FROM documents WHERE erased_at IS NULL AND keep_until <= ? ORDER BY keep_until',
      [1],
      'documents_due',
    ],
    [
      'SELECT max(not_after) FROM certificates WHERE identity_evidence_id = ?',
      ['x'],
      'certificates_evidence',
    ],
    [
      'SELECT state FROM idempotency_keys WHERE owner = ? AND key = ?',
      ['a', 'b'],
      'autoindex_idempotency_keys',
    ],
    [
      'SELECT id FROM signatures WHERE tenant = ? ORDER BY signed_at DESC, id DESC LIMIT 5',
      ['a'],
      'signatures_tenant',
    ],
  ]
  for (const [sql, values, index] of others) await usesIndexes(t, store, sql, values, index)
})

test('search by name starts at the index of names', async (t) => {
  if (isForSqliteOnly(t, 'how it explains a plan')) return
  const { store } = await openTempStore(t)
  for (const commonName of ['张三', '张*']) {
    const { sql, values } = buildSearch({ tenant: 'acme', commonName, from: NOW }, NOW)
    const plan = await explainPlan(store.db.reader, sql, values)
    t.true(
      plan.some((line) => line.includes('certificates_common_name')),
      plan.join(' | '),
    )
  }
})
