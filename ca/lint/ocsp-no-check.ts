import { EXT } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

export const ocspNoCheck = defineConstantRule(
  'ocsp-no-check',
  'RFC 6960 §4.2.2.2.1',
  ({ certificate, profile }) => {
    const marker = certificate.extensions.get(EXT.ocspNoCheck)
    if ((marker !== undefined) !== (profile.class === 'ocsp'))
      return 'ocsp-nocheck is for OCSP responders, and each has it'
    return marker && !(marker.value.length === 2 && marker.value[0] === 5)
      ? 'ocsp-nocheck is not NULL'
      : undefined
  },
)
