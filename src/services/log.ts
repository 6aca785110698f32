/** Reads of the log for outsiders: checkpoint, tiles, receipts, consistency. Nothing beyond the published head is shown. */
import { CodedError } from '../../ca/errors.ts'
import { toBase64 } from '../lib/bytes.ts'
import type { LogHead } from '../audit/log-store.ts'
import { readConsistency, readReceipt, readTileResource } from '../audit/log-reader.ts'
import { encodeVerifierKey } from '../audit/note.ts'
import { parseTilePath } from '../audit/tile.ts'
import type { ServiceDeps } from './deps.ts'

export function createLogService({ store, logKey }: Pick<ServiceDeps, 'store' | 'logKey'>) {
  const head = async (): Promise<LogHead> => {
    const state = await store.log.readState()
    if (!state) throw new CodedError('LOG_CHECKPOINT_MISSING', 'the log has no checkpoint yet')
    return state.head
  }
  return {
    verifierKey: encodeVerifierKey(logKey),

    head,

    checkpoint: async (): Promise<string> => (await head()).checkpoint,

    /** @throws {CodedError} NOT_FOUND, INPUT_MALFORMED */
    async tile(path: string): Promise<Uint8Array> {
      const bytes = await readTileResource(store.log, parseTilePath(`tile/${path}`), (await head()).size)
      if (!bytes) throw new CodedError('NOT_FOUND', 'the log has no such tile yet')
      return bytes
    },

    /** @throws {CodedError} NOT_FOUND for a record without a place, LOG_RANGE when it is not published yet */
    async receipt(recordId: string): Promise<string> {
      const index = (await store.log.findIndexes([recordId])).get(recordId)
      if (index === undefined)
        throw new CodedError('NOT_FOUND', 'no record with this id has a place in the log yet')
      return readReceipt(store.log, await head(), index)
    },

    /** @throws {CodedError} LOG_RANGE */
    async consistency(from: number, to?: number): Promise<{ from: number; to: number; proof: string[] }> {
      const { size } = await head()
      const end = to ?? size
      if (end > size) throw new CodedError('LOG_RANGE', `the published log has ${size} entries`)
      const proof = await readConsistency(store.log, from, end)
      return { from, to: end, proof: proof.map(toBase64) }
    },
  }
}
