/** Signatures that were made: digests, certificate, time; the document itself is in documents.ts. */
import type { Json, RecordDraft } from '../../ca/ports.ts'
import { SIGNATURES } from './bulk-insert.ts'
import { createConditions } from './conditions.ts'
import type { Database } from './database.ts'
import { queryRows, type SqlRow, type SqlValue } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { buildPage, type PageRequest, parseCursor, readLimit } from './paging.ts'
import { type Page, type TenantFilter, toDate, toTextOrNull } from './values.ts'

/** One signature. */
export type StoredSignature = {
  readonly id: string
  readonly tenant: string
  /** For example `PAdES-B-T`. */
  readonly format: string
  /** SHA-256 of what was signed, hexadecimal. */
  readonly contentSha256: string
  /** SHA-256 of the signed file, hexadecimal; null when only a digest was signed. */
  readonly signedSha256: string | null
  readonly issuerId: string
  readonly serialHex: string
  readonly documentId: string | null
  readonly actor: string
  readonly signedAt: Date
  /** What else the service wants to say of it; no personal data beyond the tenant's own. */
  readonly details: { readonly [key: string]: Json }
  /** Record of it; its receipt proves that it is in the log. */
  readonly recordId: string | null
}

const toSignature = (row: SqlRow): StoredSignature => ({
  id: String(row.id),
  tenant: String(row.tenant),
  format: String(row.format),
  contentSha256: String(row.content_sha256),
  signedSha256: toTextOrNull(row.signed_sha256),
  issuerId: String(row.issuer_id),
  serialHex: String(row.serial_hex),
  documentId: toTextOrNull(row.document_id),
  actor: String(row.actor),
  signedAt: toDate(row.signed_at),
  details: JSON.parse(String(row.details)) as StoredSignature['details'],
  recordId: toTextOrNull(row.record_id),
})

const toValues = (row: Omit<StoredSignature, 'recordId'>, recordId: string | null): SqlValue[] => [
  row.id,
  row.tenant,
  row.format,
  row.contentSha256,
  row.signedSha256,
  row.issuerId,
  row.serialHex,
  row.documentId,
  row.actor,
  row.signedAt.getTime(),
  recordId,
  JSON.stringify(row.details),
]

/** Signatures over the database. */
export function createSignatures({ reader }: Database, committer: Committer) {
  return {
    /** Adds one; the receipt will be that of the last of its records. */
    add: (signature: Omit<StoredSignature, 'recordId'>, records: readonly RecordDraft[]): Promise<void> =>
      committer.write<void>({
        inserts: (ids) => [{ table: SIGNATURES, rows: [toValues(signature, ids.at(-1) ?? null)] }],
        records,
      }),
    find: async (id: string, tenant: TenantFilter): Promise<StoredSignature | undefined> => {
      const where = createConditions()
      where.add('id = ?', id)
      where.tenant('tenant', tenant)
      const [row] = await queryRows(reader, `SELECT * FROM signatures ${where.sql()}`, where.values())
      return row === undefined ? undefined : toSignature(row)
    },
    /** Newest first, of one certificate when it is given. @throws {CURSOR_INVALID} */
    list: async (
      tenant: TenantFilter,
      request: PageRequest & { readonly serialHex?: string; readonly issuerId?: string },
    ): Promise<Page<StoredSignature>> => {
      const where = createConditions()
      where.tenant('tenant', tenant)
      where.add('serial_hex = ?', request.serialHex)
      where.add('issuer_id = ?', request.issuerId)
      where.after(['signed_at', 'id'], parseCursor(request.cursor))
      const limit = readLimit(request)
      const sql = `SELECT * FROM signatures ${where.sql()} ORDER BY signed_at DESC, id DESC LIMIT ?`
      const rows = await queryRows(reader, sql, [...where.values(), limit + 1])
      return buildPage(rows, limit, toSignature, (row) => ({
        at: Number(row.signed_at),
        key: String(row.id),
      }))
    },
  }
}
