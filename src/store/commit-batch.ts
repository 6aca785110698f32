/**
 * One batch of writes in one transaction.
 *
 * It is first tried as a whole; when rows of somebody are refused, it is tried again with a savepoint around
 * each caller, so that the one who is refused fails alone and everyone else still pays one fsync. What can end
 * the whole transaction (disk full, I/O error, lost database) fails everybody: nothing of the batch was stored.
 */
import type { RecordDraft } from '../../ca/ports.ts'
import { type Inserts, INSERT_ORDER, insertRows } from './bulk-insert.ts'
import { commitAtOnce, forgetLastTime, type PlainWrite } from './commit-at-once.ts'
import { type Database, type Transaction, withTransaction } from './database.ts'
import { endsTransaction, orderLockStatement } from './dialect.ts'
import { insertRecords, type RandomBytes } from './records.ts'

/** What one caller wants written, all or nothing. */
export type Write<T> = {
  /** Rows of tables that are only inserted into; joined with those of others. */
  readonly inserts?: Inserts | ((recordIds: readonly string[]) => Inserts)
  /** Reads and changes that need a transaction. It may run twice, so it touches the database only. */
  readonly run?: (trx: Transaction) => Promise<T>
  /** Records of the change; of `run`, when it decides whether there was one. */
  readonly records: readonly RecordDraft[] | ((result: T) => readonly RecordDraft[])
}

/** What became of one write. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown }

const recordsOf = (write: Write<unknown>, result: unknown): readonly RecordDraft[] =>
  typeof write.records === 'function' ? write.records(result) : write.records

async function inSavepoint<T>(trx: Transaction, work: () => Promise<T>): Promise<T> {
  await trx.rows('SAVEPOINT item')
  try {
    const value = await work()
    await trx.rows('RELEASE SAVEPOINT item')
    return value
  } catch (error) {
    if (!endsTransaction(error)) {
      await trx.rows('ROLLBACK TO SAVEPOINT item')
      await trx.rows('RELEASE SAVEPOINT item')
    }
    throw error
  }
}

/** A write whose own work is done. */
type Live = { readonly write: Write<unknown>; readonly drafts: readonly RecordDraft[] }

/** Records first, since rows may name them; then the rows of all, table by table. */
async function insertAll(trx: Transaction, live: readonly Live[], random: RandomBytes): Promise<void> {
  const drafts = live.flatMap((item) => item.drafts)
  const ids = await insertRecords(trx, drafts, random)
  let used = 0
  const inserts = live.flatMap((item) => {
    const own = ids.slice(used, used + item.drafts.length)
    used += item.drafts.length
    const given = item.write.inserts ?? []
    return typeof given === 'function' ? given(own) : given
  })
  for (const table of INSERT_ORDER) {
    const rows = inserts.filter((insert) => insert.table === table).flatMap((insert) => insert.rows)
    if (rows.length > 0) await insertRows(trx, table, rows)
  }
}

/**
 * Where several processes write, whoever reads before it writes has the rest of the transaction to itself, as it has on
 * SQLite: compare-and-set needs no lock of its own, and no two batches wait for each other's rows.
 */
async function lockOrder(trx: Transaction): Promise<void> {
  const lock = orderLockStatement(trx.client)
  if (lock !== undefined) await trx.rows(lock)
}

/** Tries the batch as a whole: callers with work of their own in savepoints, then all rows together. */
async function commitJoined(
  db: Database,
  writes: readonly Write<unknown>[],
  random: RandomBytes,
): Promise<Outcome[]> {
  return await withTransaction(db, async (trx) => {
    const outcomes: Outcome[] = []
    if (writes.some(({ run }) => run !== undefined)) await lockOrder(trx)
    for (const { run } of writes) {
      if (run === undefined) outcomes.push({ value: undefined })
      else outcomes.push(await attempt(() => inSavepoint(trx, () => run(trx))))
    }
    const live = writes.flatMap((write, index) => {
      const outcome = outcomes[index]
      if (outcome === undefined || 'error' in outcome) return []
      return [{ write, drafts: recordsOf(write, outcome.value) }]
    })
    await insertAll(trx, live, random)
    return outcomes
  })
}

async function writeOne(trx: Transaction, write: Write<unknown>, random: RandomBytes): Promise<unknown> {
  const value = await write.run?.(trx)
  await insertAll(trx, [{ write, drafts: recordsOf(write, value) }], random)
  return value
}

/** Tries each caller apart, still in one transaction. */
async function commitApart(
  db: Database,
  writes: readonly Write<unknown>[],
  random: RandomBytes,
): Promise<Outcome[]> {
  return await withTransaction(db, async (trx) => {
    const outcomes: Outcome[] = []
    await lockOrder(trx)
    for (const write of writes) {
      outcomes.push(await attempt(() => inSavepoint(trx, () => writeOne(trx, write, random))))
    }
    return outcomes
  })
}

/** The outcome of work that may fail alone; what may have ended the transaction is thrown. */
async function attempt(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await work() }
  } catch (error) {
    if (endsTransaction(error)) throw error
    return { error }
  }
}

/** The batch, if it only inserts and knows its records beforehand. */
function plainWrites(writes: readonly Write<unknown>[]): PlainWrite[] | undefined {
  const plain = writes.flatMap(({ inserts = [], run, records }) =>
    run === undefined && typeof records !== 'function' ? [{ inserts, records }] : [],
  )
  return plain.length === writes.length ? plain : undefined
}

/** Tries the batch as a whole, in one statement where that can be. */
async function commitTogether(
  db: Database,
  writes: readonly Write<unknown>[],
  random: RandomBytes,
): Promise<Outcome[]> {
  const plain = db.client === 'sqlite3' ? plainWrites(writes) : undefined
  if (plain && (await commitAtOnce(db, plain, random))) return writes.map(() => ({ value: undefined }))
  forgetLastTime(db)
  return commitJoined(db, writes, random)
}

/** Writes a batch; durable on return. Never throws: each write has its outcome, in order. */
export async function commitBatch(
  db: Database,
  writes: readonly Write<unknown>[],
  random: RandomBytes,
): Promise<Outcome[]> {
  try {
    return await commitTogether(db, writes, random)
  } catch (error) {
    forgetLastTime(db)
    if (writes.length === 1 || endsTransaction(error)) return writes.map(() => ({ error }))
  }
  try {
    return await commitApart(db, writes, random)
  } catch (error) {
    return writes.map(() => ({ error }))
  }
}
