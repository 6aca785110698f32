/**
 * Everything that differs between SQLite and PostgreSQL, and nothing else.
 *
 * SQLite: one writer connection in WAL mode with `synchronous=FULL` (each commit is an fsync of the log), and
 * readers beside it. PostgreSQL: the same schema and queries; its sessions are in postgres.ts.
 */
import type { Knex } from 'knex'
import { isConnectionLost, runPg } from './postgres.ts'
import type { RawConnection, SqlRow, SqlValue } from './sql-values.ts'

/** Which engine is behind knex. */
export type DatabaseClient = 'sqlite3' | 'pg'

export type { RawConnection, SqlRow, SqlValue }

type SqliteRun = (this: { changes?: number }, error: Error | null) => void
/** The part of a sqlite3 statement that is used. */
export type SqliteStatement = {
  run(values: readonly SqlValue[], done: SqliteRun): void
  /** Runs to the last row, under the lock of its connection. */
  all(values: readonly SqlValue[], done: (error: Error | null, rows: SqlRow[]) => void): void
  finalize(): void
}
/** The part of a sqlite3 connection that is used. */
export type SqliteConnection = {
  run(sql: string, values: readonly SqlValue[], done: SqliteRun): void
  prepare(sql: string, done: (error: Error | null) => void): SqliteStatement
}

const BUSY_TIMEOUT_MS = 10_000
// Pages of 4 KiB: a checkpoint every 16 MB rather than every 4 MB, as random index pages are written again and again.
const WAL_AUTOCHECKPOINT_PAGES = 4000
// After a long read or a backup the log file shrinks to this again; without a limit it stays as large as it once was.
const WAL_KEPT_BYTES = 67_108_864
const CACHE_KIB = 65_536
const SMALL_CACHE_KIB = 2_048

/** How much a connection of SQLite keeps in memory: usually, and while it reads what is wanted once. */
export const SQLITE_CACHE = {
  usual: `PRAGMA cache_size = -${CACHE_KIB}`,
  small: `PRAGMA cache_size = -${SMALL_CACHE_KIB}`,
} as const

const COMMON_PRAGMAS = [
  `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`,
  'PRAGMA foreign_keys = ON',
  SQLITE_CACHE.usual,
  'PRAGMA temp_store = MEMORY',
]

/** Statements that every new connection of the writing pool starts with. */
export const SQLITE_WRITER_PRAGMAS: readonly string[] = [
  ...COMMON_PRAGMAS,
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = FULL',
  `PRAGMA wal_autocheckpoint = ${WAL_AUTOCHECKPOINT_PAGES}`,
  `PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`,
]

/** Statements that every new connection of the reading pool starts with. */
export const SQLITE_READER_PRAGMAS: readonly string[] = [...COMMON_PRAGMAS, 'PRAGMA query_only = ON']

/** Runs one statement on a raw sqlite3 connection; resolves to the number of changed rows. */
export function runSqlite(
  connection: RawConnection,
  sql: string,
  values: readonly SqlValue[] = [],
): Promise<number> {
  return new Promise((resolve, reject) => {
    ;(connection as SqliteConnection).run(sql, values, function (error) {
      if (error === null) resolve(this.changes ?? 0)
      else reject(error)
    })
  })
}

/**
 * Statement that starts a transaction. SQLite takes the write lock at once: a transaction that read first and
 * wanted to write later would fail with BUSY when another process wrote in between.
 */
export const beginStatement = (client: DatabaseClient): string =>
  client === 'sqlite3' ? 'BEGIN IMMEDIATE' : 'BEGIN'

/** Reads one statement's rows. */
export type ReadRows = (sql: string, values: readonly SqlValue[]) => Promise<SqlRow[]>

const sharedReads = new WeakMap<Knex, ReadRows>()

/** Queries of this reader that name no connection go to `read`, or to the pool again. */
export function shareReads(reader: Knex, read: ReadRows | undefined): void {
  if (read) sharedReads.set(reader, read)
  else sharedReads.delete(reader)
}

const isPg = (knex: Knex): boolean => (knex.client as { config: Knex.Config }).config.client === 'pg'

/** Whether an open pool is one of SQLite. */
export const isSqlite = (knex: Knex): boolean => !isPg(knex)

