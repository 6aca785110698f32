import { checkFermat } from './fermat.ts'
import { checkRoca } from './roca.ts'
import { checkSmallPrimes } from './small-primes.ts'
import { weak } from './weak.ts'

/**
 * Checks an RSA public key whose modulus has `bits` bits, cheapest test first.

 * @throws {KEY_WEAK}
 * @see SP 800-89 §5.3.3, BR §6.1.1.3, §6.1.6
 */
export function checkRsaKey(
  key: { readonly modulus: bigint; readonly exponent: bigint },
  bits: number,
): void {
  const { modulus, exponent } = key
  if (bits < 2048) weak(`RSA modulus has ${bits} bits, at least 2048 are required`, 'SP 800-131A rev. 2 §3')
  if (bits > 8192) weak(`RSA modulus has ${bits} bits, at most 8192 are accepted`, 'CPS 6.1.5')
  if (bits % 8 !== 0) weak('RSA modulus is not a whole number of octets long', 'BR §6.1.5')
  // The one exponent of FIPS 186-5 keys in the field; smaller ones invite padding attacks, larger ones cost relying parties.
  if (exponent !== 65537n) weak('RSA exponent is not 65537', 'CPS 6.1.6; FIPS 186-5 §A.1.1')
  checkSmallPrimes(modulus)
  checkRoca(modulus)
  checkFermat(modulus)
}
