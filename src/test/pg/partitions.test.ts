import { randomBytes } from 'node:crypto'
import test from 'ava'
import type { IntentRow } from '../../../ca/ports.ts'
import { pgConnection } from '../../store/postgres.ts'
import { openStore } from '../../store/store.ts'
import { draft, intent, issued, makeTempFolder } from '../temp-store.ts'
import { useCluster } from './cluster.ts'

const INSTANCE = 0x41
const DAY = 86_400_000

/** An intent whose serial begins as the core makes it: instance, second, random octets. */
function intentAt(at: Date, random = randomBytes(11).toString('hex')): IntentRow {
  const seconds = Math.floor(at.getTime() / 1000).toString(16)
  return intent({ at, serialHex: `41${seconds}${random}` })
}

test('months have partitions, serials are unique over all of them, and a month goes when the law lets it go', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  const folder = await makeTempFolder(t)
  const connection = await cluster.createDatabase('months')
  const store = await openStore({
    database: { client: 'pg', connection },
    documentsDir: `${folder}/documents`,
    checkpointFile: `${folder}/checkpoint`,
    randomBytes,
  })
  t.teardown(() => store.close())
  const issue = async (row: IntentRow, days = 1): Promise<IntentRow> => {
    await store.ca.recordIntents([row], [draft({}, row.at)])
    const notAfter = new Date(row.at.getTime() + days * DAY)
    await store.ca.recordIssued([issued(row, { notAfter })], [draft({}, row.at)])
    return row
  }
  const homesOf = async (table: string): Promise<string> =>
    cluster.sql(
      `SELECT tableoid::regclass || '=' || count(*) FROM ${table} GROUP BY tableoid ORDER BY 1`,
      'months',
    )

  const early = await issue(intentAt(new Date('2026-01-31T23:59:59Z')))
  t.is(await homesOf('serials'), 'serials_p_rest=1')
  const january = new Date('2026-01-15T00:00:00Z')
  t.deepEqual(await store.partitions.makeAhead(INSTANCE, january), ['2026_01', '2026_02', '2026_03'])
  t.deepEqual(await store.partitions.makeAhead(INSTANCE, january), [])
  const february = await issue(intentAt(new Date('2026-02-01T00:00:00Z')))
  const march = await issue(intentAt(new Date('2026-03-05T00:00:00Z')), 400)
  const other = await issue(
    intent({ serialHex: `7f${'00'.repeat(15)}`, at: new Date('2026-02-10T00:00:00Z') }),
  )
  const homes = '2026_01=1 2026_02=1 2026_03=1'
  t.is(
    await homesOf('serials'),
    `${homes.replaceAll('2026', 'serials_p2026')} serials_p_rest=1`.replaceAll(' ', '\n'),
  )
  // The row number says the month also where the serial does not.
  t.is(
    await homesOf('certificates'),
    ['2026_01=1', '2026_02=2', '2026_03=1'].map((home) => `certificates_p${home}`).join('\n'),
  )
  for (const row of [early, february, march, other]) {
    t.is((await store.ca.findStatus(row.issuerId, row.serialHex))?.state, 'valid')
    await t.throwsAsync(
      store.ca.recordIntents([{ ...intent(), serialHex: row.serialHex }], [draft({}, row.at)]),
      {
        code: 'SERIAL_COLLISION',
      },
    )
  }

  const drop = (now: string) =>
    store.partitions.dropExpired(new Date(now), (data) => ({
      ...draft({ ...data }),
      type: 'certificate.erased',
    }))
  t.deepEqual(await drop('2031-02-01T23:59:58Z'), [])
  t.deepEqual(await drop('2031-02-01T23:59:59Z'), ['2026_01'])
  t.is(await store.ca.findStatus(early.issuerId, early.serialHex), undefined)
  // The last certificate of March ends in April of the next year.
  t.deepEqual(await drop('2032-04-01T00:00:00Z'), ['2026_02'])
  t.is((await store.ca.findStatus(march.issuerId, march.serialHex))?.state, 'valid')
  t.deepEqual(await drop('2032-04-09T00:00:00Z'), ['2026_03'])
  const types = `SELECT count(*) FROM audit_records WHERE type = 'certificate.erased'`
  t.is(await cluster.sql(types, 'months'), '3')
})

test('hot statements look into one partition by an index', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  const folder = await makeTempFolder(t)
  const connection = await cluster.createDatabase('plans')
  const database = { client: 'pg', connection } as const
  const files = { documentsDir: `${folder}/documents`, checkpointFile: `${folder}/checkpoint` }
  const store = await openStore({ database, ...files, randomBytes })
  t.teardown(() => store.close())
  await store.partitions.makeAhead(INSTANCE, new Date('2026-01-15T00:00:00Z'), 11)
  const rows = Array.from({ length: 3000 }, (_, n) =>
    intentAt(new Date(Date.UTC(2026, n % 12, 3, 0, 0, n % 60))),
  )
  await store.ca.recordIntents(
    rows,
    rows.map((row) => draft({}, row.at)),
  )
  await store.ca.recordIssued(
    rows.map((row) => issued(row)),
    rows.map((row) => draft({}, row.at)),
  )
  await cluster.sql('ANALYZE', 'plans')
  // As the sessions of the service are set.
  const settings = String(pgConnection('', true).options).replaceAll(/-c (\w+)=(\w+)/g, 'SET $1 = $2;')
  const explain = (sql: string): Promise<string> =>
    cluster.sql(`${settings} SET plan_cache_mode = force_generic_plan; ${sql}`, 'plans')
  const status = await explain(`PREPARE q AS SELECT s.id, c.not_after, r.state
    FROM serials s LEFT JOIN certificates c ON c.serial_id = s.id LEFT JOIN revocations r ON r.serial_id = s.id
    WHERE s.serial_hex = $1 AND s.issuer_id = $2;
    EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE q('${rows[5]!.serialHex}', 'issuing')`)
  t.regex(status, /serials_p2026_06_serial_hex_issuer_id_idx/)
  t.regex(status, /certificates_p2026_06_pkey/)
  t.notRegex(status, /Seq Scan on (serials|certificates)/)
  const touched = status
    .split('\n')
    .filter((line) => /Scan.*(serials|certificates)_p/.test(line) && !/never executed/.test(line))
  t.is(touched.length, 2, status)
})
