import { defineConstantRule } from './rule.ts'

export const version3 = defineConstantRule('version-3', 'RFC 5280 §4.1.2.1', ({ certificate }) =>
  certificate.version === 3 ? undefined : 'version is not v3',
)
