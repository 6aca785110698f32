/**
 * Looks whether the database is still that of the published log, where this process does not extend the log itself, and
 * keeps this machine's copy of the checkpoint near the head that another machine publishes.
 *
 * Every copy that a machine holds is one more witness: the copy only ever moves to a head that it is a prefix of, so a
 * database that was set back or forked is refused by every machine, whichever of them becomes the sequencer.
 */
import { type CodedError, isCoded } from '../../ca/errors.ts'
import type { SequencerPorts } from '../audit/sequencer.ts'
import { checkStart } from '../audit/sequencer-start.ts'
import type { Job } from './schedule.ts'

/** What only an operator can set right; until then nothing is issued. Storage that is away comes back by itself. */
const DOUBTS: readonly string[] = ['LOG_STORE_OLDER', 'LOG_FORK', 'LOG_CORRUPT', 'LOG_CHECKPOINT_MISSING']

/** Hears of each look at the whole log: with the doubt that it ended with, or with undefined. */
export type OnDoubt = (doubt: CodedError | undefined) => void

/** Passes on what a look at the whole log ended with. */
export async function withDoubt<T>(look: () => Promise<T>, onDoubt: OnDoubt): Promise<T> {
  try {
    const found = await look()
    onDoubt(undefined)
    return found
  } catch (error) {
    if (isCoded(error) && DOUBTS.includes(error.code)) onDoubt(error)
    throw error
  }
}

interface CheckpointJobOptions {
  /** True while this process extends the log and so publishes itself. */
  readonly isSequencer: () => boolean
  /** Other processes extend this log: their heads are copied. */
  readonly isShared: boolean
  readonly onDoubt: OnDoubt
}

/** Makes the job. */
export function createCheckpointJob(
  ports: SequencerPorts,
  { isSequencer, isShared, onDoubt }: CheckpointJobOptions,
): Job {
  return {
    name: 'checkpoint',
    everyMs: 5_000,
    async run() {
      if (isSequencer()) return
      const { state, published, publish } = await withDoubt(() => checkStart(ports), onDoubt)
      // A failed replacement means that this process became the sequencer meanwhile and published a later one.
      if (publish && isShared)
        await ports.published.replace(published, new TextEncoder().encode(state.head.checkpoint))
    },
  }
}
