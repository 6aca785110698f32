/** Everything that a public key must pass before it is certified, whatever the profile says. */
import type { PublicKeyInfo } from '../algorithms/keys.ts'
import { findKeyAlgorithm, type KeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { checkEcPoint } from './ec-point.ts'
import { checkEd25519Point } from './ed25519.ts'
import { checkRsaKey } from './rsa.ts'
import { weak } from './weak.ts'

/**
 * Checks a public key and names its row.
 *
 * @throws {KEY_WEAK} with the rule and its source in `extra`
 */
export function checkPublicKey(key: PublicKeyInfo): KeyAlgorithm {
  switch (key.kind) {
    case 'rsa':
      if (key.algorithmOid !== '1.2.840.113549.1.1.1')
        weak('an RSA key restricted to PSS is not accepted', 'CPS 6.1.5')
      if (key.rsa) checkRsaKey(key.rsa, key.bits)
      break
    case 'ec':
      if (key.curve) checkEcPoint(key.curve, key.keyBits)
      break
    case 'ed25519':
      checkEd25519Point(key.keyBits)
      break
    default:
      weak(`keys of kind ${key.kind} are not accepted`, 'CPS 6.1.5')
  }
  const row = findKeyAlgorithm(key)
  return row ?? weak(`${key.bits} bits is not an accepted size`, 'CPS 6.1.5')
}
