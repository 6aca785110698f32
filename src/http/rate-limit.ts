/** A token bucket per client address: bursts pass, floods get 429. Memory is bounded; a client that rests is forgotten. */
import { CodedError } from '../../ca/errors.ts'

interface Bucket {
  tokens: number
  at: number
}

const MAX_CLIENTS = 10_000

/**
 * @param perSecond requests a client may make for ever; twice as many in one burst
 * @param now milliseconds from a clock that never goes back
 */
export function createRateLimit(perSecond: number, now: () => number): (client: string) => void {
  const burst = perSecond * 2
  const buckets = new Map<string, Bucket>()
  return (client) => {
    const at = now()
    const bucket = buckets.get(client) ?? { tokens: burst, at }
    bucket.tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) / 1000) * perSecond)
    bucket.at = at
    if (bucket.tokens < 1)
      throw new CodedError('RATE_LIMITED', `at most ${perSecond} requests a second from one address`)
    bucket.tokens -= 1
    // Re-inserting keeps the map in order of use: the first is the one that has rested longest.
    buckets.delete(client)
    buckets.set(client, bucket)
    if (buckets.size > MAX_CLIENTS) buckets.delete(buckets.keys().next().value ?? '')
  }
}
