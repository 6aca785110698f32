/**
 * Inserts many rows with few statements: the tables of the hot path, and prepared multi-row inserts over them.
 *
 * Few rows go in one statement made for their number, many in chunks of powers of two: each statement costs a turn of
 * the event loop while everybody waits, and a connection holds at most 66 prepared ones a table.
 */
import { insertRowsPg } from './bulk-insert-pg.ts'
import { type RawConnection, type SqliteConnection, type SqliteStatement, type SqlValue } from './dialect.ts'
import type { Database, Transaction } from './database.ts'

/** A table that the hot path only inserts into. */
export type InsertTable = {
  readonly name: string
  readonly columns: readonly string[]
  /** SQL of one row in parentheses; a `?` for each value. */
  readonly row: string
  /** Values that one row takes. */
  readonly width: number
}

const plainTable = (name: string, columns: readonly string[]): InsertTable => ({
  name,
  columns,
  row: `(${columns.map(() => '?').join(', ')})`,
  width: columns.length,
})

const SERIAL_ID = 'coalesce((SELECT id FROM serials WHERE serial_hex = ? AND issuer_id = ?), 0)'

const afterSerial = (name: string, columns: readonly string[]): InsertTable => ({
  name,
  columns: ['serial_id', ...columns],
  row: `(${SERIAL_ID}, ${columns.map(() => '?').join(', ')})`,
  width: columns.length + 2,
})

/** Intents. */
export const SERIALS = plainTable('serials', [
  'issuer_id',
  'serial_hex',
  'tenant',
  'profile',
  'class',
  'tbs_sha256',
  'spki_sha256',
  'shard',
  'actor',
  'at',
])

/** Issued certificates; the first two values of a row are serial and issuer. */
export const CERTIFICATES = afterSerial('certificates', [
  'cert_sha256',
  'algorithm',
  'not_before',
  'not_after',
  'subject',
  'common_name',
  'subject_salt',
  'key_id',
  'identity_evidence_id',
  'issued_at',
  'record_id',
  'cert_der',
])

/** Signatures made. */
export const SIGNATURES = plainTable('signatures', [
  'id',
  'tenant',
  'format',
  'content_sha256',
  'signed_sha256',
  'issuer_id',
  'serial_hex',
  'document_id',
  'actor',
  'signed_at',
  'record_id',
  'details',
])

/** Audit records. */
export const AUDIT_RECORDS = plainTable('audit_records', ['id', 'at', 'type', 'actor', 'tenant', 'leaf'])

/** Order in which a batch fills tables after its records: referred ones first. */
export const INSERT_ORDER: readonly InsertTable[] = [SERIALS, CERTIFICATES, SIGNATURES]

const LARGEST_CHUNK = 256
/** Up to so many rows have a statement of their own. */
const EXACT_CHUNK = 64

const chunkOf = (left: number): number =>
  left <= EXACT_CHUNK ? left : Math.min(LARGEST_CHUNK, 2 ** Math.floor(Math.log2(left)))

const insertSql = (table: InsertTable, count: number): string =>
  `INSERT INTO ${table.name} (${table.columns.join(', ')}) VALUES ${Array(count).fill(table.row).join(', ')}`

const statements = new WeakMap<RawConnection, Map<string, SqliteStatement>>()

const prepare = (connection: RawConnection, sql: string): Promise<SqliteStatement> =>
  new Promise((resolve, reject) => {
    const statement: SqliteStatement = (connection as SqliteConnection).prepare(sql, (error) => {
      if (error === null) resolve(statement)
      else reject(error)
    })
  })

async function findStatement(connection: RawConnection, sql: string): Promise<SqliteStatement> {
  let known = statements.get(connection)
  if (known === undefined) {
    known = new Map()
    statements.set(connection, known)
  }
  const found = known.get(sql)
  if (found !== undefined) return found
  const prepared = await prepare(connection, sql)
  known.set(sql, prepared)
  return prepared
}

/**
 * Gives the prepared statements of the writing connection back: SQLite does not close a connection that has one, and
 * the log file then stays beside the database, needed by whoever copies it.
 */
export async function finalizeInserts(db: Pick<Database, 'client' | 'writer'>): Promise<void> {
  if (db.client !== 'sqlite3') return
  const connection = (await db.writer.client.acquireConnection()) as RawConnection
  for (const statement of statements.get(connection)?.values() ?? []) statement.finalize()
  statements.delete(connection)
  await db.writer.client.releaseConnection(connection)
}

const runStatement = (statement: SqliteStatement, values: readonly SqlValue[]): Promise<void> =>
  new Promise((resolve, reject) => {
    statement.run(values, (error) => {
      if (error === null) resolve()
      else reject(error)
    })
  })

/** Inserts rows in their order; any failure leaves the transaction to be rolled back. */
export async function insertRows(
  trx: Transaction,
  table: InsertTable,
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  if (trx.client === 'pg') return insertRowsPg(trx, table, rows)
  let start = 0
  while (start < rows.length) {
    const count = chunkOf(rows.length - start)
    const values = rows.slice(start, start + count).flat()
    const sql = insertSql(table, count)
    await runStatement(await findStatement(trx.connection, sql), values)
    start += count
  }
}
