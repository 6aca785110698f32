/**
 * Figures, folded from records in log order and never from the tables that the records describe.
 *
 * The folded state is a cache: losing it costs a fold from the beginning, and `yinxin audit verify` recounts without it.
 */
import { CodedError } from '../../ca/errors.ts'
import type { IssuedRow, Json } from '../../ca/ports.ts'
import { parseRecord, type AuditRecord } from '../audit/record.ts'
import { type CertificateFacts, emptyStatistics, foldRecords, type StatisticsState } from '../stats/fold.ts'
import { type Figures, readFigures } from '../stats/figures.ts'
import type { ServiceDeps } from './services.ts'
import { actorOf, type Caller } from './tenancy.ts'

export type FiguresView = Figures & { readonly checkpoint: string }

const STATE = 'statistics.state'
/** Records folded per read: bounds memory, not time. */
const STEP = 4096
/** Records between two saved states. */
const SAVE_EVERY = 20_000

const factsOf = (row: IssuedRow): CertificateFacts => ({
  class: row.class,
  profile: row.profile,
  algorithm: row.algorithm,
  issuedAt: row.at.toISOString(),
  notBefore: row.notBefore.toISOString(),
  notAfter: row.notAfter.toISOString(),
})

export function createStatistics({ store, now }: Pick<ServiceDeps, 'store' | 'now'>) {
  let state: StatisticsState | undefined
  let savedSize = 0
  let running: Promise<void> = Promise.resolve()

  const findFacts = async ({
    issuerId,
    serialHex,
  }: {
    issuerId: string
    serialHex: string
  }): Promise<CertificateFacts | undefined> => {
    const row = await store.ca.findIssued(issuerId, serialHex)
    return row && factsOf(row)
  }

  async function foldTo(size: number): Promise<void> {
    state ??= ((await store.settings.read(STATE)) as StatisticsState | undefined) ?? emptyStatistics()
    while (state.size < size) {
      const leaves = await store.log.readLeaves(state.size, Math.min(size, state.size + STEP))
      if (leaves.length === 0)
        throw new CodedError('LOG_CORRUPT', `records from ${state.size} on are missing`)
      await foldRecords(
        state,
        leaves.map(({ leaf }): AuditRecord => parseRecord(leaf)),
        findFacts,
      )
    }
    if (state.size - savedSize < SAVE_EVERY) return
    savedSize = state.size
    await store.settings.write(STATE, state as unknown as Json, now(), [])
  }

  /** One fold at a time; a failed one is begun anew from the saved state. */
  function catchUp(size: number): Promise<void> {
    running = running
      .catch(() => undefined)
      .then(() => foldTo(size))
      .catch((error: unknown) => {
        state = undefined
        throw error
      })
    return running
  }

  return {
    catchUp: async (): Promise<void> => {
      const logState = await store.log.readState()
      if (logState) await catchUp(logState.head.size)
    },

    /** @throws {CodedError} REQUEST_INVALID, STATISTICS_RANGE, LOG_CHECKPOINT_MISSING */
    async figures(caller: Caller, from: string, to: string): Promise<FiguresView> {
      const logState = await store.log.readState()
      if (!logState) throw new CodedError('LOG_CHECKPOINT_MISSING', 'the log has no checkpoint yet')
      await catchUp(logState.head.size)
      if (!state) throw new CodedError('STATISTICS_STATE', 'the figures are not folded')
      const figures = readFigures(state, from, to)
      await store.ca.record([
        {
          ...actorOf(caller),
          type: 'statistics.reported',
          at: now(),
          data: { from, to, size: figures.size, totals: { ...figures.totals } },
        },
      ])
      return { ...figures, checkpoint: logState.head.checkpoint }
    },
  }
}
