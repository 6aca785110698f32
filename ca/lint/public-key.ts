import { findKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { readSequence } from '../asn1/reader.ts'
import { TAG } from '../asn1/tags.ts'
import { defineRule } from './rule.ts'

/** NULL for RSA, a named curve for EC, nothing for EdDSA. */
export const publicKey = defineRule(
  'public-key',
  'RFC 3279 §2.3.1; RFC 5480 §2.1.1; RFC 8410 §3; CPS 6.1.5',
  ({ certificate, profile, key }) => {
    const row = findKeyAlgorithm(key)
    if (!row || !profile.keys.algorithms.value.includes(row.name))
      return 'key algorithm is not one of the profile'
    const algorithm = readSequence(readSequence(certificate.spkiDer).next(TAG.sequence))
    algorithm.next(TAG.oid)
    const [parameters, ...more] = algorithm.rest()
    const wanted = { rsa: TAG.null, ec: TAG.oid, ed25519: undefined, ed448: undefined, dsa: TAG.sequence }[
      row.kind
    ]
    return parameters?.tag === wanted && more.length === 0
      ? undefined
      : 'parameters of the public key are not those of its algorithm'
  },
)
