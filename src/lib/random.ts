/** Random octets of the operating system, fetched in blocks: a system call for each serial costs more than its hash. */
import { randomFillSync } from 'node:crypto'

const BLOCK_BYTES = 4096

/** A source of random octets. @param block octets fetched at once */
export function createRandom(block = BLOCK_BYTES): (count: number) => Uint8Array {
  let pool = new Uint8Array(0)
  return (count) => {
    if (count > block) return randomFillSync(new Uint8Array(count))
    // Each octet is given out once: what is handed over is a copy, and the block shrinks.
    if (pool.length < count) pool = randomFillSync(new Uint8Array(block))
    const octets = pool.slice(0, count)
    pool = pool.subarray(count)
    return octets
  }
}
