/** Makes the months ahead, and lets go of months that are over. One process at a time; nothing to do on SQLite. */
import type { Store } from '../store/store.ts'
import type { Job } from './schedule.ts'

const LEASE_MS = 300_000

export interface PartitionJobDeps {
  readonly store: Pick<Store, 'partitions'>
  readonly instanceByte: number
  readonly acquire: (ms: number) => Promise<object | undefined>
  readonly now: () => Date
}

export function createPartitionJob({ store, instanceByte, acquire, now }: PartitionJobDeps): Job {
  return {
    name: 'partitions',
    everyMs: 3_600_000,
    async run() {
      if (!(await acquire(LEASE_MS))) return
      const at = now()
      await store.partitions.makeAhead(instanceByte, at)
      await store.partitions.dropExpired(at, ({ month, certificates }) => ({
        type: 'certificate.erased',
        at,
        actor: 'system',
        tenant: null,
        data: { month, certificates },
      }))
    },
  }
}
