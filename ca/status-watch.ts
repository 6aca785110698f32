/** Tells the OCSP cache what other processes changed in the status database. */
import { CodedError } from './errors.ts'
import type { CaPorts } from './ports.ts'

/** Other processes' status changes are seen after at most this many milliseconds. */
const STATUS_POLL_MS = 500

/** A reader of status changes that asks the store at most twice a second. */
export interface StatusWatch {
  /** Whether every change older than half a second is known already. */
  isFresh(at: Date): boolean
  /** Returns once that is so. @throws {STORE_UNAVAILABLE} */
  poll(): Promise<void>
}

/**
 * Watches the status changes of all issuers.
 *
 * @param forget called for each certificate whose status changed
 */
export function watchStatus(
  ports: CaPorts,
  forget: (issuerId: string, serialHex: string) => void,
): StatusWatch {
  const { store, now } = ports
  let since: number | undefined
  let asked = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined

  const ask = async (): Promise<void> => {
    const at = now().getTime()
    // Nothing is cached at the start: what changed before does not matter.
    since ??= await latestOf(ports)
    for (;;) {
      const { latest, changed } = await store.statusChanges(since)
      for (const { issuerId, serialHex } of changed) forget(issuerId, serialHex)
      if (latest === since) break
      since = latest
    }
    asked = at
  }
  const isFresh = (at: Date): boolean => Math.abs(at.getTime() - asked) < STATUS_POLL_MS
  return {
    isFresh,
    async poll() {
      if (isFresh(now())) return
      running ??= ask().finally(() => {
        running = undefined
      })
      await running
    },
  }
}

async function latestOf({ store }: CaPorts): Promise<number> {
  const { latest } = await store.statusChanges(Number.MAX_SAFE_INTEGER)
  // A store that only repeats the question would hide every change that follows.
  if (latest === Number.MAX_SAFE_INTEGER)
    throw new CodedError('STORE_UNAVAILABLE', 'store does not say which status change is the latest')
  return latest
}
