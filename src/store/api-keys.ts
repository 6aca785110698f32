/** API keys: only the hash of each, found by its prefix. */
import { CodedError } from '../../ca/errors.ts'
import type { RecordDraft } from '../../ca/ports.ts'
import type { Knex } from 'knex'
import type { Role } from '../auth/permissions.ts'
import { joinCalls } from '../../ca/joined.ts'
import { createConditions } from './conditions.ts'
import type { Database, Transaction } from './database.ts'
import { queryRows, type SqlRow, textsOf } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { buildPage, type PageRequest, parseCursor, readLimit } from './paging.ts'
import { JOINED_READS } from './shared-reads.ts'
import { type Page, type TenantFilter, toDate, toDateOrNull, toMillis, toTextOrNull } from './values.ts'

/** An API key as stored. */
export type StoredApiKey = {
  readonly id: string
  readonly prefix: string
  readonly hash: string
  /** Null: staff of the institution. */
  readonly tenant: string | null
  readonly roles: readonly Role[]
  readonly label: string | null
  readonly createdBy: string
  readonly createdAt: Date
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
  readonly lastUsedAt: Date | null
}

/** A key with what its tenant says about it. */
export type FoundApiKey = StoredApiKey & { readonly isTenantDisabled: boolean }

// A use within this time of the last noted one is not written again: it would be a write on every request.
const USE_NOTED_EVERY_MS = 60_000

const toApiKey = (row: SqlRow): StoredApiKey => ({
  id: String(row.id),
  prefix: String(row.prefix),
  hash: String(row.hash),
  tenant: toTextOrNull(row.tenant),
  roles: JSON.parse(String(row.roles)) as Role[],
  label: toTextOrNull(row.label),
  createdBy: String(row.created_by),
  createdAt: toDate(row.created_at),
  expiresAt: toDateOrNull(row.expires_at),
  revokedAt: toDateOrNull(row.revoked_at),
  lastUsedAt: toDateOrNull(row.last_used_at),
})

const toColumns = (key: StoredApiKey) => ({
  id: key.id,
  prefix: key.prefix,
  hash: key.hash,
  tenant: key.tenant,
  roles: JSON.stringify(key.roles),
  label: key.label,
  created_by: key.createdBy,
  created_at: toMillis(key.createdAt),
  expires_at: toMillis(key.expiresAt),
  revoked_at: toMillis(key.revokedAt),
  last_used_at: toMillis(key.lastUsedAt),
})

async function revokeApiKey(
  trx: Transaction,
  id: string,
  tenant: TenantFilter | null,
  at: Date,
): Promise<boolean> {
  const where = createConditions()
  where.add('id = ?', id)
  where.tenant('tenant', tenant)
  const [row] = await trx.rows(`SELECT revoked_at FROM api_keys ${where.sql()}`, where.values())
  if (row === undefined) throw new CodedError('API_KEY_NOT_FOUND', 'There is no API key with this id')
  if (row.revoked_at != null) return false
  await trx.table('api_keys').where({ id }).update({ revoked_at: at.getTime() })
  return true
}

/** Those of these public parts, in their order. */
async function findApiKeys(
  client: Database['client'],
  reader: Knex,
  prefixes: readonly string[],
): Promise<(FoundApiKey | undefined)[]> {
  const sql = `SELECT k.*, t.disabled_at AS tenant_disabled_at FROM api_keys k
    LEFT JOIN tenants t ON t.id = k.tenant WHERE k.prefix IN ${textsOf(client)}`
  const rows = await queryRows(reader, sql, [JSON.stringify([...new Set(prefixes)])])
  const found = new Map(
    rows.map((row) => [
      String(row.prefix),
      { ...toApiKey(row), isTenantDisabled: row.tenant_disabled_at != null },
    ]),
  )
  return prefixes.map((prefix) => found.get(prefix))
}

async function listApiKeys(
  reader: Knex,
  tenant: TenantFilter | null,
  request: PageRequest,
): Promise<Page<StoredApiKey>> {
  const where = createConditions()
  where.tenant('tenant', tenant)
  where.after(['created_at', 'id'], parseCursor(request.cursor))
  const limit = readLimit(request)
  const sql = `SELECT * FROM api_keys ${where.sql()} ORDER BY created_at DESC, id DESC LIMIT ?`
  const rows = await queryRows(reader, sql, [...where.values(), limit + 1])
  return buildPage(rows, limit, toApiKey, (row) => ({ at: Number(row.created_at), key: String(row.id) }))
}

/** API keys over the database. */
export function createApiKeys({ client, reader }: Database, committer: Committer) {
  return {
    /** By the public part of a presented key; the caller compares the hash. */
    findByPrefix: joinCalls(
      (prefixes: readonly string[]) => findApiKeys(client, reader, prefixes),
      JOINED_READS,
    ),
    /** @throws {TENANT_NOT_FOUND} */
    create: (key: StoredApiKey, records: readonly RecordDraft[]): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          const known = await trx.rows('SELECT 1 AS found FROM tenants WHERE id = ?', [key.tenant])
          if (key.tenant !== null && known.length === 0) {
            throw new CodedError('TENANT_NOT_FOUND', 'There is no tenant with this id')
          }
          await trx.table('api_keys').insert(toColumns(key))
        },
        records,
      }),
    /** A repeat changes nothing and writes no record. @throws {API_KEY_NOT_FOUND} also for another tenant's key */
    revoke: async (
      id: string,
      tenant: TenantFilter | null,
      at: Date,
      records: readonly RecordDraft[],
    ): Promise<void> => {
      await committer.write<boolean>({
        run: (trx) => revokeApiKey(trx, id, tenant, at),
        records: (isChanged) => (isChanged ? records : []),
      })
    },
    /** Notes that a key was used, at most once a minute. */
    touch: async (key: StoredApiKey, at: Date): Promise<void> => {
      if (key.lastUsedAt !== null && at.getTime() - key.lastUsedAt.getTime() < USE_NOTED_EVERY_MS) return
      await committer.write<void>({
        run: async (trx) => {
          await trx.table('api_keys').where({ id: key.id }).update({ last_used_at: at.getTime() })
        },
        records: [],
      })
    },
    count: async (): Promise<number> => {
      const [row] = await queryRows(reader, 'SELECT count(*) AS n FROM api_keys')
      return Number(row?.n)
    },
    /** Newest first. @throws {CURSOR_INVALID} */
    list: (tenant: TenantFilter | null, request: PageRequest): Promise<Page<StoredApiKey>> =>
      listApiKeys(reader, tenant, request),
  }
}
