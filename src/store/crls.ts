/** What goes into a CRL, and publishing one by compare-and-swap. */
import { CodedError } from '../../ca/errors.ts'
import type { CrlEntryRow, CrlRow, CrlScope, RecordDraft, RevocationReason } from '../../ca/ports.ts'
import type { Knex } from 'knex'
import type { Transaction } from './database.ts'
import { queryRows, type SqlValue } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { toBytes, toDate } from './values.ts'

const ENTRIES_PER_READ = 5_000
const FULL_CRL = -1

// RFC 5280 §5.2.3: at most 20 octets, so at most 2^159 - 1.
const NUMBER = /^(0|[1-9]\d{0,47})$/
const MAX_NUMBER = 2n ** 159n - 1n

const toShard = (scope: CrlScope): number => scope.shard ?? FULL_CRL

const newest = (columns: string): string =>
  `SELECT ${columns} FROM crls WHERE issuer_id = ? AND shard = ? ORDER BY id DESC LIMIT 1`
const LATEST = newest('number, this_update, next_update, entry_count, crl_der')
/** Without the list itself, which may have fifty megabytes. */
const LATEST_NUMBER = newest('number, this_update')

/** Newest CRL of a scope. */
export async function findLastCrl(reader: Knex, scope: CrlScope): Promise<CrlRow | undefined> {
  const [row] = await queryRows(reader, LATEST, [scope.issuerId, toShard(scope)])
  if (row === undefined) return undefined
  return {
    issuerId: scope.issuerId,
    shard: scope.shard,
    number: String(row.number),
    thisUpdate: toDate(row.this_update),
    nextUpdate: toDate(row.next_update),
    entryCount: Number(row.entry_count),
    crlDer: toBytes(row.crl_der),
  }
}

/** From when to when the newest CRL of a scope counts. */
export type CrlPeriod = CrlScope & { readonly thisUpdate: Date; readonly nextUpdate: Date }

/** The period of the newest CRL of every scope. */
export async function readCrlPeriods(reader: Knex): Promise<CrlPeriod[]> {
  const sql = `SELECT issuer_id, shard, this_update, next_update FROM crls
    WHERE id IN (SELECT max(id) FROM crls GROUP BY issuer_id, shard) ORDER BY issuer_id, shard`
  return (await queryRows(reader, sql)).map((row) => ({
    issuerId: String(row.issuer_id),
    shard: Number(row.shard) === FULL_CRL ? null : Number(row.shard),
    thisUpdate: toDate(row.this_update),
    nextUpdate: toDate(row.next_update),
  }))
}

/** An entry out of the text that {@link readCrlEntries} asks for. */
function toEntry(text: string): CrlEntryRow {
  const [serialHex = '', revokedAt = '', reason = '', invalidityDate = ''] = text.split(',')
  return {
    serialHex,
    revokedAt: new Date(Number(revokedAt)),
    reason: reason as RevocationReason,
    invalidityDate: invalidityDate === '' ? null : new Date(Number(invalidityDate)),
  }
}

/**
 * Revoked and held serials of a scope in the order of their hexadecimal text, a few thousand a read. Each read is one
 * text: an object for each row and column would take the driver several times as long as all the rest.
 *
 * An expired certificate stays until it was on one CRL after its end (RFC 5280 §3.3): it is left out when the
 * last CRL of the scope already lay behind its `notAfter`. Nothing is left out for being newer than the CRL: a
 * CRL may say more than its `thisUpdate` promises, never less.
 */
export async function* readCrlEntries(
  reader: Knex,
  scope: CrlScope,
  entriesPerRead = ENTRIES_PER_READ,
): AsyncGenerator<CrlEntryRow> {
  const last = await findLastCrlTime(reader, scope)
  const onlyShard = scope.shard === null ? '' : 'AND shard = ?'
  const page = `SELECT serial_hex, revoked_at, reason, invalidity_date FROM revocations
    WHERE issuer_id = ? ${onlyShard} AND serial_hex > ?
    AND (not_after IS NULL OR not_after >= ?) ORDER BY serial_hex LIMIT ?`
  const entry = `serial_hex || ',' || revoked_at || ',' || reason || ',' || coalesce('' || invalidity_date, '')`
  const sql = `SELECT string_agg(${entry}, ';' ORDER BY serial_hex) AS entries FROM (${page}) AS page`
  const scopeValues: SqlValue[] = scope.shard === null ? [scope.issuerId] : [scope.issuerId, scope.shard]
  let after = ''
  for (;;) {
    const [row] = await queryRows(reader, sql, [...scopeValues, after, last, entriesPerRead])
    if (row?.entries == null) return
    const texts = String(row.entries).split(';')
    for (const text of texts) yield toEntry(text)
    if (texts.length < entriesPerRead) return
    after = toEntry(texts.at(-1) ?? '').serialHex
  }
}

async function findLastCrlTime(reader: Knex, scope: CrlScope): Promise<number> {
  const [row] = await queryRows(reader, LATEST_NUMBER, [scope.issuerId, toShard(scope)])
  return row === undefined ? 0 : Number(row.this_update)
}

function checkNumber(number: string, previous: string | null): void {
  if (!NUMBER.test(number) || BigInt(number) > MAX_NUMBER) {
    throw new CodedError('REVOCATION_CONFLICT', 'A CRL number is a decimal number below 2^159')
  }
  if (previous !== null && BigInt(number) <= BigInt(previous)) {
    throw new CodedError('REVOCATION_CONFLICT', 'A CRL number is above that of the CRL before it')
  }
}

async function insertCrl(trx: Transaction, row: CrlRow, previousNumber: string | null): Promise<void> {
  const shard = toShard(row)
  const [last] = await trx.rows(LATEST_NUMBER, [row.issuerId, shard])
  const lastNumber = last === undefined ? null : String(last.number)
  if (lastNumber !== previousNumber) {
    throw new CodedError('REVOCATION_CONFLICT', 'Another CRL of this scope was published first')
  }
  if (last !== undefined && Number(last.this_update) > row.thisUpdate.getTime()) {
    throw new CodedError('REVOCATION_CONFLICT', 'A CRL is not older than the CRL before it')
  }
  await trx.table('crls').insert({
    issuer_id: row.issuerId,
    shard,
    number: row.number,
    this_update: row.thisUpdate.getTime(),
    next_update: row.nextUpdate.getTime(),
    entry_count: row.entryCount,
    crl_der: row.crlDer,
  })
}

/** Publishes a CRL after the one that its builder saw. @throws {REVOCATION_CONFLICT} */
export async function publishCrl(
  committer: Committer,
  row: CrlRow,
  previousNumber: string | null,
  records: readonly RecordDraft[],
): Promise<void> {
  checkNumber(row.number, previousNumber)
  await committer.write({ run: (trx) => insertCrl(trx, row, previousNumber), records })
}
