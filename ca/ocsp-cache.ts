/**
 * Signed OCSP answers kept in memory: found by the very octets of the request, bounded, and emptied of a certificate
 * the moment its status changes.
 */

/** One answer that was signed. */
export interface CachedAnswer {
  readonly der: Uint8Array
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

/** Answers by request; all requests about a certificate are forgotten together. */
export interface OcspCache {
  /** @param request key made by {@link requestKey} */
  get(request: string): CachedAnswer | undefined
  set(certificate: string, request: string, answer: CachedAnswer): void
  /** Drops every answer about one certificate. */
  forget(certificate: string): void
  /** Drops everything. */
  clear(): void
  /** Grows with each `forget` and `clear`: whoever signed meanwhile may hold an outdated answer. */
  readonly generation: number
  /** Answers kept. */
  readonly size: number
}

/** SHA-1 and SHA-256, each with and without NULL parameters; more forms of one question push each other out. */
const VARIANTS = 4

/** A request about one certificate has about 80 octets, 120 with SHA-256; what is longer is signed each time. */
const MAX_KEY_BYTES = 256

interface Kept {
  readonly certificate: string
  readonly answer: CachedAnswer
  /** Asked for since it was last passed over. */
  isWanted: boolean
}

/** The octets of a request as a key, or undefined when they are too many to be kept. */
export const requestKey = (requestDer: Uint8Array): string | undefined =>
  requestDer.length > MAX_KEY_BYTES
    ? undefined
    : // Spreading the octets takes eight times as long.
      String.fromCharCode.apply(null, requestDer as unknown as number[])

/**
 * An empty cache.
 *
 * @param maxAnswers about 1.2 KiB each
 */
export function openOcspCache(maxAnswers: number): OcspCache {
  const answers = new Map<string, Kept>()
  const requests = new Map<string, string[]>()
  let generation = 0

  const drop = (request: string, { certificate }: Kept): void => {
    answers.delete(request)
    const others = (requests.get(certificate) ?? []).filter((one) => one !== request)
    if (others.length === 0) requests.delete(certificate)
    else requests.set(certificate, others)
  }
  /** Second chance: what was asked for since the last time goes to the young end instead. */
  const dropOldest = (): void => {
    for (const [request, kept] of answers) {
      if (!kept.isWanted) {
        drop(request, kept)
        return
      }
      kept.isWanted = false
      answers.delete(request)
      answers.set(request, kept)
    }
  }
  const forget = (certificate: string): void => {
    generation++
    for (const request of requests.get(certificate) ?? []) answers.delete(request)
    requests.delete(certificate)
  }
  return {
    get(request) {
      const kept = answers.get(request)
      if (!kept) return undefined
      kept.isWanted = true
      return kept.answer
    },
    set(certificate, request, answer) {
      const known = answers.get(request)
      if (known) drop(request, known)
      const forms = requests.get(certificate) ?? []
      const [first] = forms
      const oldest = first === undefined ? undefined : answers.get(first)
      if (forms.length >= VARIANTS && first !== undefined && oldest) drop(first, oldest)
      requests.set(certificate, [...(requests.get(certificate) ?? []), request])
      answers.set(request, { certificate, answer, isWanted: false })
      if (answers.size > maxAnswers) dropOldest()
    },
    forget,
    clear() {
      generation++
      answers.clear()
      requests.clear()
    },
    get generation() {
      return generation
    },
    get size() {
      return answers.size
    },
  }
}
