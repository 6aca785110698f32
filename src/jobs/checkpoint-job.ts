/**
 * Keeps this machine's copy of the checkpoint near the head of a log that another machine extends.
 *
 * Every copy that a machine holds is one more witness: the copy only ever moves to a head that it is a prefix of, so a
 * database that was set back or forked is refused by every machine, whichever of them becomes the sequencer.
 */
import type { SequencerPorts } from '../audit/sequencer.ts'
import { checkStart } from '../audit/sequencer-start.ts'
import type { Job } from './schedule.ts'

/**
 * @param isSequencer true while this process extends the log and so publishes itself
 */
export function createCheckpointJob(ports: SequencerPorts, isSequencer: () => boolean): Job {
  return {
    name: 'checkpoint',
    everyMs: 5_000,
    async run() {
      if (isSequencer()) return
      const { state, published, publish } = await checkStart(ports)
      // A failed replacement means that this process became the sequencer meanwhile and published a later one.
      if (publish) await ports.published.replace(published, new TextEncoder().encode(state.head.checkpoint))
    },
  }
}
