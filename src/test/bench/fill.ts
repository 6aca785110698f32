// Data folders with up to tens of millions of certificates: rows as issuance leaves them, written by SQL and not one by one.
//
// Serials, certificates and records are of the usual sizes and hash to a log that the service starts on: its tree is
// derived, its head signed, its figures folded. Only the certificates themselves are random octets.
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Json } from '../../../ca/ports.ts'
import { signCheckpoint } from '../../audit/checkpoint.ts'
import { hashLeaf } from '../../audit/merkle.ts'
import { openSequencer } from '../../audit/sequencer.ts'
import { appendLeaves, hashEdge, readEdge, type TreeEdge } from '../../audit/tree-edge.ts'
import type { House } from '../../house.ts'
import { emptyStatistics, foldRecord, type StatisticsState } from '../../stats/fold.ts'
import { migrationNames } from '../../store/migrations/index.ts'
import { type Commit, prepareRows, recordsOf } from './fill-rows.ts'
import { openBenchHouse, type PreparedHouse, prepareHouse } from './house.ts'
import { findFreePort, runInProcess } from './processes.ts'

/** Certificates that share one commit, as in a busy service. */
const COMMIT = 2_000
/** Commits of one transaction of ours. */
const COMMITS = 25
const LISTED = 5_000
/** Room for database, indexes and what sorting them takes, by certificate. */
const ROOM_PER_CERTIFICATE = 5_000

type FillInput = { readonly dataDir: string; readonly port: number; readonly certificates: number }

/** Takes the indexes of the filled tables away, to be built in one go afterwards. @returns their statements */
function dropIndexes(db: DatabaseSync): string[] {
  const indexes = db
    .prepare(
      `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
       AND tbl_name IN ('serials', 'certificates', 'audit_records')`,
    )
    .all()
  for (const { name } of indexes) db.exec(`DROP INDEX ${String(name)}`)
  return indexes.map(({ sql }) => String(sql))
}

/** Appends all records after a row to the tree, and its tiles to the database. */
function appendAfter(db: DatabaseSync, edge: TreeEdge, row: number): TreeEdge {
  const leaves = db.prepare('SELECT leaf FROM audit_records WHERE seq > ? ORDER BY seq').iterate(row)
  const hashes = [...leaves].map(({ leaf }) => hashLeaf(leaf as Uint8Array))
  const next = appendLeaves(edge, hashes)
  const put = db.prepare('INSERT OR REPLACE INTO log_tiles (level, tile, hashes) VALUES (?, ?, ?)')
  for (const tile of next.tiles) put.run(tile.level, tile.index, tile.hashes)
  return next.edge
}

type Counts = { [name: string]: number | Counts }

const addTimes = (into: Counts, from: Counts, times: number): void => {
  for (const [name, value] of Object.entries(from)) {
    if (typeof value === 'number') into[name] = Number(into[name] ?? 0) + value * times
    else addTimes((into[name] ??= {}) as Counts, value, times)
  }
}

/** Adds the figures of a commit: those of one certificate, as often as it has some. */
function countCommit(state: StatisticsState, commit: Commit): void {
  const one = emptyStatistics()
  for (const [index, record] of recordsOf(commit).entries()) foldRecord(one, index, record)
  addTimes(state.days as unknown as Counts, one.days as unknown as Counts, commit.count)
  addTimes(state.activity, one.activity, commit.count)
  state.size += 2 * commit.count
  state.lastDay = one.lastDay
}

const lastRow = (db: DatabaseSync): number =>
  Number(db.prepare('SELECT max(seq) AS last FROM audit_records').get()?.['last'] ?? 0)

/** Progress: the larger folders take minutes. */
const say = (text: string): void => void process.stderr.write(`fill: ${text}\n`)

/** Writes the rows while nobody has the folder open; syncs nothing: a crash costs the folder. */
function writeRows(
  file: string,
  issuerId: string,
  count: number,
  start: { edge: TreeEdge; state: StatisticsState },
) {
  const db = new DatabaseSync(file)
  try {
    for (const pragma of ['journal_mode = MEMORY', 'synchronous = OFF', 'cache_size = -1000000'])
      db.exec(`PRAGMA ${pragma}`)
    const indexes = dropIndexes(db)
    const write = prepareRows(db)
    let edge = start.edge
    for (let done = 0; done < count;) {
      const before = lastRow(db)
      db.exec('BEGIN')
      for (let commits = 0; commits < COMMITS && done < count; commits++) {
        const commit = { issuerId, count: Math.min(COMMIT, count - done), at: new Date() }
        write(commit)
        countCommit(start.state, commit)
        done += commit.count
      }
      edge = appendAfter(db, edge, before)
      db.exec('COMMIT')
      say(`${done.toLocaleString('en')} of ${count.toLocaleString('en')} certificates are written`)
    }
    say('building the indexes')
    db.exec(
      `UPDATE log_runs SET count = count + ${2 * count} WHERE first_row = (SELECT max(first_row) FROM log_runs)`,
    )
    for (const sql of indexes) db.exec(sql)
    db.exec('PRAGMA journal_mode = WAL')
    return { edge, row: lastRow(db) }
  } finally {
    db.close()
  }
}

