/** Signed documents: bytes for a while, so that a repeated request gets the same ones; then digests only. */
import { CodedError } from '../../ca/errors.ts'
import type { RecordDraft } from '../../ca/ports.ts'
import { createConditions } from './conditions.ts'
import type { Database } from './database.ts'
import { queryRows, type SqlRow } from './dialect.ts'
import type { DocumentFiles } from './document-files.ts'
import type { Committer } from './group-commit.ts'
import { type TenantFilter, toDate, toDateOrNull, toMillis, toTextOrNull } from './values.ts'

/** A document; its bytes are there until `erasedAt`. */
export type StoredDocument = {
  readonly id: string
  readonly tenant: string
  readonly sha256: string
  readonly size: number
  readonly mediaType: string
  /** File name as given; gone with the bytes. */
  readonly name: string | null
  readonly createdAt: Date
  readonly keepUntil: Date
  readonly erasedAt: Date | null
}

/** What a caller says about a document; size and digest are counted while it is written. */
export type NewDocument = Omit<StoredDocument, 'sha256' | 'size' | 'erasedAt'>

const DEFAULT_MAX_BYTES = 128 * 1024 * 1024

/** Document of a row of `documents`. */
export const toDocument = (row: SqlRow): StoredDocument => ({
  id: String(row.id),
  tenant: String(row.tenant),
  sha256: String(row.sha256),
  size: Number(row.size),
  mediaType: String(row.media_type),
  name: toTextOrNull(row.name),
  createdAt: toDate(row.created_at),
  keepUntil: toDate(row.keep_until),
  erasedAt: toDateOrNull(row.erased_at),
})

const toColumns = (document: StoredDocument) => ({
  id: document.id,
  tenant: document.tenant,
  sha256: document.sha256,
  size: document.size,
  media_type: document.mediaType,
  name: document.name,
  created_at: toMillis(document.createdAt),
  keep_until: toMillis(document.keepUntil),
  erased_at: toMillis(document.erasedAt),
})

/** Documents over the database and their files. */
export function createDocuments({ reader }: Database, committer: Committer, files: DocumentFiles) {
  const find = async (id: string, tenant: TenantFilter): Promise<StoredDocument | undefined> => {
    const where = createConditions()
    where.add('id = ?', id)
    where.tenant('tenant', tenant)
    const [row] = await queryRows(reader, `SELECT * FROM documents ${where.sql()}`, where.values())
    return row === undefined ? undefined : toDocument(row)
  }
  return {
    find,
    /** Writes the bytes, then the row with its records. @throws {INPUT_TOO_LARGE} {STORE_UNAVAILABLE} */
    put: async (
      document: NewDocument,
      content: Uint8Array | AsyncIterable<Uint8Array>,
      records: readonly RecordDraft[],
      maxBytes = DEFAULT_MAX_BYTES,
    ): Promise<StoredDocument> => {
      const written = await files.write(document.id, content, maxBytes)
      const stored = { ...document, ...written, erasedAt: null }
      try {
        return await committer.write({
          run: async (trx) => {
            await trx.table('documents').insert(toColumns(stored))
            return stored
          },
          records,
        })
      } catch (error) {
        await files.remove(document.id)
        throw error
      }
    },
    /** @throws {DOCUMENT_NOT_FOUND} also for another tenant's; {DOCUMENT_ERASED} when only its digest is left */
    open: async (
      id: string,
      tenant: TenantFilter,
    ): Promise<{ document: StoredDocument; bytes: AsyncIterable<Uint8Array> }> => {
      const document = await find(id, tenant)
      if (document === undefined) {
        throw new CodedError('DOCUMENT_NOT_FOUND', 'There is no document with this id')
      }
      if (document.erasedAt !== null) {
        throw new CodedError('DOCUMENT_ERASED', 'The document was kept for its period; its digest is left', {
          extra: { sha256: document.sha256 },
        })
      }
      return { document, bytes: await files.read(id) }
    },
  }
}
