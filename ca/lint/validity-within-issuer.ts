import { defineRule } from './rule.ts'

export const validityWithinIssuer = defineRule(
  'validity-within-issuer',
  'RFC 5280 §6.1.3; CPS 6.3.2',
  ({ certificate, issuer }) => {
    if (certificate.notAfter > issuer.notAfter) return 'notAfter is later than that of the issuer'
    return certificate.notBefore < issuer.notBefore
      ? 'notBefore is earlier than that of the issuer'
      : undefined
  },
)
