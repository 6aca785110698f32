/**
 * Group commit: whatever arrives while a commit runs shares the next one (design decision 4).
 *
 * One fsync costs about a millisecond whether it carries one row or a thousand. The queue is bounded: beyond it
 * callers are turned away at once, so that a slow disk shows as refusals and not as memory.
 */
import { CodedError, isCoded } from '../../ca/errors.ts'
import { commitBatch, type Outcome, type Write } from './commit-batch.ts'
import type { Database } from './database.ts'
import { describeSqlError, isUniqueOf } from './dialect.ts'
import { checkDrafts, type RandomBytes } from './records.ts'

/** The one way to write. */
export type Committer = {
  /**
   * Durable on return.
   *
   * @throws {STORE_OVERLOADED} when too many rows wait already; nothing was written
   * @throws {STORE_CLOSED} after close
   * @throws {LOG_STORE_OLDER} {LOG_FORK} {LOG_CORRUPT} while the database is not that of the published log
   * @throws {STORE_UNAVAILABLE} when the database refused or is gone; nothing was written
   */
  readonly write: <T>(write: Write<T>) => Promise<T>
  /** Waits for everything accepted, then refuses more. */
  readonly close: () => Promise<void>
  /** Rows that wait. */
  readonly queued: () => number
}

/** Limits of the queue, in rows. */
export type CommitterLimits = { readonly maxQueuedRows?: number; readonly maxBatchRows?: number }

type Item = {
  readonly write: Write<unknown>
  readonly cost: number
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

const DEFAULT_QUEUE_ROWS = 50_000
const DEFAULT_BATCH_ROWS = 2_000

const measure = (write: Write<unknown>): number => {
  const records = typeof write.records === 'function' ? 1 : write.records.length
  // Rows that wait for the ids of their records are about as many as those.
  const rows =
    typeof write.inserts === 'function'
      ? records
      : (write.inserts ?? []).reduce((sum, insert) => sum + insert.rows.length, 0)
  return 1 + rows + records
}

/** The error a caller sees: our own ones as they are, a driver's one without its values. */
export function toStoreError(error: unknown): CodedError {
  if (isCoded(error)) return error
  if (isUniqueOf(error, 'serials')) {
    return new CodedError('SERIAL_COLLISION', 'The serial number is already taken')
  }
  return new CodedError('STORE_UNAVAILABLE', 'The database did not store the change', {
    cause: new Error(describeSqlError(error)),
  })
}

const settle = (item: Item, outcome: Outcome | undefined): void => {
  if (outcome !== undefined && 'value' in outcome) item.resolve(outcome.value)
  else item.reject(toStoreError(outcome?.error))
}

/** A bounded queue, measured in rows. */
function createQueue(maxQueuedRows: number, maxBatchRows: number) {
  let items: Item[] = []
  let rows = 0
  return {
    rows: () => rows,
    push: (item: Item): void => {
      // A single write is never too large for an empty queue: it would be refused for ever.
      if (rows + item.cost > maxQueuedRows && items.length > 0) {
        throw new CodedError(
          'STORE_OVERLOADED',
          `More than ${maxQueuedRows} rows wait to be stored; try again`,
        )
      }
      items.push(item)
      rows += item.cost
    },
    takeBatch: (): Item[] => {
      let count = 0
      for (let taken = 0; count < items.length && (count === 0 || taken < maxBatchRows); count++) {
        taken += items[count]?.cost ?? 0
      }
      const batch = items.slice(0, count)
      items = items.slice(count)
      for (const item of batch) rows -= item.cost
      return batch
    },
  }
}

/** Starts the queue over a database. */
export function createCommitter(
  db: Database,
  randomBytes: RandomBytes,
  limits: CommitterLimits = {},
): Committer {
  const queue = createQueue(
    limits.maxQueuedRows ?? DEFAULT_QUEUE_ROWS,
    limits.maxBatchRows ?? DEFAULT_BATCH_ROWS,
  )
  let draining: Promise<void> | null = null
  let closed = false

  const drain = async (): Promise<void> => {
    // Everything that this turn of the event loop still brings joins the first batch.
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    for (let batch = queue.takeBatch(); batch.length > 0; batch = queue.takeBatch()) {
      const outcomes = await commitBatch(
        db,
        batch.map((item) => item.write),
        randomBytes,
      )
      for (const [index, item] of batch.entries()) settle(item, outcomes[index])
    }
    draining = null
  }

  return {
    write: async <T>(write: Write<T>) => {
      if (closed) throw new CodedError('STORE_CLOSED', 'The store is closed')
      db.floor.check()
      if (typeof write.records !== 'function') checkDrafts(write.records)
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      // The queue holds writes of every type; each gets back what its own `run` returned.
      const plain = write as Write<unknown>
      queue.push({
        write: plain,
        cost: measure(plain),
        resolve: (value) => resolve(value as T),
        reject,
      })
      draining ??= drain()
      return await promise
    },
    close: async () => {
      closed = true
      await draining
    },
    queued: queue.rows,
  }
}
