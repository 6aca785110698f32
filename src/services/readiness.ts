/** Whether the service is fit for work: each part says so for itself, and why not. */

import { CodedError } from '../../ca/errors.ts'
import type { CaStore } from '../../ca/ports.ts'

/** Steps back that a disciplined clock makes; the core allows the same. */
const CLOCK_TOLERANCE_MS = 1_000

export interface ReadinessCheck {
  readonly name: string
  /** Throws with the reason when the part is not fit. */
  readonly check: () => Promise<void> | void
  /** What an operator should see before the part is unfit, as a code. */
  readonly warning?: () => Promise<string | undefined>
}

export interface Readiness {
  readonly ready: boolean
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[]
}

/**
 * Whether the clock is behind the newest record: nothing is signed then until it has caught up.
 *
 * @throws {CLOCK_WENT_BACK}
 */
export async function checkClock(store: Pick<CaStore, 'lastRecordTime'>, now: () => Date): Promise<void> {
  const last = await store.lastRecordTime()
  if (last && now().getTime() < last.getTime() - CLOCK_TOLERANCE_MS)
    throw new CodedError('CLOCK_WENT_BACK', 'the clock is behind the newest record')
}

export function createReadiness(checks: readonly ReadinessCheck[]): () => Promise<Readiness> {
  return async () => {
    const results = await Promise.all(
      checks.map(async ({ name, check, warning }) => {
        try {
          await check()
          const detail = await warning?.()
          return { name, ok: true, ...(detail === undefined ? {} : { detail }) }
        } catch (error) {
          // The code alone: a message may name a path or an address, and this route is public.
          const detail = error instanceof Error && 'code' in error ? String(error.code) : 'failed'
          return { name, ok: false, detail }
        }
      }),
    )
    return { ready: results.every(({ ok }) => ok), checks: results }
  }
}
