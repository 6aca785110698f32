/**
 * `LogStore` of the audit log over the database.
 *
 * Places are kept as runs of rows (see migration 0004). A record is given its place only together with all
 * records before it, so none can be left out of the tree silently.
 */
import type { Knex } from 'knex'
import type { LogHead, LogState, LogStore, PendingHead, SequencedRow, TileWrite } from '../audit/log-store.ts'
import { isSameBytes } from '../lib/bytes.ts'
import type { Database, Transaction } from './database.ts'
import { queryRows, type SqlRow } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { toBytes } from './values.ts'

const STATE_ROW = 1

const STATE_SELECT = 'SELECT * FROM log_states WHERE id = 1'

const toPending = (row: SqlRow): PendingHead | null =>
  row.pending_size == null
    ? null
    : { size: Number(row.pending_size), root: toBytes(row.pending_root), at: String(row.pending_at) }

const toState = (row: SqlRow): LogState => ({
  head: {
    size: Number(row.size),
    root: toBytes(row.root),
    at: String(row.at),
    checkpoint: String(row.checkpoint),
  },
  pending: toPending(row),
})

const isSameHead = (
  a: { readonly size: number; readonly root: Uint8Array },
  b: { readonly size: number; readonly root: Uint8Array },
): boolean => a.size === b.size && isSameBytes(a.root, b.root)

const headColumns = (head: LogHead) => ({
  size: head.size,
  root: head.root,
  at: head.at,
  checkpoint: head.checkpoint,
})

const pendingColumns = (pending: PendingHead | null) => ({
  pending_size: pending?.size ?? null,
  pending_root: pending?.root ?? null,
  pending_at: pending?.at ?? null,
})

async function lockState(trx: Transaction): Promise<LogState | null> {
  const rows = (await trx.table('log_states').where({ id: STATE_ROW }).forUpdate()) as SqlRow[]
  return rows[0] === undefined ? null : toState(rows[0])
}

/** The last row that has a place. */
const LAST_ROW = 'SELECT first_index, first_row, count FROM log_runs ORDER BY first_row DESC LIMIT 1'

const endOfRun = (run: SqlRow | undefined): number =>
  run === undefined ? 0 : Number(run.first_row) + Number(run.count)

async function createState(trx: Transaction, state: LogState): Promise<boolean> {
  if ((await lockState(trx)) !== null) return false
  const row = { id: STATE_ROW, ...headColumns(state.head), ...pendingColumns(state.pending) }
  await trx.table('log_states').insert(row)
  return true
}

/** True when these rows are exactly the next ones without a place. */
async function areNextRows(trx: Transaction, rows: readonly number[], from: number): Promise<boolean> {
  const sql = 'SELECT seq FROM audit_records WHERE seq >= ? ORDER BY seq LIMIT ?'
  const next = await trx.rows(sql, [from, rows.length])
  return next.length === rows.length && next.every((row, index) => Number(row.seq) === rows[index])
}

/** Splits ascending rows where one does not follow the one before it. */
function splitRuns(rows: readonly number[]): { firstRow: number; count: number }[] {
  const runs: { firstRow: number; count: number }[] = []
  for (const row of rows) {
    const last = runs.at(-1)
    if (last !== undefined && row === last.firstRow + last.count) last.count++
    else runs.push({ firstRow: row, count: 1 })
  }
  return runs
}

async function placeRows(trx: Transaction, firstIndex: number, rows: readonly number[]): Promise<boolean> {
  const [last] = await trx.rows(LAST_ROW)
  if (!(await areNextRows(trx, rows, endOfRun(last)))) return false
  let index = firstIndex
  for (const [at, run] of splitRuns(rows).entries()) {
    if (at === 0 && last !== undefined && run.firstRow === endOfRun(last)) {
      await trx.table('log_runs').where({ first_row: last.first_row }).increment('count', run.count)
    } else {
      await trx.table('log_runs').insert({ first_index: index, first_row: run.firstRow, count: run.count })
    }
    index += run.count
  }
  return true
}

async function commitPending(
  trx: Transaction,
  expected: { readonly size: number; readonly root: Uint8Array },
  pending: PendingHead,
  rows: readonly number[],
): Promise<boolean> {
  const state = await lockState(trx)
  if (state === null || state.pending !== null || !isSameHead(state.head, expected)) return false
  if (pending.size !== expected.size + rows.length) return false
  if (!(await placeRows(trx, expected.size, rows))) return false
  await trx.table('log_states').where({ id: STATE_ROW }).update(pendingColumns(pending))
  return true
}

const TILES_PER_INSERT = 500

