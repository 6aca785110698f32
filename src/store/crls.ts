/** CRLs and their parts: written ahead of the list, which is published by compare-and-swap. */
import { CodedError } from '../../ca/errors.ts'
import { type CrlContent, type CrlPart, wholeCrl } from '../../ca/formats.ts'
import type { CaStore, CrlRow, CrlScope, RecordDraft } from '../../ca/ports.ts'
import type { Knex } from 'knex'
import { readCrlEntries } from './crl-entries.ts'
import type { Database, Transaction } from './database.ts'
import { numbersOf, queryRows, type SqlRow } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { toBytes, toDate } from './values.ts'

const FULL_CRL = -1

// RFC 5280 §5.2.3: at most 20 octets, so at most 2^159 - 1.
const NUMBER = /^(0|[1-9]\d{0,47})$/
const MAX_NUMBER = 2n ** 159n - 1n

const toShard = (scope: CrlScope): number => scope.shard ?? FULL_CRL

const newest = (columns: string): string =>
  `SELECT ${columns} FROM crls WHERE issuer_id = ? AND shard = ? ORDER BY id DESC LIMIT 1`
const LATEST = newest('number, this_update, next_update, entry_count, crl_der, parts, tail_der, crl_sha256')
const LATEST_NUMBER = newest('number, this_update')

type NamedPart = readonly [id: string, sha256: string, byteLength: number]

const encodeParts = (parts: readonly CrlPart[]): string =>
  JSON.stringify(parts.map(({ id, sha256, byteLength }): NamedPart => [id, sha256, byteLength]))

function toContent(row: SqlRow): CrlContent {
  const headDer = toBytes(row.crl_der)
  if (row.tail_der == null) return wholeCrl(headDer)
  const parts = (JSON.parse(String(row.parts)) as readonly NamedPart[]).map(
    ([id, sha256, byteLength]): CrlPart => ({ id, sha256, byteLength }),
  )
  return { headDer, parts, tailDer: toBytes(row.tail_der), sha256: String(row.crl_sha256) }
}

/** Newest CRL of a scope. */
async function findLastCrl(reader: Knex, scope: CrlScope): Promise<CrlRow | undefined> {
  const [row] = await queryRows(reader, LATEST, [scope.issuerId, toShard(scope)])
  if (row === undefined) return undefined
  return {
    issuerId: scope.issuerId,
    shard: scope.shard,
    number: String(row.number),
    thisUpdate: toDate(row.this_update),
    nextUpdate: toDate(row.next_update),
    entryCount: Number(row.entry_count),
    content: toContent(row),
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

/** `thisUpdate` of the newest CRL of a scope, milliseconds; 0 before the first. */
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

/** Stores parts ahead of the list that will name them. @returns their ids, in their order */
function addCrlParts(
  committer: Committer,
  parts: readonly Uint8Array[],
  at: Date,
): Promise<readonly string[]> {
  const insert = 'INSERT INTO crl_parts (made_at, bytes) VALUES (?, ?) RETURNING id'
  return committer.write({
    run: async (trx) => {
      const ids: string[] = []
      for (const bytes of parts) {
        const [row] = await trx.rows(insert, [at.getTime(), bytes])
        ids.push(String(row?.id))
      }
      return ids
    },
    records: [],
  })
}

/** Octets of a part. @throws {STORE_UNAVAILABLE} when it is not there */
async function readCrlPart(reader: Knex, id: string): Promise<Uint8Array> {
  const [row] = await queryRows(reader, 'SELECT bytes FROM crl_parts WHERE id = ?', [Number(id)])
  if (row === undefined) throw new CodedError('STORE_UNAVAILABLE', 'A part of the CRL is not there any more')
  return toBytes(row.bytes)
}

/** A list whose parts are gone would be published and could not be served. */
async function checkParts(trx: Transaction, parts: readonly CrlPart[]): Promise<void> {
  if (parts.length === 0) return
  const ids = new Set(parts.map(({ id }) => Number(id)))
  const sql = `SELECT count(*) AS n FROM crl_parts WHERE id IN ${numbersOf(trx.client)}`
  const [row] = await trx.rows(sql, [JSON.stringify([...ids])])
  if (Number(row?.n) !== ids.size)
    throw new CodedError('REVOCATION_CONFLICT', 'A part of this CRL is not there any more')
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
  const { headDer, parts, tailDer, sha256 } = row.content
  await checkParts(trx, parts)
  await trx.table('crls').insert({
    issuer_id: row.issuerId,
    shard,
    number: row.number,
    this_update: row.thisUpdate.getTime(),
    next_update: row.nextUpdate.getTime(),
    entry_count: row.entryCount,
    crl_der: headDer,
    ...(tailDer.length === 0 ? {} : { parts: encodeParts(parts), tail_der: tailDer }),
    crl_sha256: sha256,
  })
}

/** Publishes a CRL after the one that its builder saw. @throws {REVOCATION_CONFLICT} */
async function publishCrl(
  committer: Committer,
  row: CrlRow,
  previousNumber: string | null,
  records: readonly RecordDraft[],
): Promise<void> {
  checkNumber(row.number, previousNumber)
  await committer.write({ run: (trx) => insertCrl(trx, row, previousNumber), records })
}

/** CRLs over the database. */
export const createCrls = (
  { reader }: Database,
  committer: Committer,
): Pick<CaStore, 'crlEntries' | 'lastCrl' | 'addCrlParts' | 'readCrlPart' | 'publishCrl'> => ({
  async *crlEntries(scope) {
    yield* readCrlEntries(reader, scope, await findLastCrlTime(reader, scope))
  },
  lastCrl: (scope) => findLastCrl(reader, scope),
  addCrlParts: (parts, at) => addCrlParts(committer, parts, at),
  readCrlPart: (id) => readCrlPart(reader, id),
  publishCrl: (row, previousNumber, records) => publishCrl(committer, row, previousNumber, records),
})
