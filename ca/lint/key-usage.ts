import { compareBytes, namedBits } from '../asn1/writer.ts'
import { keyUsageOf } from '../x509/extensions.ts'
import { EXT, KEY_USAGE, type KeyUsageName } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

const CA_USES: readonly KeyUsageName[] = ['keyCertSign', 'cRLSign']

/** A key that signs certificates signs nothing else, and no other key signs certificates. */
export const keyUsage = defineConstantRule('key-usage', 'RFC 5280 §4.2.1.3', ({ certificate, profile }) => {
  const found = keyUsageOf(certificate)
  if (!found) return 'keyUsage is missing'
  const wanted = profile.extensions.keyUsage.value
  const encoding = namedBits(wanted.map((name) => KEY_USAGE[name]))
  // Byte for byte: trailing zero bits would be the same set in another encoding (X.690 §11.2.2).
  if (compareBytes(certificate.extensions.get(EXT.keyUsage)?.value ?? new Uint8Array(0), encoding) !== 0)
    return 'keyUsage is not that of the profile'
  const isCa = profile.class === 'ca'
  return [...found].every((name) => CA_USES.includes(name) === isCa)
    ? undefined
    : 'keyUsage does not fit the class of the profile'
})
