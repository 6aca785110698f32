/**
 * Monthly partitions of PostgreSQL: made ahead, and dropped as a whole when the law lets everything in them go.
 *
 * A partition of `serials` is a range of serial numbers, which begin with instance and second of issuance; that of
 * `certificates` a range of row numbers, whose upper bits are the month (migration 0007). SQLite has none of this.
 */
import { CodedError } from '../../ca/errors.ts'
import type { RecordDraft } from '../../ca/ports.ts'
import { type Database, type Transaction, withTransaction } from './database.ts'
import { queryRows } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { firstIdOfMonth } from './migrations/0007-partitions.ts'

/** Months since January 1970, UTC. */
type MonthNumber = number

const monthOf = (at: Date): MonthNumber => (at.getUTCFullYear() - 1970) * 12 + at.getUTCMonth()

const startOf = (month: MonthNumber): Date => new Date(Date.UTC(1970, month, 1))

/** `2026_11`. */
const nameOf = (month: MonthNumber): string => startOf(month).toISOString().slice(0, 7).replace('-', '_')

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

const serialBound = (instanceByte: number, month: MonthNumber): string =>
  hex(instanceByte, 2) + hex(startOf(month).getTime() / 1000, 8)

/** Bounds of a month in each table, as SQL literals. */
const boundsOf = (instanceByte: number, month: MonthNumber) => [
  {
    table: 'serials',
    column: 'serial_hex',
    from: `'${serialBound(instanceByte, month)}'`,
    to: `'${serialBound(instanceByte, month + 1)}'`,
  },
  {
    table: 'certificates',
    column: 'serial_id',
    from: String(firstIdOfMonth(month)),
    to: String(firstIdOfMonth(month + 1)),
  },
]

const exists = async (trx: Transaction, table: string): Promise<boolean> => {
  const [row] = await trx.rows('SELECT to_regclass(?) IS NOT NULL AS found', [table])
  return row?.found === true
}

/** Attaching takes a lock that lets readers and writers go on; it is not waited for long, since the next run tries again. */
async function makeMonth(trx: Transaction, instanceByte: number, month: MonthNumber): Promise<boolean> {
  let isMade = false
  for (const { table, column, from, to } of boundsOf(instanceByte, month)) {
    const name = `${table}_p${nameOf(month)}`
    if (await exists(trx, name)) continue
    isMade = true
    await trx.rows("SET LOCAL lock_timeout = '3s'")
    await trx.rows(`CREATE TABLE ${name} (LIKE ${table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`)
    // Rows of a month that was not made in time, and of the ceremony that came before every partition.
    await trx.rows(`WITH late AS (DELETE FROM ${table}_p_rest WHERE ${column} >= ${from} AND ${column} < ${to} RETURNING *)
      INSERT INTO ${name} SELECT * FROM late`)
    await trx.rows(`ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (${from}) TO (${to})`)
  }
  return isMade
}

/** Months that have a partition, oldest first. */
async function listMonths(db: Database): Promise<MonthNumber[]> {
  const sql = `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'certificates'::regclass`
  const names = (await queryRows(db.reader, sql)).map(({ name }) => /_p(\d{4})_(\d\d)$/.exec(String(name)))
  return names
    .flatMap((match) => (match === null ? [] : [monthOf(new Date(`${match[1]}-${match[2]}-01`))]))
    .sort((a, b) => a - b)
}

const RETENTION_YEARS = 5

/** The end of what must be kept of a month: five years after the last certificate in it (Electronic Signature Law art. 24). */
async function readKeepUntil(trx: Transaction, month: MonthNumber): Promise<Date> {
  const [row] = await trx.rows(`SELECT max(not_after) AS ended FROM certificates_p${nameOf(month)}`)
  // Serials that never got a certificate are kept as if they had ended with their month.
  const end = new Date(Math.max(startOf(month + 1).getTime(), Number(row?.ended ?? 0)))
  end.setUTCFullYear(end.getUTCFullYear() + RETENTION_YEARS)
  return end
}

/** @returns how many certificates went, or undefined while they must be kept */
async function dropMonth(trx: Transaction, month: MonthNumber, now: Date): Promise<number | undefined> {
  if (now < (await readKeepUntil(trx, month))) return undefined
  await trx.rows("SET LOCAL lock_timeout = '3s'")
  const name = nameOf(month)
  const [row] = await trx.rows(`SELECT count(*) AS n FROM certificates_p${name}`)
  const [from, to] = [month, month + 1].map((at) => String(firstIdOfMonth(at)))
  await trx.rows(`DELETE FROM revocations WHERE serial_id >= ${from} AND serial_id < ${to}`)
  for (const table of ['certificates', 'serials']) await trx.rows(`DROP TABLE ${table}_p${name}`)
  return Number(row?.n)
}

/** A month that went. */
export type DroppedMonth = { readonly month: string; readonly certificates: number }

/** Partitions over the database; on SQLite both do nothing. */
export function createPartitions(db: Database, committer: Committer) {
  const isPartitioned = db.client === 'pg'
  return {
    /**
     * Makes the partitions of this month and of those that follow.
     *
     * @returns months that were made, `YYYY_MM`
     * @throws {STORE_UNAVAILABLE} when a month cannot get its own: its rows then go to the rest, and nothing is lost
     */
    makeAhead: async (instanceByte: number, now: Date, monthsAhead = 2): Promise<string[]> => {
      if (!isPartitioned) return []
      const first = monthOf(now)
      const made: string[] = []
      for (let month = first; month <= first + monthsAhead; month++) {
        const isMade = await withTransaction(db, (trx) => makeMonth(trx, instanceByte, month)).catch(
          (cause: unknown) => {
            throw new CodedError('STORE_UNAVAILABLE', `No partition was made for ${nameOf(month)}`, { cause })
          },
        )
        if (isMade) made.push(nameOf(month))
      }
      return made
    },
    /** Drops the months that no law keeps any longer, each with its record. */
    dropExpired: async (now: Date, toRecord: (dropped: DroppedMonth) => RecordDraft): Promise<string[]> => {
      if (!isPartitioned) return []
      const dropped: string[] = []
      for (const month of await listMonths(db)) {
        if (startOf(month + 1 + RETENTION_YEARS * 12) > now) break
        const certificates = await committer.write<number | undefined>({
          run: (trx) => dropMonth(trx, month, now),
          records: (count) =>
            count === undefined ? [] : [toRecord({ month: nameOf(month), certificates: count })],
        })
        if (certificates !== undefined) dropped.push(nameOf(month))
      }
      return dropped
    },
  }
}
