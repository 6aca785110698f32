import { primesBelow } from './primes.ts'
import { weak } from './weak.ts'

const PRIMES = primesBelow(752)
const PRODUCT = PRIMES.reduce((product, prime) => product * BigInt(prime), 1n)

/** A modulus with a factor below 752 is broken or not an RSA modulus at all (BR §6.1.6, SP 800-89 §5.3.3). */
export function checkSmallPrimes(modulus: bigint): void {
  // One long division, then short ones.
  const rest = modulus % PRODUCT
  if (PRIMES.some((prime) => rest % BigInt(prime) === 0n))
    weak('RSA modulus has a factor below 752', 'SP 800-89 §5.3.3')
}
