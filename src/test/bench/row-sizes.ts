// node src/test/bench/row-sizes.ts [CERTIFICATES]: octets that a certificate takes on PostgreSQL, by table and index.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toBase64 } from '../../lib/bytes.ts'
import { startCluster } from '../pg/cluster.ts'
import { makeHouse, startService, SUBJECT } from './house.ts'
import { makeCsr } from './requests.ts'

const BATCH = 200
const count = Math.ceil(Number(process.argv[2] ?? 10_000) / BATCH) * BATCH

const SIZES = `SELECT regexp_replace(c.relname, '_p(2[0-9]{3}_[0-9]{2}|_rest)', '') AS name, sum(pg_table_size(c.oid))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i') GROUP BY 1 ORDER BY 2 DESC`

const cluster = await startCluster(['shared_buffers=512MB', 'max_wal_size=4GB', 'wal_compression=lz4'])
const folder = await mkdtemp(join(tmpdir(), 'yinxin-bench-'))
try {
  const setting = { folder, isQuick: true, profileFolder: undefined }
  const house = await makeHouse(setting, 0, await cluster.createDatabase('sizes'))
  const service = await startService(setting, house)
  const read = async (): Promise<Map<string, number>> => {
    const lines = (await cluster.sql(SIZES, 'sizes')).split('\n').map((line) => line.split('|'))
    return new Map(lines.map(([name = '', size]) => [name, Number(size)]))
  }
  const before = await read()
  const wal = await cluster.sql('SELECT pg_current_wal_lsn()')
  const item = { profile: 'event', subject: SUBJECT, identityEvidenceId: house.evidenceId }
  for (let done = 0; done < count; done += BATCH) {
    const items = Array.from({ length: BATCH }, () => ({ ...item, csr: toBase64(makeCsr()) }))
    const answer = await fetch(`http://127.0.0.1:${house.port}/v1/certificates/batch`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${house.apiKey}` },
      body: JSON.stringify({ items }),
    })
    const { issued } = (await answer.json()) as { issued: number }
    if (issued !== BATCH) throw new Error(`${issued} of ${BATCH} were issued`)
  }
  // Stopping waits until every record has its place in the log.
  await service.stop()
  let total = 0
  for (const [name, size] of await read()) {
    const each = (size - (before.get(name) ?? 0)) / count
    total += each
    if (each >= 1) process.stdout.write(`${name.padEnd(40)} ${each.toFixed(0).padStart(6)}\n`)
  }
  const walBytes = await cluster.sql(`SELECT pg_current_wal_lsn() - '${wal}'`)
  process.stdout.write(`${'all tables and indexes'.padEnd(40)} ${total.toFixed(0).padStart(6)}\n`)
  process.stdout.write(
    `${'write-ahead log'.padEnd(40)} ${(Number(walBytes) / count).toFixed(0).padStart(6)}\n`,
  )
} finally {
  await cluster.remove()
  await rm(folder, { recursive: true, force: true })
}
