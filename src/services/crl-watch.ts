/**
 * How long the published CRLs last. Those that this house signs renew themselves; that of an offline root has to be
 * fetched from it, so it is announced well ahead, and once it is over no signature can be validated.
 */
import { CodedError } from '../../ca/errors.ts'
import type { ServiceDeps } from './deps.ts'
import type { ReadinessCheck } from './readiness.ts'

/** When a list must have a successor. */
export interface CrlEnd {
  /** The issuer for its full list, `ISSUER/shards` for the one of its shards that ends first. */
  readonly name: string
  readonly nextUpdate: Date
  /** Less than a quarter of its life is left: 45 days of the 180 of an offline root. */
  readonly isNear: boolean
}

interface CrlWatchDeps {
  readonly ca: Pick<ServiceDeps['ca'], 'issuers' | 'isRevoked'>
  readonly store: Pick<ServiceDeps['store'], 'crlPeriods'>
  readonly now: () => Date
}

/** @returns the ends of the published lists, and a readiness check for the full list of each issuer */
export function createCrlWatch({ ca, store, now }: CrlWatchDeps) {
  async function ends(): Promise<CrlEnd[]> {
    const at = now().getTime()
    const first = new Map<string, CrlEnd>()
    for (const { issuerId, shard, thisUpdate, nextUpdate } of await store.crlPeriods()) {
      const name = shard === null ? issuerId : `${issuerId}/shards`
      const known = first.get(name)
      if (known && known.nextUpdate <= nextUpdate) continue
      const life = nextUpdate.getTime() - thisUpdate.getTime()
      first.set(name, { name, nextUpdate, isNear: nextUpdate.getTime() - at < life / 4 })
    }
    return [...first.values()]
  }
  const endOf = async (issuerId: string): Promise<CrlEnd | undefined> =>
    (await ends()).find(({ name }) => name === issuerId)

  const checkOf = (issuerId: string): ReadinessCheck => ({
    name: `crl-${issuerId}`,
    async check() {
      const end = await endOf(issuerId)
      if (!end || end.nextUpdate <= now())
        throw new CodedError('CRL_EXPIRED', `the CRL of ${issuerId} is over or missing`)
      if (await ca.isRevoked(issuerId))
        throw new CodedError('ISSUER_REVOKED', `${issuerId} was revoked by its root`)
    },
    warning: async () => ((await endOf(issuerId))?.isNear === true ? 'CRL_ENDS_SOON' : undefined),
  })
  return { ends, checks: ca.issuers.map(({ issuerId }) => checkOf(issuerId)) }
}
