/**
 * Signed OCSP answers kept in memory: bounded, least recently used out first, and emptied of a certificate the
 * moment its status changes.
 */

/** One answer that was signed. */
export interface CachedAnswer {
  readonly der: Uint8Array
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

/** Answers by certificate and by the exact CertID that was asked (hash, parameters). */
export interface OcspCache {
  get(certificate: string, certId: string): CachedAnswer | undefined
  set(certificate: string, certId: string, answer: CachedAnswer): void
  /** Drops every answer about one certificate. */
  forget(certificate: string): void
  /** Drops everything. */
  clear(): void
  /** Grows with each `forget` and `clear`: whoever signed meanwhile may hold an outdated answer. */
  readonly generation: number
  readonly size: number
}

/** SHA-1 and SHA-256, each with and without NULL parameters. */
const VARIANTS = 4

/**
 * An empty cache.
 *
 * @param maxCertificates about 1 KiB each
 */
export function openOcspCache(maxCertificates: number): OcspCache {
  const answers = new Map<string, Map<string, CachedAnswer>>()
  let generation = 0
  return {
    get(certificate, certId) {
      const variants = answers.get(certificate)
      if (!variants) return undefined
      // A Map keeps the order of insertion: what is asked for moves to the young end.
      answers.delete(certificate)
      answers.set(certificate, variants)
      return variants.get(certId)
    },
    set(certificate, certId, answer) {
      const variants = answers.get(certificate) ?? new Map<string, CachedAnswer>()
      if (variants.size >= VARIANTS) variants.clear()
      variants.set(certId, answer)
      answers.set(certificate, variants)
      if (answers.size <= maxCertificates) return
      const [oldest] = answers.keys()
      if (oldest !== undefined) answers.delete(oldest)
    },
    forget(certificate) {
      generation++
      answers.delete(certificate)
    },
    clear() {
      generation++
      answers.clear()
    },
    get generation() {
      return generation
    },
    get size() {
      return answers.size
    },
  }
}
