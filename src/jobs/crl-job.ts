/**
 * Publishes CRLs: a shard within seconds of a change in it, the full list a little later, and every list anew before it
 * is half over. One process at a time, by lease; the store's compare-and-swap on the number guards the rest.
 */
import type { Ca, CaStore, CrlScope } from '../../ca/ports.ts'
import { createLeaseHolder } from './lease.ts'
import type { Job } from './schedule.ts'

/** A publisher that dies is followed within half of the minute in which a revocation must be in its list. */
const LEASE_MS = 24_000
/** A full list may have a hundred thousand entries: changes are gathered for a while. */
const FULL_EVERY_MS = 5_000

export interface CrlJobDeps {
  readonly ca: Ca
  readonly store: Pick<CaStore, 'statusChanges' | 'lastCrl' | 'findStatus'>
  readonly acquire: (ms: number) => Promise<object | undefined>
  readonly now: () => Date
  /** Longest age of a list that nothing changed, milliseconds. */
  readonly refreshMs: number
}

const keyOf = (scope: CrlScope): string => `${scope.issuerId}/${scope.shard ?? 'full'}`

/** Every scope of every issuer: the full list, then its shards. */
function listScopes(ca: Pick<Ca, 'issuers'>): CrlScope[] {
  return ca.issuers.flatMap(({ issuerId, shards, canSign }) =>
    canSign
      ? [{ issuerId, shard: null }, ...Array.from({ length: shards }, (_, shard) => ({ issuerId, shard }))]
      : [],
  )
}

export function createCrlJob(deps: CrlJobDeps): Job {
  const { ca, store, now } = deps
  const dirty = new Set<string>()
  const publishedAt = new Map<string, number>()
  const lease = createLeaseHolder(deps.acquire, LEASE_MS, now)
  let since: number | undefined

  /** Marks the scopes whose entries changed since the last look. */
  async function noteChanges(): Promise<void> {
    const { latest, changed } = await store.statusChanges(since ?? Number.MAX_SAFE_INTEGER)
    since = latest
    for (const { issuerId, serialHex } of changed) {
      const status = await store.findStatus(issuerId, serialHex)
      dirty.add(keyOf({ issuerId, shard: null }))
      dirty.add(keyOf({ issuerId, shard: status?.shard ?? null }))
    }
  }

  async function isDue(scope: CrlScope): Promise<boolean> {
    const key = keyOf(scope)
    const at = now().getTime()
    if (!publishedAt.has(key)) {
      // First look after a start: what changed while nobody ran is not known, so the list is made anew.
      const last = await store.lastCrl(scope)
      publishedAt.set(key, 0)
      if (!last) return true
    }
    const age = at - (publishedAt.get(key) ?? 0)
    if (age >= deps.refreshMs) return true
    return dirty.has(key) && (scope.shard !== null || age >= FULL_EVERY_MS)
  }

  return {
    name: 'crl',
    everyMs: 500,
    async run() {
      if (!(await lease.hold())) {
        // What another publishes meanwhile is not known here: whoever takes over makes every list anew.
        publishedAt.clear()
        since = undefined
        return
      }
      await noteChanges()
      for (const scope of listScopes(ca)) {
        if (!(await isDue(scope))) continue
        const key = keyOf(scope)
        dirty.delete(key)
        try {
          await ca.crl(scope)
        } catch (error) {
          dirty.add(key)
          throw error
        }
        publishedAt.set(key, now().getTime())
      }
    },
  }
}
