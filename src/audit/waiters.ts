/** Those who wait until their records are in a published checkpoint. State in memory only. */
import type { CodedError } from '../../ca/errors.ts'
import type { LogReadStore } from './log-store.ts'

/** A record's place, and the size of a published tree that holds it. */
export type SequencedRecord = { readonly id: string; readonly index: number; readonly size: number }

/** Waiters of one sequencer. */
export type Waiters = {
  readonly wait: (ids: readonly string[], publishedSize: () => number) => Promise<SequencedRecord[]>
  /** Releases those of a batch that ends at `size`. */
  readonly resolve: (ids: readonly string[], size: number) => void
  /** Looks up everybody who still waits, after a recovery. */
  readonly settle: (size: number) => Promise<void>
  readonly rejectAll: (error: CodedError) => void
}

/** Makes an empty set of waiters over the store that knows places. */
export function createWaiters(store: Pick<LogReadStore, 'findIndexes'>): Waiters {
  const waiting = new Map<string, PromiseWithResolvers<SequencedRecord>>()

  const release = (record: SequencedRecord): void => {
    waiting.get(record.id)?.resolve(record)
    waiting.delete(record.id)
  }

  const join = (id: string): Promise<SequencedRecord> => {
    const known = waiting.get(id)
    if (known !== undefined) return known.promise
    const added = Promise.withResolvers<SequencedRecord>()
    // The caller gets the rejection through its own promise; without this, one that gave up ends the process.
    added.promise.catch(() => undefined)
    waiting.set(id, added)
    return added.promise
  }

  const settleIds = async (ids: readonly string[], publishedSize: () => number): Promise<void> => {
    const indexes = await store.findIndexes(ids)
    const size = publishedSize()
    for (const [id, index] of indexes) if (index < size) release({ id, index, size })
  }

  return {
    wait: async (ids, publishedSize) => {
      // Joined before the look-up, so that a batch published in between is not missed.
      const promises = ids.map(join)
      await settleIds(ids, publishedSize)
      return await Promise.all(promises)
    },
    resolve: (ids, size) => {
      for (const [at, id] of ids.entries()) release({ id, index: size - ids.length + at, size })
    },
    settle: (size) => settleIds([...waiting.keys()], () => size),
    rejectAll: (error) => {
      for (const { reject } of waiting.values()) reject(error)
      waiting.clear()
    },
  }
}
