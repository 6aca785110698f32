/** What is known of keys that the core holds for tenants; the keys themselves are in ca/keys. */
import { CodedError } from '../../ca/errors.ts'
import type { HeldKey, RecordDraft } from '../../ca/ports.ts'
import { sha256Hex } from '../lib/sha256.ts'
import { createConditions } from './conditions.ts'
import type { Database } from './database.ts'
import { queryRows, type SqlRow } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { buildPage, type PageRequest, parseCursor, readLimit } from './paging.ts'
import {
  type Page,
  type TenantFilter,
  toBytes,
  toDate,
  toDateOrNull,
  toMillis,
  toTextOrNull,
} from './values.ts'

/** A held key with the time of its destruction. */
export type StoredHeldKey = HeldKey & { readonly spkiSha256: string; readonly destroyedAt: Date | null }

const toHeldKey = (row: SqlRow): StoredHeldKey => ({
  keyId: String(row.key_id),
  algorithm: String(row.algorithm),
  spkiDer: toBytes(row.spki_der),
  spkiSha256: String(row.spki_sha256),
  tenant: toTextOrNull(row.tenant),
  createdAt: toDate(row.created_at),
  destroyedAt: toDateOrNull(row.destroyed_at),
})

/** Held keys over the database. */
export function createHeldKeys({ reader }: Database, committer: Committer) {
  return {
    add: (key: HeldKey, records: readonly RecordDraft[]): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          await trx.table('held_keys').insert({
            key_id: key.keyId,
            tenant: key.tenant,
            algorithm: key.algorithm,
            spki_sha256: sha256Hex(key.spkiDer),
            spki_der: key.spkiDer,
            created_at: toMillis(key.createdAt),
            destroyed_at: null,
          })
        },
        records,
      }),
    find: async (keyId: string, tenant: TenantFilter | null): Promise<StoredHeldKey | undefined> => {
      const where = createConditions()
      where.add('key_id = ?', keyId)
      where.tenant('tenant', tenant)
      const [row] = await queryRows(reader, `SELECT * FROM held_keys ${where.sql()}`, where.values())
      return row === undefined ? undefined : toHeldKey(row)
    },
    /** A repeat changes nothing and writes no record. @throws {KEY_NOT_FOUND} */
    markDestroyed: async (keyId: string, at: Date, records: readonly RecordDraft[]): Promise<void> => {
      await committer.write<boolean>({
        run: async (trx) => {
          const [row] = await trx.rows('SELECT destroyed_at FROM held_keys WHERE key_id = ?', [keyId])
          if (row === undefined) throw new CodedError('KEY_NOT_FOUND', 'There is no key with this id')
          if (row.destroyed_at != null) return false
          await trx.table('held_keys').where({ key_id: keyId }).update({ destroyed_at: at.getTime() })
          return true
        },
        records: (isChanged) => (isChanged ? records : []),
      })
    },
    /** Newest first. @throws {CURSOR_INVALID} */
    list: async (tenant: TenantFilter | null, request: PageRequest): Promise<Page<StoredHeldKey>> => {
      const where = createConditions()
      where.tenant('tenant', tenant)
      where.after(['created_at', 'key_id'], parseCursor(request.cursor))
      const limit = readLimit(request)
      const sql = `SELECT * FROM held_keys ${where.sql()} ORDER BY created_at DESC, key_id DESC LIMIT ?`
      const rows = await queryRows(reader, sql, [...where.values(), limit + 1])
      return buildPage(rows, limit, toHeldKey, (row) => ({
        at: Number(row.created_at),
        key: String(row.key_id),
      }))
    },
  }
}
