/**
 * Figures, folded from records in log order and never from the tables that the records describe.
 *
 * The folded state is a cache: losing it costs a fold from the beginning, and `yinxin audit verify` recounts without it.
 */
import { CodedError } from '../../ca/errors.ts'
import type { IssuedRow, Json } from '../../ca/ports.ts'
import type { LogHead } from '../audit/log-store.ts'
import { readStoredRecord } from '../audit/record.ts'
import {
  type CertificateFacts,
  type CertificateKey,
  emptyStatistics,
  foldRecords,
  type StatisticsState,
} from '../stats/fold.ts'
import { type Figures, readFigures } from '../stats/figures.ts'
import type { ServiceDeps } from './deps.ts'
import { actorOf, type Caller } from './tenancy.ts'

export type FiguresView = Figures & { readonly checkpoint: string }

const STATE = 'statistics.state'
/** Records folded per read: requests wait meanwhile, a few milliseconds. */
const STEP = 256
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

type Deps = Pick<ServiceDeps, 'store' | 'now'>

/** The folded state up to a head, and that head: figures and checkpoint are of the same log. */
interface Folded {
  readonly state: StatisticsState
  readonly head: LogHead
}

/** One fold at a time; a failed one is begun anew from the saved state. */
function createFold({ store, now }: Deps, save: boolean): () => Promise<Folded> {
  let state: StatisticsState | undefined
  let savedSize = 0
  let running: Promise<unknown> = Promise.resolve()

  async function findFacts({ issuerId, serialHex }: CertificateKey): Promise<CertificateFacts | undefined> {
    const row = await store.ca.findIssued(issuerId, serialHex)
    return row && factsOf(row)
  }

  async function fold(): Promise<Folded> {
    const logState = await store.log.readState()
    if (!logState) throw new CodedError('LOG_CHECKPOINT_MISSING', 'the log has no checkpoint yet')
    const { head } = logState
    const current =
      state ?? ((await store.settings.read(STATE)) as StatisticsState | undefined) ?? emptyStatistics()
    // A failure below leaves a half-folded object behind; it must not be found again.
    state = undefined
    while (current.size < head.size) {
      const leaves = await store.log.readLeaves(current.size, Math.min(head.size, current.size + STEP))
      if (leaves.length === 0)
        throw new CodedError('LOG_CORRUPT', `records from ${current.size} on are missing`)
      await foldRecords(
        current,
        leaves.map(({ leaf }) => readStoredRecord(leaf)),
        findFacts,
      )
    }
    if (save && current.size - savedSize >= SAVE_EVERY) {
      savedSize = current.size
      await store.settings.write(STATE, current as unknown as Json, now(), [])
    }
    state = current
    return { state: current, head }
  }

  return () => {
    const next = running.then(fold, fold)
    running = next.catch(() => undefined)
    return next
  }
}

/** @param save whether the folded state is kept for the next time; not where the store is only read */
export function createStatistics(deps: Deps, save = true) {
  const { store, now } = deps
  const fold = createFold(deps, save)
  const unrecorded = async (from: string, to: string): Promise<FiguresView> => {
    const { state, head } = await fold()
    return { ...readFigures(state, from, to), checkpoint: head.checkpoint }
  }
  return {
    /** For whoever cannot write to the store. @throws {CodedError} STATISTICS_RANGE, LOG_CHECKPOINT_MISSING */
    unrecorded,

    catchUp: async (): Promise<void> => void (await fold()),

    /** @throws {CodedError} AUTH_FORBIDDEN, STATISTICS_RANGE, LOG_CHECKPOINT_MISSING */
    async figures(caller: Caller, from: string, to: string): Promise<FiguresView> {
      // The figures are those of the whole institution: a business must not count the others.
      if (caller.scope !== 'all')
        throw new CodedError('AUTH_FORBIDDEN', 'statistics are for keys of the institution only')
      const figures = await unrecorded(from, to)
      const data = { from, to, size: figures.size, totals: { ...figures.totals } }
      await store.ca.record([{ ...actorOf(caller), type: 'statistics.reported', at: now(), data }])
      return figures
    },
  }
}
