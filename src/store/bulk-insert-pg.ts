/**
 * Many rows in one statement of PostgreSQL: each column goes over as one array in the driver's binary form, so that
 * the text of a statement, and its plan, are the same for any number of rows.
 */
import type { Transaction } from './database.ts'
import type { RawConnection, SqlValue } from './dialect.ts'

/** A column and its type: `int8`, `text`, `bytea`. */
type Column = { readonly name: string; readonly type: string }

const TYPE_OIDS: Readonly<Record<string, number>> = { int8: 20, text: 25, bytea: 17 }
const HEADER_BYTES = 20
const INT8_BYTES = 8

const encoder = new TextEncoder()

function encodeValue(value: SqlValue, type: string): Uint8Array | null {
  if (value === null) return null
  if (typeof value === 'string') return encoder.encode(value)
  if (value instanceof Uint8Array) return value
  if (type !== 'int8') return encoder.encode(String(value))
  const bytes = new Uint8Array(INT8_BYTES)
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value))
  return bytes
}

/** A one-dimensional array as PostgreSQL reads it in binary: header, then length and octets of each value. */
export function encodeArray(values: readonly SqlValue[], type: string): Uint8Array {
  const parts = values.map((value) => encodeValue(value, type))
  const size = parts.reduce((sum, part) => sum + 4 + (part?.length ?? 0), HEADER_BYTES)
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  const hasNull = parts.includes(null)
  for (const [at, word] of [1, hasNull ? 1 : 0, TYPE_OIDS[type] ?? 0, parts.length, 1].entries())
    view.setInt32(at * 4, word)
  let at = HEADER_BYTES
  for (const part of parts) {
    view.setInt32(at, part?.length ?? -1)
    at += 4
    if (part === null) continue
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const columnTypes = new WeakMap<RawConnection, Map<string, ReadonlyMap<string, string>>>()

const toArrayType = (type: string): string => {
  if (type.startsWith('int')) return 'int8'
  return type === 'bytea' ? 'bytea' : 'text'
}

/** Types of a table's columns, read once over each connection. */
async function readTypes(trx: Transaction, table: string): Promise<ReadonlyMap<string, string>> {
  const tables = columnTypes.get(trx.connection) ?? new Map<string, ReadonlyMap<string, string>>()
  columnTypes.set(trx.connection, tables)
  const known = tables.get(table)
  if (known) return known
  const sql = 'SELECT column_name, udt_name FROM information_schema.columns WHERE table_name = ?'
  const rows = await trx.rows(sql, [table])
  const types = new Map(rows.map((row) => [String(row.column_name), toArrayType(String(row.udt_name))]))
  tables.set(table, types)
  return types
}

/** The key of a serial begins with the month of its intent, which is what its rows are partitioned by. */
const NEW_SERIAL_ID = `(yinxin_month(u.at) << 40) + nextval('serials_id_seq')`
/** One look-up a row, which only ever touches the partition of the serial. */
const SERIAL_ID = `coalesce((SELECT s.id FROM serials s
  WHERE s.serial_hex = u.serial_hex AND s.issuer_id = u.issuer_id), 0)`

const SERIAL_KEY: readonly Column[] = [
  { name: 'serial_hex', type: 'text' },
  { name: 'issuer_id', type: 'text' },
]

const texts = new Map<string, string>()

function buildSql(
  table: string,
  given: readonly Column[],
  stored: readonly string[],
  key: string | null,
): string {
  const columns = key === null ? stored : [key === SERIAL_ID ? 'serial_id' : 'id', ...stored]
  const values = stored.map((name) => `u.${name}`)
  const arrays = given.map(({ type }) => `?::${type}[]`)
  return `INSERT INTO ${table} (${columns.join(', ')})
    SELECT ${[...(key === null ? [] : [key]), ...values].join(', ')}
    FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS u (${given.map(({ name }) => name).join(', ')}, place)
    ORDER BY u.place`
}

/** What is inserted: the columns of a row's values; where the first is `serial_id`, serial and issuer stand for it. */
export type PgInsert = { readonly name: string; readonly columns: readonly string[] }

/** Inserts rows in their order. */
export async function insertRowsPg(
  trx: Transaction,
  { name, columns }: PgInsert,
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  const types = await readTypes(trx, name)
  const isAfterSerial = columns[0] === 'serial_id'
  const stored = isAfterSerial ? columns.slice(1) : columns
  const own = stored.map((column) => ({ name: column, type: types.get(column) ?? 'text' }))
  const given = isAfterSerial ? [...SERIAL_KEY, ...own] : own
  let sql = texts.get(name)
  if (sql === undefined) {
    const key = isAfterSerial ? SERIAL_ID : name === 'serials' ? NEW_SERIAL_ID : null
    sql = buildSql(name, given, stored, key)
    texts.set(name, sql)
  }
  const arrays = given.map(({ type }, at) =>
    encodeArray(
      rows.map((row) => row[at] ?? null),
      type,
    ),
  )
  await trx.rows(sql, arrays)
}
