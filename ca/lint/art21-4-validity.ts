import { defineRule } from './rule.ts'

/** 证书有效期 */
export const art21Validity = defineRule(
  'art21-4-validity',
  'Electronic Signature Law art. 21(4)',
  ({ certificate }) =>
    certificate.notBefore < certificate.notAfter ? undefined : 'the period of validity is empty',
)
