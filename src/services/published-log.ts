/** The log as an auditor reads it while the service goes on writing: up to what is published, and how much waits. */
import { CodedError, isCoded } from '../../ca/errors.ts'
import { parseCheckpoint } from '../audit/checkpoint.ts'
import type { LeafInput, VerifyLogInput } from '../audit/verify-log.ts'
import type { Store } from '../store/store.ts'

/** What `verifyLog` needs of a store. */
export interface PublishedLog extends Pick<VerifyLogInput, 'checkpoint' | 'readTile'> {
  readonly leaves: AsyncIterable<LeafInput>
  /** Records below the published checkpoint, as it says itself; 0 when it cannot be read. */
  readonly size: number
  /** Records that are stored and have no place below the published checkpoint yet. */
  readonly unsequenced: number
}

const STEP = 2048

async function* readLeaves(log: Pick<Store['log'], 'readLeaves'>, size: number): AsyncGenerator<LeafInput> {
  for (let start = 0; start < size; start += STEP)
    for (const { index, leaf } of await log.readLeaves(start, Math.min(size, start + STEP)))
      yield { index, leaf }
}

/** What cannot be read as a checkpoint is a finding of the verifier, and not an error here. */
function sizeOf(checkpoint: Uint8Array): number {
  try {
    return parseCheckpoint(checkpoint).size
  } catch (error) {
    if (isCoded(error)) return 0
    throw error
  }
}

/**
 * Reads the checkpoint first and the records after it: the sequencer stores records and tiles before it publishes,
 * so that whatever is added meanwhile makes no difference.
 *
 * @throws {CodedError} LOG_CHECKPOINT_MISSING
 */
export async function readPublishedLog({
  log,
  published,
  records,
}: {
  readonly log: Pick<Store['log'], 'readLeaves' | 'readTile'>
  readonly published: Pick<Store['published'], 'read'>
  readonly records: Pick<Store['records'], 'count'>
}): Promise<PublishedLog> {
  const checkpoint = await published.read()
  if (checkpoint === null)
    throw new CodedError('LOG_CHECKPOINT_MISSING', 'the data folder holds no published checkpoint')
  const size = sizeOf(checkpoint)
  return {
    checkpoint,
    size,
    leaves: readLeaves(log, size),
    readTile: (level, index) => log.readTile(level, index),
    unsequenced: Math.max(0, (await records.count()) - size),
  }
}
