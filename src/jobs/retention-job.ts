/** Forgets what is over: bytes of documents past their period, answers kept for repeats. One process at a time. */
import type { Store } from '../store/store.ts'
import type { Job } from './schedule.ts'

const LEASE_MS = 300_000

export interface RetentionJobDeps {
  readonly store: Store
  readonly acquire: (ms: number) => Promise<object | undefined>
  readonly now: () => Date
}

export function createRetentionJob({ store, acquire, now }: RetentionJobDeps): Job {
  return {
    name: 'retention',
    everyMs: 60_000,
    async run() {
      const at = now()
      // Its own folder, whoever holds the lease.
      await store.retention.sweepFiles(at)
      if (!(await acquire(LEASE_MS))) return
      await store.retention.eraseDueDocuments(at, ({ id, tenant, sha256 }) => ({
        type: 'document.erased',
        at,
        actor: 'system',
        tenant,
        data: { documentId: id, sha256 },
      }))
      await store.idempotency.sweep(at)
    },
  }
}
