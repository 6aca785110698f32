/** Figures of closed days, leases of jobs, settings: small tables of the service itself. */
import type { Json, RecordDraft } from '../../ca/ports.ts'
import type { Database, Transaction } from './database.ts'
import { queryRows, type SqlRow } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { toDate } from './values.ts'

/** Figures of one day, folded from all records with a place below `treeSize`. */
export type StatisticsDay = {
  /** `YYYY-MM-DD` in Asia/Shanghai. */
  readonly day: string
  readonly treeSize: number
  readonly figures: Json
  readonly computedAt: Date
}

/** Figures are a cache: they can be deleted and folded again. */
export function createStatistics({ reader }: Database, committer: Committer) {
  return {
    saveDays: (days: readonly StatisticsDay[], records: readonly RecordDraft[]): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          for (const { day, treeSize, figures, computedAt } of days) {
            const row = { day, tree_size: treeSize, figures: JSON.stringify(figures) }
            await trx
              .table('statistics_days')
              .insert({ ...row, computed_at: computedAt.getTime() })
              .onConflict('day')
              .merge()
          }
        },
        records,
      }),
    /** First and last day both counted. */
    readDays: async (from: string, to: string): Promise<StatisticsDay[]> => {
      const sql = 'SELECT * FROM statistics_days WHERE day >= ? AND day <= ? ORDER BY day'
      return (await queryRows(reader, sql, [from, to])).map((row: SqlRow) => ({
        day: String(row.day),
        treeSize: Number(row.tree_size),
        figures: JSON.parse(String(row.figures)) as Json,
        computedAt: toDate(row.computed_at),
      }))
    },
    clear: (): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          await trx.table('statistics_days').delete()
        },
        records: [],
      }),
  }
}

/** A lease that is held: `epoch` grows with each new holder, so a late write of an old one can be told apart. */
export type Lease = { readonly name: string; readonly holder: string; readonly epoch: number }

/** Several machines measure a lease by one clock, which is that of their database. */
async function readClock(trx: Transaction, now: Date): Promise<number> {
  if (trx.client === 'sqlite3') return now.getTime()
  const [row] = await trx.rows('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000) AS at')
  return Number(row?.at)
}

/** Leases, so that a job runs in one process at a time. */
export function createLeases(_db: Database, committer: Committer) {
  const free = (change: (trx: Transaction) => Promise<unknown>): Promise<void> =>
    committer.write<void>({ run: async (trx) => void (await change(trx)), records: [] })
  return {
    /** Takes or extends a lease until `now + ms`; undefined while somebody else holds it. */
    acquire: (name: string, holder: string, now: Date, ms: number): Promise<Lease | undefined> =>
      committer.write<Lease | undefined>({
        run: async (trx) => {
          const at = await readClock(trx, now)
          const until = at + ms
          // Writers stand in line, so nobody takes it between this look and the change.
          const [row] = (await trx.table('leases').where({ name })) as SqlRow[]
          if (row === undefined) {
            await trx.table('leases').insert({ name, holder, epoch: 1, until })
            return { name, holder, epoch: 1 }
          }
          const isOwn = row.holder === holder
          if (!isOwn && Number(row.until) > at) return undefined
          const epoch = Number(row.epoch) + (isOwn ? 0 : 1)
          await trx.table('leases').where({ name }).update({ holder, epoch, until })
          return { name, holder, epoch }
        },
        records: [],
      }),
    /** Ends all leases: for a process that knows that it is alone, after a predecessor that could not end its own. */
    clear: (): Promise<void> => free((trx) => trx.table('leases').update({ until: 0 })),
    /** Ends the leases of one holder, so that others need not wait for their end. */
    release: (holder: string): Promise<void> =>
      free((trx) => trx.table('leases').where({ holder }).update({ until: 0 })),
  }
}

/** Settings that are changed while the service runs. */
export function createSettings({ reader }: Database, committer: Committer) {
  return {
    read: async (key: string): Promise<Json | undefined> => {
      const [row] = await queryRows(reader, 'SELECT value FROM settings WHERE key = ?', [key])
      return row === undefined ? undefined : (JSON.parse(String(row.value)) as Json)
    },
    write: (key: string, value: Json, at: Date, records: readonly RecordDraft[]): Promise<void> =>
      committer.write<void>({
        run: async (trx) => {
          await trx
            .table('settings')
            .insert({ key, value: JSON.stringify(value), changed_at: at.getTime() })
            .onConflict('key')
            .merge()
        },
        records,
      }),
  }
}