async function storeTiles(trx: Transaction, tiles: readonly TileWrite[]): Promise<void> {
  const rows = tiles.map((tile) => ({ level: tile.level, tile: tile.index, hashes: tile.hashes }))
  for (let start = 0; start < rows.length; start += TILES_PER_INSERT) {
    await trx
      .table('log_tiles')
      .insert(rows.slice(start, start + TILES_PER_INSERT))
      .onConflict(['level', 'tile'])
      .merge()
  }
}

async function completePending(
  trx: Transaction,
  head: LogHead,
  tiles: readonly TileWrite[],
): Promise<boolean> {
  const state = await lockState(trx)
  if (state?.pending == null || !isSameHead(state.pending, head)) return false
  await storeTiles(trx, tiles)
  await trx
    .table('log_states')
    .where({ id: STATE_ROW })
    .update({ ...headColumns(head), ...pendingColumns(null) })
  return true
}

async function readLeaves(reader: Knex, start: number, end: number): Promise<SequencedRow[]> {
  const runs = await queryRows(
    reader,
    `SELECT first_index, first_row, count FROM log_runs WHERE first_index < ? AND first_index >= coalesce(
       (SELECT max(first_index) FROM log_runs WHERE first_index <= ?), 0) ORDER BY first_index`,
    [end, start],
  )
  const leaves: SequencedRow[] = []
  for (const run of runs) {
    const shift = Number(run.first_index) - Number(run.first_row)
    const from = Math.max(start - shift, Number(run.first_row))
    const to = Math.min(end - shift, endOfRun(run))
    const sql = 'SELECT seq, id, leaf FROM audit_records WHERE seq >= ? AND seq < ? ORDER BY seq'
    for (const row of await queryRows(reader, sql, [from, to])) {
      leaves.push({ index: Number(row.seq) + shift, id: String(row.id), leaf: toBytes(row.leaf) })
    }
  }
  return leaves
}

const IDS_PER_READ = 500

async function findIndexes(reader: Knex, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const indexes = new Map<string, number>()
  for (let start = 0; start < ids.length; start += IDS_PER_READ) {
    const chunk = ids.slice(start, start + IDS_PER_READ)
    const rows = await queryRows(
      reader,
      `SELECT a.id, a.seq - g.first_row + g.first_index AS place FROM audit_records a
         JOIN log_runs g ON g.first_row = (SELECT max(first_row) FROM log_runs WHERE first_row <= a.seq)
         WHERE a.seq < g.first_row + g.count AND a.id IN (${chunk.map(() => '?').join(', ')})`,
      chunk,
    )
    for (const row of rows) indexes.set(String(row.id), Number(row.place))
  }
  return indexes
}

/**
 * Makes sure that the database is not behind what is known of its log.
 *
 * @throws {LOG_STORE_OLDER} and the code of a doubt that a look at the whole log ended with
 */
export async function checkLogFloor({ reader, floor }: Database): Promise<void> {
  const checkSize = floor.asking()
  const [row] = await queryRows(reader, 'SELECT size FROM log_states WHERE id = 1')
  checkSize(Number(row?.size ?? 0))
}

/** Makes the store of the audit log. */
export function createLogStore(db: Database, committer: Committer): LogStore {
  const { reader, floor } = db
  const write = <T>(run: (trx: Transaction) => Promise<T>): Promise<T> =>
    committer.write({ run, records: [] })
  return {
    readState: async () => {
      const [row] = await queryRows(reader, STATE_SELECT)
      if (row === undefined) return null
      const state = toState(row)
      floor.raise(state.head.size)
      return state
    },
    readLeaves: (start, end) => readLeaves(reader, start, end),
    readTile: async (level, index) => {
      const sql = 'SELECT hashes FROM log_tiles WHERE level = ? AND tile = ?'
      const [row] = await queryRows(reader, sql, [level, index])
      return row === undefined ? null : toBytes(row.hashes)
    },
    findIndexes: (ids) => findIndexes(reader, ids),
    createState: (state) => write((trx) => createState(trx, state)),
    readUnsequenced: async (limit) => {
      const [last] = await queryRows(reader, LAST_ROW)
      const sql = 'SELECT seq, id, leaf FROM audit_records WHERE seq >= ? ORDER BY seq LIMIT ?'
      const rows = await queryRows(reader, sql, [endOfRun(last), limit])
      return rows.map((row) => ({ row: Number(row.seq), id: String(row.id), leaf: toBytes(row.leaf) }))
    },
    commitPending: (expected, pending, rows) => write((trx) => commitPending(trx, expected, pending, rows)),
    completePending: (head, tiles) => write((trx) => completePending(trx, head, tiles)),
    replaceTiles: (tiles) => write((trx) => storeTiles(trx, tiles)),
  }
}
