/**
 * Runs the sequencer in one process at a time, by lease. Whoever loses the lease closes its sequencer; the log's own
 * compare-and-swap would stop it anyway. After a crash the next process takes over when the lease ends.
 */
import { CodedError } from '../../ca/errors.ts'
import type { Sequencer } from '../audit/sequencer.ts'
import { createLeaseHolder } from './lease.ts'
import type { Job } from './schedule.ts'

const LEASE_MS = 6_000
/**
 * Records after which the next batch goes at once. A smaller one waits for more: a checkpoint costs several durable writes
 * for which everybody waits, however few records it covers.
 */
const LARGE_BATCH = 2_048

export interface SequencerJobDeps {
  /** Takes or extends the lease; undefined while another process holds it. */
  readonly acquire: (ms: number) => Promise<object | undefined>
  readonly open: () => Promise<Sequencer>
  readonly now: () => Date
}

export interface SequencerJob extends Job {
  close(): Promise<void>
  /** True while this process extends the log. */
  isOpen(): boolean
}

export function createSequencerJob({ acquire, open, now }: SequencerJobDeps): SequencerJob {
  let sequencer: Sequencer | undefined
  const lease = createLeaseHolder(acquire, LEASE_MS, now)

  async function hold(): Promise<boolean> {
    if (await lease.hold()) return true
    await sequencer?.close()
    sequencer = undefined
    return false
  }

  return {
    name: 'sequencer',
    everyMs: 100,
    async run() {
      if (!(await hold())) return
      sequencer ??= await open()
      try {
        // The lease is looked at between batches.
        while ((await sequencer.tick()).sequenced >= LARGE_BATCH && (await hold()) && sequencer);
      } catch (error) {
        await sequencer?.close()
        sequencer = undefined
        throw new CodedError('AUDIT_UNAVAILABLE', 'the log could not be extended', { cause: error })
      }
    },
    isOpen: () => sequencer !== undefined,
    async close() {
      await sequencer?.close()
      sequencer = undefined
    },
  }
}
