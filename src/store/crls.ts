/** What goes into a CRL, and publishing one by compare-and-swap. */
import { CodedError } from '../../ca/errors.ts'
import type { CrlEntryRow, CrlRow, CrlScope, RecordDraft, RevocationReason } from '../../ca/ports.ts'
import type { Knex } from 'knex'
import type { Transaction } from './database.ts'
import { queryRows, type SqlRow, type SqlValue } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { toBytes, toDate, toDateOrNull } from './values.ts'

const ENTRIES_PER_READ = 5_000
const FULL_CRL = -1

// RFC 5280 §5.2.3: at most 20 octets, so at most 2^159 - 1.
const NUMBER = /^(0|[1-9]\d{0,47})$/
const MAX_NUMBER = 2n ** 159n - 1n

const toShard = (scope: CrlScope): number => scope.shard ?? FULL_CRL

const LATEST = `SELECT number, this_update, next_update, entry_count, crl_der FROM crls
  WHERE issuer_id = ? AND shard = ? ORDER BY id DESC LIMIT 1`

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

const toEntry = (row: SqlRow): CrlEntryRow => ({
  serialHex: String(row.serial_hex),
  revokedAt: toDate(row.revoked_at),
  reason: row.reason as RevocationReason,
  invalidityDate: toDateOrNull(row.invalidity_date),
})

/**
 * Revoked and held serials of a scope in the order of their hexadecimal text, a few thousand a read.
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
  const sql = `SELECT serial_hex, revoked_at, reason, invalidity_date FROM revocations
    WHERE issuer_id = ? ${onlyShard} AND serial_hex > ?
    AND (not_after IS NULL OR not_after >= ?) ORDER BY serial_hex LIMIT ?`
  const scopeValues: SqlValue[] = scope.shard === null ? [scope.issuerId] : [scope.issuerId, scope.shard]
  let after = ''
  for (;;) {
    const rows = await queryRows(reader, sql, [...scopeValues, after, last, entriesPerRead])
    for (const row of rows) yield toEntry(row)
    if (rows.length < entriesPerRead) return
    after = String(rows.at(-1)?.serial_hex)
  }
}

async function findLastCrlTime(reader: Knex, scope: CrlScope): Promise<number> {
  const sql = 'SELECT this_update FROM crls WHERE issuer_id = ? AND shard = ? ORDER BY id DESC LIMIT 1'
  const [row] = await queryRows(reader, sql, [scope.issuerId, toShard(scope)])
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
  const [last] = await trx.rows(LATEST, [row.issuerId, shard])
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
