/** What goes into a CRL: revoked and held serials in their order. */
import type { CrlEntryRow, CrlScope, RevocationReason } from '../../ca/ports.ts'
import type { Knex } from 'knex'
import {
  isSqlite,
  queryRows,
  type RawConnection,
  SQLITE_CACHE,
  type SqlRow,
  type SqlValue,
} from './dialect.ts'

const ENTRIES_PER_READ = 2_000

/** The entry between two places of the text that {@link readCrlEntries} asks for: hex,time,reason,time. */
function toEntry(text: string, start: number, end: number): CrlEntryRow {
  const serialEnd = text.indexOf(',', start)
  const timeEnd = text.indexOf(',', serialEnd + 1)
  const reasonEnd = text.indexOf(',', timeEnd + 1)
  return {
    serialHex: text.slice(start, serialEnd),
    revokedAt: new Date(Number(text.slice(serialEnd + 1, timeEnd))),
    reason: text.slice(timeEnd + 1, reasonEnd) as RevocationReason,
    invalidityDate: reasonEnd + 1 === end ? null : new Date(Number(text.slice(reasonEnd + 1, end))),
  }
}

/** Entries of one read. One at a time: thousands of short texts that live for a while make the heap grow. */
function* toEntries(text: string): Generator<CrlEntryRow> {
  for (let start = 0; start < text.length;) {
    const next = text.indexOf(';', start)
    const end = next < 0 ? text.length : next
    yield toEntry(text, start, end)
    start = end + 1
  }
}

type Read = (sql: string, values: readonly SqlValue[]) => Promise<SqlRow[]>

/**
 * Hands `use` a way to read much in order. On SQLite that is a connection of its own whose cache is small meanwhile: the
 * pages of a long list are wanted once, and would drive out those that are wanted again.
 */
async function* withLongRead<T>(reader: Knex, use: (read: Read) => AsyncGenerator<T>): AsyncGenerator<T> {
  if (!isSqlite(reader)) return yield* use((sql, values) => queryRows(reader, sql, values))
  const client = reader.client as {
    acquireConnection(): Promise<RawConnection>
    releaseConnection(connection: RawConnection): Promise<void>
  }
  const connection = await client.acquireConnection()
  const read: Read = (sql, values) => queryRows(reader, sql, values, connection)
  try {
    await read(SQLITE_CACHE.small, [])
    yield* use(read)
  } finally {
    await read(SQLITE_CACHE.usual, []).catch(() => undefined)
    await client.releaseConnection(connection)
  }
}

/**
 * Revoked and held serials of a scope in the order of their hexadecimal text, a few thousand a read. Each read is one
 * text: an object for each row and column would take the driver several times as long as all the rest.
 *
 * An expired certificate stays until it was on one CRL after its end (RFC 5280 §3.3): it is left out when the
 * last CRL of the scope already lay behind its `notAfter`. Nothing is left out for being newer than the CRL: a
 * CRL may say more than its `thisUpdate` promises, never less.
 *
 * @param last `thisUpdate` of the last CRL of the scope, milliseconds; 0 before the first
 */
export async function* readCrlEntries(
  reader: Knex,
  scope: CrlScope,
  last: number,
  entriesPerRead = ENTRIES_PER_READ,
): AsyncGenerator<CrlEntryRow> {
  const onlyShard = scope.shard === null ? '' : 'AND shard = ?'
  const page = `SELECT serial_hex, revoked_at, reason, invalidity_date FROM revocations
    WHERE issuer_id = ? ${onlyShard} AND serial_hex > ?
    AND (not_after IS NULL OR not_after >= ?) ORDER BY serial_hex LIMIT ?`
  const entry = `serial_hex || ',' || revoked_at || ',' || reason || ',' || coalesce('' || invalidity_date, '')`
  const sql = `SELECT string_agg(${entry}, ';' ORDER BY serial_hex) AS entries FROM (${page}) AS page`
  const scopeValues: SqlValue[] = scope.shard === null ? [scope.issuerId] : [scope.issuerId, scope.shard]
  yield* withLongRead(reader, async function* (read) {
    let after = ''
    for (;;) {
      const [row] = await read(sql, [...scopeValues, after, last, entriesPerRead])
      if (row?.entries == null) return
      let count = 0
      for (const entry of toEntries(String(row.entries))) {
        after = entry.serialHex
        count++
        yield entry
      }
      if (count < entriesPerRead) return
    }
  })
}
