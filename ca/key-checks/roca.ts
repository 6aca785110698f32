import { primesBelow } from './primes.ts'
import { weak } from './weak.ts'

/** Every modulus size of the faulty generator is built on at least the first 39 primes. */
const PRIMES = primesBelow(168).slice(1)

/** Powers of 65537 modulo each prime: the only residues that the faulty generator yields. */
const RESIDUES = PRIMES.map((prime) => {
  const seen = new Set<number>()
  for (let power = 1; !seen.has(power); power = (power * (65537 % prime)) % prime) seen.add(power)
  return seen
})

const PRODUCT = PRIMES.reduce((product, prime) => product * BigInt(prime), 1n)

/** True for the fingerprint of Infineon's generator, CVE-2017-15361 ("ROCA"). */
export function hasRocaFingerprint(modulus: bigint): boolean {
  const rest = modulus % PRODUCT
  return PRIMES.every((prime, index) => RESIDUES[index]?.has(Number(rest % BigInt(prime))))
}

/**
 * Refuses a modulus with the fingerprint of the faulty generator.
 *
 * @throws {KEY_WEAK}
 */
export function checkRoca(modulus: bigint): void {
  if (hasRocaFingerprint(modulus))
    weak('RSA modulus comes from a generator whose keys can be factored', 'CVE-2017-15361')
}