/** Rows of a raw query. */
export async function queryRows(
  knex: Knex,
  sql: string,
  values: readonly SqlValue[] = [],
  connection?: RawConnection,
): Promise<SqlRow[]> {
  const shared = connection === undefined ? sharedReads.get(knex) : undefined
  if (shared) return shared(sql, values)
  if (connection !== undefined && isPg(knex)) return runPg(connection, sql, values)
  const query = knex.raw(sql, values as Knex.RawBinding[])
  const answer: unknown = await (connection === undefined ? query : query.connection(connection))
  if (Array.isArray(answer)) return answer as SqlRow[]
  return (answer as { rows?: SqlRow[] }).rows ?? []
}

/**
 * Makes writers of one ordered table wait for each other until the transaction ends, so that rows become
 * visible in the order of their keys. SQLite has one writer anyway.
 */
export const orderLockStatement = (client: DatabaseClient): string | undefined =>
  client === 'pg' ? 'SELECT pg_advisory_xact_lock(7236830)' : undefined

/** The texts of a JSON array that is bound as one value: the same statement for any number of them. */
export const textsOf = (client: DatabaseClient): string =>
  client === 'pg' ? '(SELECT jsonb_array_elements_text(?::jsonb))' : '(SELECT value FROM json_each(?))'

/** The same for whole numbers. */
export const numbersOf = (client: DatabaseClient): string =>
  client === 'pg'
    ? '(SELECT jsonb_array_elements_text(?::jsonb)::bigint)'
    : '(SELECT value FROM json_each(?))'

/** Why a statement failed, as far as a caller must tell cases apart. */
export type SqlFailure = 'unique' | 'constraint' | 'other'

/** Sorts a driver error. */
function classifySqlError(error: unknown): SqlFailure {
  const code = String((error as { code?: unknown } | null)?.code ?? '')
  const message = error instanceof Error ? error.message : ''
  if (code === '23505') return 'unique'
  if (code.startsWith('23') || code === 'P0001') return 'constraint'
  if (!code.startsWith('SQLITE_CONSTRAINT')) return 'other'
  return message.includes('UNIQUE constraint failed') ? 'unique' : 'constraint'
}

// What SQLite answers when it may have rolled the transaction back itself, or when no statement will do any more.
const SQLITE_ENDS =
  /^SQLITE_(FULL|IOERR|NOMEM|BUSY|LOCKED|INTERRUPT|CORRUPT|NOTADB|CANTOPEN|READONLY|PROTOCOL|MISUSE)/
// PostgreSQL: connection, transaction, resources, operator, system, internal.
const PG_ENDS = /^(08|25|40|53|57|58|XX)/

/** True when a statement's error concerns the whole transaction and not only the rows of the statement. */
export function endsTransaction(error: unknown): boolean {
  const code = String((error as { code?: unknown } | null)?.code ?? '')
  // knex waits for a connection, and gives up in words only.
  if (error instanceof Error && error.name === 'KnexTimeoutError') return true
  return SQLITE_ENDS.test(code) || PG_ENDS.test(code) || code.startsWith('E') || isConnectionLost(error)
}

/** Partitions of PostgreSQL carry the name of their table and `_p`. */
const tableOf = (name: unknown): string => String(name).replace(/_p[0-9a-z_]*$/, '')

/** True when a unique key of this table was violated, as far as the driver says so. */
export function isUniqueOf(error: unknown, table: string): boolean {
  if (classifySqlError(error) !== 'unique') return false
  const { table: pgTable } = error as { table?: unknown }
  const message = error instanceof Error ? error.message : ''
  return tableOf(pgTable) === table || message.includes(`failed: ${table}.`)
}

/** The driver's words without the statement, whose values may be personal data. */
export function describeSqlError(error: unknown): string {
  const { code, constraint } = (error ?? {}) as { code?: unknown; constraint?: unknown }
  const message = error instanceof Error ? error.message : ''
  const at = message.lastIndexOf('SQLITE_')
  if (at >= 0) return message.slice(at, at + 200)
  const name = typeof constraint === 'string' ? ` (${constraint})` : ''
  return `driver error ${String(code ?? 'unknown')}${name}`
}

/** Lines of the query plan of SQLite for a statement (tests ask whether an index is used). */
export async function explainPlan(knex: Knex, sql: string, values: readonly SqlValue[]): Promise<string[]> {
  const rows = await queryRows(knex, `EXPLAIN QUERY PLAN ${sql}`, values)
  return rows.map((row) => String(row.detail))
}
