/**
 * Opens the database: knex over SQLite (WAL, durable commits) or PostgreSQL, schema brought up to date.
 *
 * One pool writes and one reads. With SQLite the writing pool has one connection, so commits never fight for
 * the lock inside this process; another process (the command line) waits on `busy_timeout`.
 */
import { access, constants, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import knexModule, { type Knex } from 'knex'
import { CodedError } from '../../ca/errors.ts'
import {
  beginStatement,
  type DatabaseClient,
  describeSqlError,
  queryRows,
  type RawConnection,
  type ReadRows,
  runSqlite,
  shareReads,
  SQLITE_READER_PRAGMAS,
  SQLITE_WRITER_PRAGMAS,
  type SqlRow,
  type SqlValue,
} from './dialect.ts'
import {
  checkDurability,
  isConnectionLost,
  pgConnection,
  readPg,
  wasCommitted,
  withPgLock,
} from './postgres.ts'
import { createLogFloor, type LogFloor } from './log-floor.ts'
import { preparedOn } from './prepared.ts'
import { openSharedReads } from './shared-reads.ts'
import { MIGRATIONS_TABLE, migrationNames, migrationSource } from './migrations/index.ts'

/** Where the database is. */
export type DatabaseOptions =
  | { readonly client: 'sqlite3'; readonly file: string; readonly readers?: number }
  | {
      readonly client: 'pg'
      /** Connection string; it may hold a password. */
      readonly connection: string
      /** Connection string of a streaming replica that answers what may lag. */
      readonly replica?: string | undefined
      readonly pool?: number
    }

/** An open database. */
export type Database = {
  readonly client: DatabaseClient
  /** Writes; always inside {@link withTransaction}. */
  readonly writer: Knex
  /** Reads; sees every commit that ended before the query began. */
  readonly reader: Knex
  /** Reads what was replicated so far; null where there is no replica. */
  readonly replica: ReadRows | null
  readonly file: string | null
  /** What no commit goes below. */
  readonly floor: LogFloor
  readonly close: () => Promise<void>
}

/** A running transaction: builders and raw statements bound to its one connection. */
export type Transaction = {
  readonly client: DatabaseClient
  readonly connection: RawConnection
  readonly table: (name: string) => Knex.QueryBuilder
  readonly rows: (sql: string, values?: readonly SqlValue[]) => Promise<SqlRow[]>
}

const { knex: createKnex } = knexModule

/** Connections for what streams or builds its own queries. */
const READERS = 2
/** Connections for look-ups, see shared-reads.ts. */
const SHARED_READERS = 2
/** One writes, one may look after a commit without an answer, one holds the lock of a start, one migrates. */
const PG_WRITERS = 4
const PG_READERS = 8
const ACQUIRE_MS = 20_000
const MIGRATION_LOCK = 7_236_832

type AfterCreate = (
  connection: RawConnection,
  done: (error: unknown, connection: RawConnection) => void,
) => void

const applyPragmas =
  (pragmas: readonly string[]): AfterCreate =>
  (connection, done) => {
    const applyAll = async (): Promise<void> => {
      for (const pragma of pragmas) await runSqlite(connection, pragma)
    }
    applyAll().then(
      () => done(null, connection),
      (error: unknown) => done(error, connection),
    )
  }

// What knex would print it also throws, and then it comes to the caller and its log.
const silent = {
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
  deprecate: () => undefined,
}

const sqliteConfig = (file: string, pragmas: readonly string[], size: number): Knex.Config => ({
  client: 'sqlite3',
  connection: { filename: file },
  useNullAsDefault: true,
  // Without this knex writes the values of a failed statement into the message.
  compileSqlOnError: false,
  log: silent,
  pool: { min: 1, max: size, afterCreate: applyPragmas(pragmas), idleTimeoutMillis: 2 ** 31 - 1 },
  acquireConnectionTimeout: 60_000,
  migrations: { migrationSource, tableName: MIGRATIONS_TABLE },
})

const pgConfig = (connectionString: string, size: number, isReader = false): Knex.Config => ({
  client: 'pg',
  connection: pgConnection(connectionString, isReader),
  compileSqlOnError: false,
  log: silent,
  pool: { min: 0, max: size },
  acquireConnectionTimeout: ACQUIRE_MS,
  migrations: { migrationSource, tableName: MIGRATIONS_TABLE },
})

/** knex configuration of the writing pool, also for the knex command line. */
export function buildKnexConfig(options: DatabaseOptions): Knex.Config {
  return options.client === 'sqlite3'
    ? sqliteConfig(options.file, SQLITE_WRITER_PRAGMAS, 1)
    : pgConfig(options.connection, PG_WRITERS)
}

/** Names of people are in it: for its owner only. SQLite gives its log files the same rights. */
export async function makePrivateFile(file: string): Promise<void> {
  await (await open(file, 'a', 0o600)).close()
}

// A process that died while it migrated leaves knex's lock behind; no migration of ours takes this long.
const LOCK_WAIT_MS = 10_000
const LOCK_POLL_MS = 200

const isMigrationLocked = (error: unknown): boolean => (error as Error | null)?.name === 'MigrationLocked'

async function migrate(writer: Knex, client: DatabaseClient, waitMs: number): Promise<void> {
  for (let waited = 0; ; waited += LOCK_POLL_MS) {
    try {
      await writer.migrate.latest()
      return
    } catch (error) {
      if (!isMigrationLocked(error)) throw error
      // On PostgreSQL a lock of ours keeps the others out, so knex's own is one that was left behind.
      if (waited >= waitMs || client === 'pg') await writer.migrate.forceFreeMigrationsLock()
      else await setTimeout(LOCK_POLL_MS)
    }
  }
}

/** Refuses a database that newer code has written: older code would not keep its promises. */
async function checkSchema(writer: Knex): Promise<void> {
  if (!(await writer.schema.hasTable(MIGRATIONS_TABLE))) return
  const rows = (await writer(MIGRATIONS_TABLE).select('name')) as { name: string }[]
  const unknown = rows.find((row) => !migrationNames.includes(row.name))
  if (unknown === undefined) return
  throw new CodedError(
    'STORE_SCHEMA_NEWER',
    'The database was written by a newer version; start that version',
    {
      extra: { migration: unknown.name },
    },
  )
}

/**
 * Opens the database and runs missing migrations.
 *
 * @throws {STORE_SCHEMA_NEWER} when the schema is newer than this code
 * @throws {STORE_UNAVAILABLE} when it cannot be opened or migrated
 */
export async function openDatabase(
  options: DatabaseOptions,
  migrationLockWaitMs = LOCK_WAIT_MS,
): Promise<Database> {
  const writer = createKnex(buildKnexConfig(options))
  try {
    if (options.client === 'sqlite3') await makePrivateFile(options.file)
    const bringUpToDate = async (): Promise<void> => {
      await checkSchema(writer)
      await migrate(writer, options.client, migrationLockWaitMs)
    }
    if (options.client === 'pg') {
      await checkDurability(writer)
      await withPgLock(writer, bringUpToDate, MIGRATION_LOCK)
    } else await bringUpToDate()
  } catch (error) {
    await writer.destroy()
    if (error instanceof CodedError) throw error
    throw new CodedError('STORE_UNAVAILABLE', `The database cannot be opened: ${describeSqlError(error)}`)
  }
  if (options.client === 'pg') return openPgReaders(writer, options)
  return openSqliteReader(writer, options.file, options.readers ?? READERS)
}

function openPgReaders(writer: Knex, options: Extract<DatabaseOptions, { client: 'pg' }>): Database {
  const size = options.pool ?? PG_READERS
  const reader = createKnex(pgConfig(options.connection, size, true))
  shareReads(reader, readPg(reader))
  const replica =
    options.replica === undefined ? undefined : createKnex(pgConfig(options.replica, size, true))
  return {
    client: 'pg',
    writer,
    reader,
    replica: replica ? readPg(replica) : null,
    file: null,
    floor: createLogFloor(),
    close: async () => {
      await replica?.destroy()
      await reader.destroy()
      await writer.destroy()
    },
  }
}

async function createReadOnly(options: DatabaseOptions): Promise<Knex> {
  if (options.client === 'pg') return createKnex(pgConfig(options.connection, READERS, true))
  const filename = await readOnlyName(options.file)
  const config = sqliteConfig(filename, SQLITE_READER_PRAGMAS, READERS)
  // knex always asks for writing; the name takes that back.
  return createKnex({ ...config, connection: { filename, flags: ['OPEN_URI'] } })
}

/**
 * Opens a database and never writes to it, its schema included.
 *
 * @throws {STORE_SCHEMA_NEWER}
 * @throws {STORE_UNAVAILABLE} when it cannot be opened, or its schema is older than this code
 */
export async function openReadOnly(options: DatabaseOptions): Promise<Database> {
  const reader = await createReadOnly(options)
  try {
    await checkSchema(reader)
    if (options.client === 'pg') shareReads(reader, readPg(reader))
    const [row] = await queryRows(reader, `SELECT count(*) AS n FROM ${MIGRATIONS_TABLE}`)
    if (Number(row?.n) < migrationNames.length)
      throw new CodedError(
        'STORE_UNAVAILABLE',
        'The database was written by an older version; start the service of this version once',
      )
  } catch (error) {
    await reader.destroy()
    if (error instanceof CodedError) throw error
    throw new CodedError('STORE_UNAVAILABLE', `The database cannot be read: ${describeSqlError(error)}`)
  }
  const { client } = options
  const file = client === 'sqlite3' ? options.file : null
  const floor = createLogFloor()
  return { client, writer: reader, reader, replica: null, file, floor, close: () => reader.destroy() }
}

/** Readers of a write-ahead log share a file beside it; where nobody can make one, nobody can be writing either. */
async function readOnlyName(file: string): Promise<string> {
  const isShared = await Promise.any([
    access(`${file}-wal`, constants.R_OK),
    access(dirname(file), constants.W_OK),
  ]).then(
    () => true,
    () => false,
  )
  return `${pathToFileURL(file).href}?mode=ro${isShared ? '' : '&immutable=1'}`
}

async function openSqliteReader(writer: Knex, file: string, readers: number): Promise<Database> {
  const reader = createKnex(sqliteConfig(file, SQLITE_READER_PRAGMAS, readers + SHARED_READERS))
  const shared = await openSharedReads(reader, SHARED_READERS)
  shareReads(reader, shared.rows)
  return {
    client: 'sqlite3',
    writer,
    reader,
    replica: null,
    file,
    floor: createLogFloor(),
    close: async () => {
      shareReads(reader, undefined)
      await shared.close()
      await reader.destroy()
      await closeWriter(writer)
    },
  }
}

async function closeWriter(writer: Knex): Promise<void> {
  const connection = (await writer.client.acquireConnection()) as RawConnection
  preparedOn(connection).close()
  await writer.client.releaseConnection(connection)
  await writer.destroy()
}

const bindTransaction = (db: Database, connection: RawConnection): Transaction => ({
  client: db.client,
  connection,
  table: (name) => db.writer(name).connection(connection),
  rows: (sql, values = []) =>
    db.client === 'sqlite3'
      ? preparedOn(connection).all(sql, values)
      : queryRows(db.writer, sql, values, connection),
})

/**
 * A connection whose transaction could not be ended must never be used again: its next statement would join
 * work that was reported as failed. knex's pool drops a connection that carries this mark.
 */
const discard = (connection: RawConnection, reason: unknown): void => {
  ;(connection as { __knex__disposed?: unknown }).__knex__disposed = reason
}

/** Runs `work` in one durable transaction; any failure, also of COMMIT itself, leaves nothing behind. */
export async function withTransaction<T>(db: Database, work: (trx: Transaction) => Promise<T>): Promise<T> {
  const connection = (await db.writer.client.acquireConnection()) as RawConnection
  const trx = bindTransaction(db, connection)
  try {
    await trx.rows(beginStatement(db.client))
    try {
      const result = await work(trx)
      await commit(db, trx)
      return result
    } catch (error) {
      await rollback(trx)
      throw error
    }
  } finally {
    await db.writer.client.releaseConnection(connection)
  }
}

/**
 * Looked at inside each transaction: the server may be another one since the last, a backup or a standby that lags.
 * The file of SQLite is the one that was opened.
 */
const BEFORE_COMMIT =
  'SELECT pg_current_xact_id_if_assigned()::text AS id, (SELECT size FROM log_states WHERE id = 1) AS log_size'

/**
 * Commits; a COMMIT of PostgreSQL that got no answer is looked up, so that "failed" always means nothing was stored.
 *
 * @throws {LOG_STORE_OLDER} nothing is committed to a database that was set back
 */
async function commit(db: Database, trx: Transaction): Promise<void> {
  if (db.client === 'sqlite3') return void (await trx.rows('COMMIT'))
  const checkSize = db.floor.asking()
  const [row] = await trx.rows(BEFORE_COMMIT)
  checkSize(Number(row?.log_size ?? 0))
  try {
    await trx.rows('COMMIT')
  } catch (error) {
    if (typeof row?.id !== 'string' || !isConnectionLost(error)) throw error
    discard(trx.connection, error)
    if (!(await wasCommitted(db.writer, row.id, setTimeout))) throw error
  }
}

async function rollback(trx: Transaction): Promise<void> {
  try {
    await trx.rows('ROLLBACK')
  } catch (error) {
    // After a full disk or an I/O error SQLite has already rolled back, and says that there is no transaction.
    if (!/no transaction is active/.test(error instanceof Error ? error.message : '')) {
      discard(trx.connection, error)
    }
  }
}