/** Everything recorded so far has its place. @returns the edge of the tree */
async function sequenceAll({ sequencer: ports, store }: House): Promise<TreeEdge> {
  const sequencer = await openSequencer(ports)
  while ((await sequencer.tick()).sequenced > 0);
  await sequencer.close()
  return readEdge(sequencer.head().size, (level, index) => store.log.readTile(level, index))
}

/** Signs the head over the new rows, as a sequencer would have, and saves what jobs know of them. */
async function saveHead(house: House, edge: TreeEdge, row: number, state: StatisticsState): Promise<void> {
  const { sequencer, store } = house
  const root = hashEdge(edge)
  const at = new Date()
  const checkpoint = await signCheckpoint(
    { origin: sequencer.signer.key.name, size: edge.size, root },
    sequencer.signer,
  )
  const db = new DatabaseSync(join(house.config.dataDir, 'yinxin.sqlite'))
  const sql = 'UPDATE log_states SET size = ?, root = ?, at = ?, checkpoint = ? WHERE id = 1'
  db.prepare(sql).run(edge.size, root, at.toISOString(), checkpoint)
  db.close()
  await store.published.replace(await store.published.read(), new TextEncoder().encode(checkpoint))
  await store.settings.write('statistics.state', state as unknown as Json, at, [])
  await store.settings.write('reconcile.state', { row, open: [] }, at, [])
}

/** Fills a new data folder; runs in a process of its own. */
export async function fillHouse(input: FillInput): Promise<PreparedHouse> {
  const prepared = await prepareHouse({ ...input, certificates: 0 })
  const { dataDir, issuerId } = prepared
  const first = await openBenchHouse(dataDir)
  const edge = await sequenceAll(first)
  const state = emptyStatistics()
  for (const [index, { leaf }] of (await first.store.log.readLeaves(0, edge.size)).entries())
    foldRecord(state, index, JSON.parse(new TextDecoder().decode(leaf)) as Parameters<typeof foldRecord>[2])
  await first.close()
  const file = join(dataDir, 'yinxin.sqlite')
  const filled = writeRows(file, issuerId, input.certificates, { edge, state })
  const house = await openBenchHouse(dataDir)
  try {
    await saveHead(house, filled.edge, filled.row, state)
  } finally {
    await house.close()
  }
  return { ...prepared, serials: listSerials(file, input.certificates) }
}

/** Serials from all over the table. */
function listSerials(file: string, count: number): string[] {
  const db = new DatabaseSync(file)
  const find = db.prepare('SELECT serial_hex FROM serials WHERE id = ?')
  const last = Number(db.prepare('SELECT max(id) AS last FROM serials').get()?.['last'])
  const listed = Math.min(LISTED, count)
  const serials = Array.from({ length: listed }, (_, at) => {
    const row = find.get(last - count + 1 + Math.floor((at * count) / listed))
    return String(row?.['serial_hex'])
  })
  db.close()
  return serials
}

const made = new Map<number, Promise<PreparedHouse>>()

async function makeFilled(certificates: number): Promise<PreparedHouse> {
  const kept = process.env['YINXIN_BENCH_DIR']
  const base = kept ?? (await mkdtemp(join(tmpdir(), 'yinxin-bench-filled-')))
  if (kept === undefined) process.once('exit', () => rmSync(base, { recursive: true, force: true }))
  // Another schema, another folder.
  const folder = join(base, `${migrationNames.at(-1)}-${certificates}`)
  const found = await readFile(join(folder, 'prepared.json'), 'utf8').catch(() => undefined)
  const port = await findFreePort()
  if (found !== undefined) return { ...(JSON.parse(found) as PreparedHouse), port }
  await mkdir(base, { recursive: true })
  const { bavail, bsize } = await statfs(base)
  const needed = certificates * ROOM_PER_CERTIFICATE
  if (bavail * bsize < needed)
    throw new Error(
      `${base} has no room for ${Math.ceil(needed / 1e9)} GB; name another folder by YINXIN_BENCH_DIR`,
    )
  await rm(folder, { recursive: true, force: true })
  const input: FillInput = { dataDir: join(folder, 'data'), port, certificates }
  await mkdir(folder)
  const prepared = await runInProcess<PreparedHouse>('fill.ts', 'fillHouse', input)
  await writeFile(join(folder, 'prepared.new'), JSON.stringify(prepared))
  await rename(join(folder, 'prepared.new'), join(folder, 'prepared.json'))
  return prepared
}

/**
 * A data folder with so many certificates, made once: for this run, or for ever where YINXIN_BENCH_DIR names a folder.
 * What a benchmark issues on it stays.
 */
export function filledHouse(certificates: number): Promise<PreparedHouse> {
  const known = made.get(certificates) ?? makeFilled(certificates)
  made.set(certificates, known)
  return known
}
