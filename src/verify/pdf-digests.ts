/** Digests of the signed ranges of a PDF: ten signatures hash the file once and not ten times. */
import type { Hash } from 'node:crypto'
import { type HashName, startHash } from '../../ca/formats.ts'

/** Two ranges of one file: offset and length of each. */
export type ByteRange = readonly [number, number, number, number]

/** What is to be digested, and where the result goes. */
export interface RangeDigest {
  readonly range: ByteRange
  readonly hash: HashName
  readonly digests: Map<HashName, Uint8Array>
}

/**
 * Digests ranges of one file. Those that start at its first byte share one running hash: the first range of each is a
 * prefix of the next one's, so the hash is copied at the gap and goes on.
 */
export function digestRanges(bytes: Uint8Array, wanted: readonly RangeDigest[]): void {
  for (const hash of new Set(wanted.map((item) => item.hash))) {
    const prefixed = wanted.filter((item) => item.hash === hash && item.range[0] === 0)
    const running = startHash(hash)
    let at = 0
    for (const item of [...prefixed].sort((a, b) => a.range[1] - b.range[1])) {
      const [, length, start, tail] = item.range
      running.update(bytes.subarray(at, length))
      at = Math.max(at, Math.min(length, bytes.length))
      item.digests.set(hash, finish(running, bytes.subarray(start, start + tail)))
    }
  }
}

const finish = (running: Hash, rest: Uint8Array): Uint8Array =>
  new Uint8Array(running.copy().update(rest).digest())
