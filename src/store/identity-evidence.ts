/**
 * Identity evidence: how it was checked whom a certificate names (Electronic Signature Law art. 20).
 *
 * It holds hashes of the material and a salted hash of the subject, never the material or the name.
 */
import type { Knex } from 'knex'
import type { RecordDraft } from '../../ca/ports.ts'
import { joinCalls } from '../../ca/joined.ts'
import { createConditions } from './conditions.ts'
import type { Database } from './database.ts'
import { queryRows, type SqlRow, textsOf } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { buildPage, type PageRequest, parseCursor, readLimit } from './paging.ts'
import { JOINED_READS } from './shared-reads.ts'
import { type Page, type TenantFilter, toDate, toMillis, toTextOrNull } from './values.ts'

/** One check of one identity. */
export type IdentityEvidence = {
  readonly id: string
  readonly tenant: string | null
  /** For example `counter`, `video`, `bank-card-4`, `business-licence`. */
  readonly method: string
  readonly source: string
  readonly result: 'passed' | 'failed'
  readonly checkedAt: Date
  readonly operator: string
  /** Salted hash of the subject that was checked, hexadecimal; null once erased. */
  readonly subjectHash: string | null
  readonly subjectSalt: string | null
  /** Salted hash of each attribute and alternative name that was checked; null once erased, and in older entries. */
  readonly attributeHashes: readonly string[] | null
  /** SHA-256 of each piece of material, hexadecimal. */
  readonly materialSha256: readonly string[]
  readonly createdAt: Date
}

const toHashes = (value: unknown): string[] | null =>
  value === null ? null : (JSON.parse(String(value)) as string[])

const toEvidence = (row: SqlRow): IdentityEvidence => ({
  id: String(row.id),
  tenant: toTextOrNull(row.tenant),
  method: String(row.method),
  source: String(row.source),
  result: row.result === 'passed' ? 'passed' : 'failed',
  checkedAt: toDate(row.checked_at),
  operator: String(row.operator),
  subjectHash: toTextOrNull(row.subject_hash),
  subjectSalt: toTextOrNull(row.subject_salt),
  attributeHashes: toHashes(row.attribute_hashes),
  materialSha256: JSON.parse(String(row.material_hashes)) as string[],
  createdAt: toDate(row.created_at),
})

const toColumns = (evidence: IdentityEvidence) => ({
  id: evidence.id,
  tenant: evidence.tenant,
  method: evidence.method,
  source: evidence.source,
  result: evidence.result,
  checked_at: toMillis(evidence.checkedAt),
  operator: evidence.operator,
  subject_hash: evidence.subjectHash,
  subject_salt: evidence.subjectSalt,
  attribute_hashes: evidence.attributeHashes === null ? null : JSON.stringify(evidence.attributeHashes),
  material_hashes: JSON.stringify(evidence.materialSha256),
  created_at: toMillis(evidence.createdAt),
})

/** Those with these ids, in their order, whoever's they are. */
async function findAll(
  client: Database['client'],
  reader: Knex,
  ids: readonly string[],
): Promise<(IdentityEvidence | undefined)[]> {
  const sql = `SELECT * FROM identity_evidence WHERE id IN ${textsOf(client)}`
  const rows = await queryRows(reader, sql, [JSON.stringify([...new Set(ids)])])
  const found = new Map(rows.map(toEvidence).map((entry) => [entry.id, entry]))
  return ids.map((id) => found.get(id))
}

/** Evidence over the database. Removing it is in retention.ts. */
export function createIdentityEvidence({ client, reader }: Database, committer: Committer) {
  const findJoined = joinCalls((ids: readonly string[]) => findAll(client, reader, ids), JOINED_READS)
  return {
    add: (evidence: IdentityEvidence, records: readonly RecordDraft[]): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          await trx.table('identity_evidence').insert(toColumns(evidence))
        },
        records,
      }),
    find: async (id: string, tenant: TenantFilter | null): Promise<IdentityEvidence | undefined> => {
      const where = createConditions()
      where.add('id = ?', id)
      where.tenant('tenant', tenant)
      const [row] = await queryRows(reader, `SELECT * FROM identity_evidence ${where.sql()}`, where.values())
      return row === undefined ? undefined : toEvidence(row)
    },
    /** Those of these ids that the tenant has. */
    findMany: async (
      ids: readonly string[],
      tenant: string,
    ): Promise<ReadonlyMap<string, IdentityEvidence>> => {
      const entries = await Promise.all(ids.map(findJoined))
      return new Map(
        entries.flatMap((entry) => (entry?.tenant === tenant ? [[entry.id, entry] as const] : [])),
      )
    },
    /** Newest first. @throws {CURSOR_INVALID} */
    list: async (tenant: TenantFilter | null, request: PageRequest): Promise<Page<IdentityEvidence>> => {
      const where = createConditions()
      where.tenant('tenant', tenant)
      where.after(['created_at', 'id'], parseCursor(request.cursor))
      const limit = readLimit(request)
      const sql = `SELECT * FROM identity_evidence ${where.sql()} ORDER BY created_at DESC, id DESC LIMIT ?`
      const rows = await queryRows(reader, sql, [...where.values(), limit + 1])
      return buildPage(rows, limit, toEvidence, (row) => ({
        at: Number(row.created_at),
        key: String(row.id),
      }))
    },
  }
}
