/**
 * A batch that only inserts, on SQLite: all its rows in one statement, which is a transaction of its own.
 *
 * A statement costs a trip to another thread and back; BEGIN, an insert a table and COMMIT are five of them. The rows
 * go as JSON into a view that stores nothing, and its trigger puts them into their tables. View and trigger are the
 * connection's own (TEMP): nothing of them is in the file.
 */
import type { RecordDraft } from '../../ca/ports.ts'
import { toHex } from '../lib/bytes.ts'
import { AUDIT_RECORDS, INSERT_ORDER, type Inserts, type InsertTable } from './bulk-insert.ts'
import type { Database } from './database.ts'
import { queryRows, type RawConnection, type SqlValue } from './dialect.ts'
import { preparedOn } from './prepared.ts'
import { LAST_TIME, placeRecords, type RandomBytes } from './records.ts'

/** One caller's rows and records. */
export interface PlainWrite {
  readonly inserts: Inserts | ((recordIds: readonly string[]) => Inserts)
  readonly records: readonly RecordDraft[]
}

const VIEW = 'rows_at_once'
/** Somebody else wrote a later record. */
const TOO_OLD = 'a record is older than the last one'
/** Records first, since rows may name them. */
const TABLES: readonly InsertTable[] = [AUDIT_RECORDS, ...INSERT_ORDER]

/** Takes rows of a table from the JSON of its column in the view; octets are in hexadecimal. */
function insertFrom({ name, columns, row, octets }: InsertTable): string {
  let at = 0
  const values = row.slice(1, -1).replaceAll('?', () => {
    const value = `value ->> ${at++}`
    return at === octets ? `unhex(${value})` : value
  })
  return `INSERT INTO ${name} (${columns.join(', ')}) SELECT ${values} FROM json_each(NEW.${name});`
}

/** Statements that a connection needs before its first batch; exported for the test of their plans. */
export const AT_ONCE_SCHEMA: readonly string[] = [
  `CREATE TEMP VIEW ${VIEW} AS SELECT ${TABLES.map(({ name }) => `NULL AS ${name}`).join(', ')}`,
  `CREATE TEMP TRIGGER ${VIEW}_insert INSTEAD OF INSERT ON ${VIEW} BEGIN
    SELECT RAISE(ABORT, '${TOO_OLD}')
      WHERE (${LAST_TIME}) > NEW.audit_records ->> '$[0][1]';
    ${TABLES.map(insertFrom).join('\n')}
  END`,
]

const INSERT = `INSERT INTO ${VIEW} (${TABLES.map(({ name }) => name).join(', ')}) VALUES (${TABLES.map(() => '?').join(', ')})`

/** After the first batch of a connection its view is there; before a migration it could not be made. */
const ready = new WeakMap<RawConnection, Promise<void>>()

function prepareConnection(connection: RawConnection): Promise<void> {
  const known = ready.get(connection)
  if (known) return known
  const made = (async () => {
    for (const sql of AT_ONCE_SCHEMA) await preparedOn(connection).all(sql, [])
  })()
  ready.set(connection, made)
  made.catch(() => ready.delete(connection))
  return made
}

/** Time of the last record, as far as this process wrote it. */
const lastTimes = new WeakMap<Database, number>()

function toJson(rows: readonly (readonly SqlValue[])[], { octets }: InsertTable): string {
  if (octets === undefined) return JSON.stringify(rows)
  return JSON.stringify(rows.map((row) => row.with(octets - 1, toHex(row[octets - 1] as Uint8Array))))
}

async function readLastTime({ reader }: Database): Promise<number> {
  const [last] = await queryRows(reader, LAST_TIME)
  return last === undefined ? 0 : Number(last.at)
}

/** A text with a NUL would end there, and half a surrogate pair is no text: the driver has a way with both. */
const isOdd = (json: string): boolean => json.includes(String.raw`\u0000`) || json.includes(String.raw`\ud`)

/**
 * Writes them all in one statement; durable on return.
 *
 * @returns false when this batch needs a transaction of several statements; nothing was written
 * @throws the error of the driver; nothing was written
 */
export async function commitAtOnce(
  db: Database,
  writes: readonly PlainWrite[],
  randomBytes: RandomBytes,
): Promise<boolean> {
  const drafts = writes.flatMap(({ records }) => records)
  const records = placeRecords(drafts, lastTimes.get(db) ?? (await readLastTime(db)), randomBytes)
  const ids = records.map(([id]) => String(id))
  let used = 0
  const inserts = writes.flatMap((write) => {
    const own = ids.slice(used, (used += write.records.length))
    return typeof write.inserts === 'function' ? write.inserts(own) : write.inserts
  })
  const rowsOf = (table: InsertTable): readonly (readonly SqlValue[])[] =>
    table === AUDIT_RECORDS
      ? records
      : inserts.filter((insert) => insert.table === table).flatMap(({ rows }) => rows)
  const values = TABLES.map((table) => toJson(rowsOf(table), table))
  if (values.some(isOdd)) return false
  const last = records.at(-1)
  if (last) lastTimes.set(db, Number(last[1]))
  const connection = (await db.writer.client.acquireConnection()) as RawConnection
  try {
    await prepareConnection(connection)
    await preparedOn(connection).all(INSERT, values)
  } catch (error) {
    if (error instanceof Error && error.message.includes(TOO_OLD)) return false
    throw error
  } finally {
    await db.writer.client.releaseConnection(connection)
  }
  return true
}

/** After a batch of several statements, or a failed one, the last record has to be looked up again. */
export const forgetLastTime = (db: Database): void => void lastTimes.delete(db)
