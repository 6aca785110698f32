/** Tenants: the businesses that use the service. */
import { CodedError } from '../../ca/errors.ts'
import type { RecordDraft } from '../../ca/ports.ts'
import type { Database } from './database.ts'
import { isUniqueOf, queryRows, type SqlRow } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { buildPage, type PageRequest, parseCursor, readLimit } from './paging.ts'
import { createConditions } from './conditions.ts'
import { type Page, toDate, toDateOrNull, toMillis } from './values.ts'

/** A tenant. */
export type Tenant = {
  readonly id: string
  readonly name: string
  /** How long signed documents are kept; null: as configured for all. */
  readonly documentRetentionSeconds: number | null
  readonly createdAt: Date
  readonly disabledAt: Date | null
}

const toTenant = (row: SqlRow): Tenant => ({
  id: String(row.id),
  name: String(row.name),
  documentRetentionSeconds:
    row.document_retention_seconds == null ? null : Number(row.document_retention_seconds),
  createdAt: toDate(row.created_at),
  disabledAt: toDateOrNull(row.disabled_at),
})

const toColumns = (tenant: Tenant) => ({
  id: tenant.id,
  name: tenant.name,
  document_retention_seconds: tenant.documentRetentionSeconds,
  created_at: toMillis(tenant.createdAt),
  disabled_at: toMillis(tenant.disabledAt),
})

/** Tenants over the database. */
export function createTenants({ reader }: Database, committer: Committer) {
  const find = async (id: string): Promise<Tenant | undefined> => {
    const [row] = await queryRows(reader, 'SELECT * FROM tenants WHERE id = ?', [id])
    return row === undefined ? undefined : toTenant(row)
  }
  return {
    find,
    /** @throws {TENANT_EXISTS} */
    create: (tenant: Tenant, records: readonly RecordDraft[]): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          try {
            await trx.table('tenants').insert(toColumns(tenant))
          } catch (error) {
            if (!isUniqueOf(error, 'tenants')) throw error
            throw new CodedError('TENANT_EXISTS', 'A tenant with this id exists')
          }
        },
        records,
      }),
    /** @throws {TENANT_NOT_FOUND} */
    change: (
      id: string,
      changes: Partial<Pick<Tenant, 'name' | 'documentRetentionSeconds' | 'disabledAt'>>,
      records: readonly RecordDraft[],
    ): Promise<Tenant> =>
      committer.write({
        run: async (trx) => {
          const [row] = await trx.rows('SELECT * FROM tenants WHERE id = ?', [id])
          if (row === undefined) throw new CodedError('TENANT_NOT_FOUND', 'There is no tenant with this id')
          const changed = { ...toTenant(row), ...changes, id }
          await trx.table('tenants').where({ id }).update(toColumns(changed))
          return changed
        },
        records,
      }),
    /** Newest first. @throws {CURSOR_INVALID} */
    list: async (request: PageRequest): Promise<Page<Tenant>> => {
      const where = createConditions()
      where.after(['created_at', 'id'], parseCursor(request.cursor))
      const limit = readLimit(request)
      const sql = `SELECT * FROM tenants ${where.sql()} ORDER BY created_at DESC, id DESC LIMIT ?`
      const rows = await queryRows(reader, sql, [...where.values(), limit + 1])
      return buildPage(rows, limit, toTenant, (row) => ({ at: Number(row.created_at), key: String(row.id) }))
    },
  }
}
