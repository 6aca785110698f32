/**
 * Inserts many rows with few statements: the tables of the hot path, and prepared multi-row inserts over them.
 *
 * Few rows go in one statement made for their number, many in chunks of powers of two: each statement costs a turn of
 * the event loop while everybody waits, and a connection holds at most 66 prepared ones a table.
 */
import { insertRowsPg } from './bulk-insert-pg.ts'
import type { SqlValue } from './dialect.ts'
import type { Transaction } from './database.ts'

/** A table that the hot path only inserts into. */
export type InsertTable = {
  readonly name: string
  readonly columns: readonly string[]
  /** SQL of one row in parentheses; a `?` for each value. */
  readonly row: string
  /** Values that one row takes. */
  readonly width: number
  /** Which of them is octets, counted from 1; all others are texts and numbers. */
  readonly octets?: number
}

/** Rows for tables that are only inserted into. */
export type Inserts = readonly {
  readonly table: InsertTable
  readonly rows: readonly (readonly SqlValue[])[]
}[]

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
export const CERTIFICATES: InsertTable = {
  ...afterSerial('certificates', [
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
  ]),
  octets: 14,
}

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

/** Audit records; the leaf is given as text, which the driver takes over in a third of the time of octets. */
export const AUDIT_RECORDS: InsertTable = {
  ...plainTable('audit_records', ['id', 'at', 'type', 'actor', 'tenant', 'leaf']),
  row: '(?, ?, ?, ?, ?, CAST(? AS BLOB))',
}

/** Order in which a batch fills tables after its records: referred ones first. */
export const INSERT_ORDER: readonly InsertTable[] = [SERIALS, CERTIFICATES, SIGNATURES]

const LARGEST_CHUNK = 256
/** Up to so many rows have a statement of their own. */
const EXACT_CHUNK = 64

const chunkOf = (left: number): number =>
  left <= EXACT_CHUNK ? left : Math.min(LARGEST_CHUNK, 2 ** Math.floor(Math.log2(left)))

/** A row with numbered parameters: those of `shared` columns are the same for all rows and come first. */
function rowSql(table: InsertTable, shared: readonly boolean[], ownStart: number): string {
  let column = 0
  let sharedAt = 0
  let ownAt = ownStart
  return table.row.replaceAll('?', () => (shared[column++] === true ? `?${++sharedAt}` : `?${++ownAt}`))
}

const texts = new WeakMap<InsertTable, Map<string, string>>()

function insertSql(table: InsertTable, count: number, shared: readonly boolean[]): string {
  const known = texts.get(table) ?? new Map<string, string>()
  texts.set(table, known)
  const key = `${count}:${shared.map(Number).join('')}`
  let sql = known.get(key)
  if (sql === undefined) {
    const sharedCount = shared.filter(Boolean).length
    const own = table.width - sharedCount
    const rows = Array.from({ length: count }, (_, row) => rowSql(table, shared, sharedCount + row * own))
    sql = `INSERT INTO ${table.name} (${table.columns.join(', ')}) VALUES ${rows.join(', ')}`
    known.set(key, sql)
  }
  return sql
}

/** Columns in which many rows agree, as those of a batch do: each value that is handed over costs, so these go once. */
function findShared(table: InsertTable, rows: readonly (readonly SqlValue[])[]): boolean[] {
  const [first] = rows
  const isLarge = rows.length > EXACT_CHUNK
  return Array.from(
    { length: table.width },
    (_, at) => isLarge && first !== undefined && rows.every((row) => row[at] === first[at]),
  )
}

/**
 * The driver asks of every value that is no text whether it is a regular expression, which costs more than all the
 * rest. A column of numbers makes numbers of their digits (affinity, https://sqlite.org/datatype3.html §3).
 */
const toBound = (value: SqlValue | undefined): SqlValue =>
  typeof value === 'number' ? String(value) : (value ?? null)

function valuesOf(rows: readonly (readonly SqlValue[])[], shared: readonly boolean[]): SqlValue[] {
  const [first = []] = rows
  const values = first.filter((_, at) => shared[at])
  for (const row of rows)
    for (let at = 0; at < row.length; at++) if (!shared[at]) values.push(toBound(row[at]))
  return values
}

/** Inserts rows in their order; any failure leaves the transaction to be rolled back. */
export async function insertRows(
  trx: Transaction,
  table: InsertTable,
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  if (trx.client === 'pg') return insertRowsPg(trx, table, rows)
  for (let start = 0; start < rows.length;) {
    const chunk = rows.slice(start, start + chunkOf(rows.length - start))
    const shared = findShared(table, chunk)
    await trx.rows(insertSql(table, chunk.length, shared), valuesOf(chunk, shared))
    start += chunk.length
  }
}
