/**
 * Forgets what is over: bytes of documents past their period, answers kept for repeats, CRLs that newer ones followed.
 * One process at a time.
 */
import type { Store } from '../store/store.ts'
import type { Job } from './schedule.ts'

const LEASE_MS = 300_000
/** Somebody may still be fetching a list that was the newest an hour ago. */
const OLD_CRL_MS = 3_600_000
/** Parts that no list names may be those of a list that is being made. */
const UNNAMED_PART_MS = 86_400_000

const earlier = (at: Date, ms: number): Date => new Date(at.getTime() - ms)

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
      if ((await store.retention.pruneCrls(earlier(at, OLD_CRL_MS))) > 0)
        await store.retention.pruneCrlParts(earlier(at, UNNAMED_PART_MS))
    },
  }
}
