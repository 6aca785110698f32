/** Reading audit records: for auditors by page, for figures and the verifier as a stream in log order. */
import type { RecordDraft } from '../../ca/ports.ts'
import { type AuditRecord, parseRecord, readStoredRecord, type RecordType } from '../audit/record.ts'
import { createConditions } from './conditions.ts'
import type { Database } from './database.ts'
import { queryRows, type SqlRow } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { buildPage, type PageRequest, parseRowCursor, readLimit } from './paging.ts'
import type { ReplicaReads } from './replica.ts'
import { type Page, type TenantFilter, toBytes } from './values.ts'

/** A record with its row number, which is the order of the log. */
export type StoredRecord = { readonly row: number; readonly record: AuditRecord }

/** What to look for. */
export type RecordQuery = PageRequest & {
  readonly tenant: TenantFilter | null
  readonly type?: string | undefined
  readonly actor?: string | undefined
  readonly from?: Date | undefined
  readonly to?: Date | undefined
}

/** Requests wait while as many records are read out: a few milliseconds. */
const ROWS_PER_READ = 256
const BY_ID = 'SELECT seq, leaf FROM audit_records WHERE id = ?'

const toStored = (row: SqlRow): StoredRecord => ({
  row: Number(row.seq),
  record: parseRecord(toBytes(row.leaf)),
})

/** Records over the database. */
export function createAuditRecords(
  { reader }: Database,
  committer: Committer,
  replica: ReplicaReads | undefined,
) {
  return {
    /** Writes records that change nothing else; returns their ids, for receipts. */
    add: async (records: readonly RecordDraft[]): Promise<readonly string[]> => {
      let ids: readonly string[] = []
      await committer.write<void>({ inserts: (given) => ((ids = given), []), records })
      return ids
    },
    /** All of them, whether they have their place in the log yet or not. */
    count: async (): Promise<number> =>
      Number((await queryRows(reader, 'SELECT count(*) AS n FROM audit_records'))[0]?.n ?? 0),
    find: async (id: string, reading?: 'may-lag'): Promise<StoredRecord | undefined> => {
      const written = reading && (await replica?.findWritten(BY_ID, [id]))
      const row = written ?? (await queryRows(reader, BY_ID, [id]))[0]
      return row === undefined ? undefined : toStored(row)
    },
    /** Newest first. @throws {CURSOR_INVALID} */
    search: async (query: RecordQuery): Promise<Page<StoredRecord>> => {
      const where = createConditions()
      where.tenant('tenant', query.tenant)
      where.add('type = ?', query.type)
      where.add('actor = ?', query.actor)
      where.add('at >= ?', query.from?.getTime())
      where.add('at < ?', query.to?.getTime())
      where.after(['at', 'seq'], parseRowCursor(query.cursor))
      const limit = readLimit(query)
      const sql = `SELECT seq, at, leaf FROM audit_records ${where.sql()} ORDER BY at DESC, seq DESC LIMIT ?`
      const rows = await queryRows(reader, sql, [...where.values(), limit + 1])
      return buildPage(rows, limit, toStored, (row) => ({ at: Number(row.at), key: String(row.seq) }))
    },
    /** The last row there is; 0 when there is none. */
    lastRow: async (): Promise<number> => {
      const [row] = await queryRows(reader, 'SELECT max(seq) AS last FROM audit_records')
      return Number(row?.last ?? 0)
    },
    /** Records of these types with `afterRow < row ≤ lastRow`, oldest first, whether they have their place or not. */
    async *stream(
      types: readonly RecordType[],
      afterRow: number,
      lastRow: number,
    ): AsyncGenerator<StoredRecord> {
      const sql = `SELECT seq, leaf FROM audit_records WHERE seq > ? AND seq <= ?
        AND type IN (${types.map(() => '?').join(', ')}) ORDER BY seq LIMIT ?`
      let after = afterRow
      for (;;) {
        const rows = await queryRows(reader, sql, [after, lastRow, ...types, ROWS_PER_READ])
        for (const row of rows) yield { row: Number(row.seq), record: readStoredRecord(toBytes(row.leaf)) }
        if (rows.length < ROWS_PER_READ) return
        after = Number(rows.at(-1)?.seq)
      }
    },
  }
}
