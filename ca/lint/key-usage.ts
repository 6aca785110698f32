import { keyUsageOf } from '../x509/extensions.ts'
import type { KeyUsageName } from '../x509/oids.ts'
import { defineRule } from './rule.ts'

const CA_USES: readonly KeyUsageName[] = ['keyCertSign', 'cRLSign']

/** A key that signs certificates signs nothing else, and no other key signs certificates. */
export const keyUsage = defineRule('key-usage', 'RFC 5280 §4.2.1.3', ({ certificate, profile }) => {
  const found = keyUsageOf(certificate)
  if (!found) return 'keyUsage is missing'
  const wanted = profile.extensions.keyUsage.value
  if (found.size !== wanted.length || !wanted.every((name) => found.has(name)))
    return 'keyUsage is not that of the profile'
  const isCa = profile.class === 'ca'
  return [...found].every((name) => CA_USES.includes(name) === isCa)
    ? undefined
    : 'keyUsage does not fit the class of the profile'
})
