/**
 * Counts the uses of service keys and sums them up in one record a minute: a record per OCSP answer would let
 * anybody on the network fill the log, and the answers state nothing that the status records do not.
 */
import type { CaPorts } from './ports.ts'

/** How often the counts become records, in milliseconds. */
const USE_RECORD_MS = 60_000

/** Counters of key uses that are not recorded yet. */
export interface KeyUses {
  add(issuerId: string, keyId: string): void
  /** Records what was counted. @throws {STORE_UNAVAILABLE} */
  flush(): Promise<void>
}

/**
 * Starts counting.
 *
 * @param purpose service that uses the keys, such as `ocsp`
 */
export function countKeyUses(ports: CaPorts, purpose: string): KeyUses {
  const { store, now } = ports
  let counts = new Map<string, { readonly issuerId: string; readonly keyId: string; count: number }>()
  let from = now()

  const flush = async (): Promise<void> => {
    const done = [...counts.values()]
    const period = { from: from.toISOString(), to: now().toISOString() }
    counts = new Map()
    from = now()
    if (done.length === 0) return
    await store.record(
      done.map(({ issuerId, keyId, count }) => ({
        type: 'key.used',
        at: now(),
        actor: 'system',
        tenant: null,
        data: { keyId, issuerId, purpose, count, ...period },
      })),
    )
  }
  return {
    add(issuerId, keyId) {
      const entry = counts.get(keyId) ?? { issuerId, keyId, count: 0 }
      entry.count++
      counts.set(keyId, entry)
      // The answer at hand does not wait; a store that is gone shows at the next status query.
      if (now().getTime() - from.getTime() >= USE_RECORD_MS) flush().catch(() => undefined)
    },
    flush,
  }
}
