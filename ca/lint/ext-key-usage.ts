import { extKeyUsageOf } from '../x509/extensions.ts'
import { EKU } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

/** OCSP and time-stamp keys have their one purpose, and no other class has either. */
export const extKeyUsage = defineConstantRule(
  'ext-key-usage',
  'RFC 5280 §4.2.1.12; RFC 3161 §2.3; RFC 6960 §4.2.2.2',
  ({ certificate, profile }) => {
    const found = extKeyUsageOf(certificate) ?? []
    const wanted = (profile.extensions.extKeyUsage?.value ?? []).map((name): string => EKU[name])
    if (found.length !== wanted.length || !wanted.every((purpose) => found.includes(purpose)))
      return 'extKeyUsage is not that of the profile'
    if (found.includes(EKU.any)) return 'anyExtendedKeyUsage takes every limit away'
    for (const [purpose, only] of [
      [EKU.timeStamping, 'tsa'],
      [EKU.ocspSigning, 'ocsp'],
    ] as const)
      if (
        found.includes(purpose) !== (profile.class === only) ||
        (profile.class === only && found.length !== 1)
      )
        return `extKeyUsage does not fit the class ${profile.class}`
    return undefined
  },
)
