/** Verification reports. One made without an account belongs to nobody: whoever knows its id may read it. */
import type { Json, RecordDraft } from '../../ca/ports.ts'
import { createConditions } from './conditions.ts'
import type { Database } from './database.ts'
import { queryRows, type SqlRow } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { buildPage, type PageRequest, parseCursor, readLimit } from './paging.ts'
import { type Page, type TenantFilter, toDate, toMillis, toTextOrNull } from './values.ts'

/** One report. */
export type StoredVerification = {
  readonly id: string
  /** Null: public. */
  readonly tenant: string | null
  readonly documentSha256: string
  /** Overall indication of EN 319 102-1. */
  readonly indication: string
  readonly policy: string
  readonly at: Date
  readonly report: Json
}

const toVerification = (row: SqlRow): StoredVerification => ({
  id: String(row.id),
  tenant: toTextOrNull(row.tenant),
  documentSha256: String(row.document_sha256),
  indication: String(row.indication),
  policy: String(row.policy),
  at: toDate(row.at),
  report: JSON.parse(String(row.report)) as Json,
})

/** Reports over the database. */
export function createVerifications({ reader }: Database, committer: Committer) {
  return {
    add: (verification: StoredVerification, records: readonly RecordDraft[]): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          await trx.table('verifications').insert({
            id: verification.id,
            tenant: verification.tenant,
            document_sha256: verification.documentSha256,
            indication: verification.indication,
            policy: verification.policy,
            at: toMillis(verification.at),
            report: JSON.stringify(verification.report),
          })
        },
        records,
      }),
    /** A public report, or one of a tenant that the reader may see. */
    find: async (id: string, tenant: TenantFilter | null): Promise<StoredVerification | undefined> => {
      const where = createConditions()
      where.add('id = ?', id)
      if (tenant !== 'all' && tenant !== null) where.add('(tenant IS NULL OR tenant = ?)', tenant)
      else where.tenant('tenant', tenant)
      const [row] = await queryRows(reader, `SELECT * FROM verifications ${where.sql()}`, where.values())
      return row === undefined ? undefined : toVerification(row)
    },
    /** Newest first; public ones only to those who see all. @throws {CURSOR_INVALID} */
    list: async (tenant: TenantFilter, request: PageRequest): Promise<Page<StoredVerification>> => {
      const where = createConditions()
      where.tenant('tenant', tenant)
      where.after(['at', 'id'], parseCursor(request.cursor))
      const limit = readLimit(request)
      const sql = `SELECT * FROM verifications ${where.sql()} ORDER BY at DESC, id DESC LIMIT ?`
      const rows = await queryRows(reader, sql, [...where.values(), limit + 1])
      return buildPage(rows, limit, toVerification, (row) => ({ at: Number(row.at), key: String(row.id) }))
    },
  }
}
