import { expectedExtensions } from './expected-extensions.ts'
import { defineConstantRule } from './rule.ts'

export const extensionCriticality = defineConstantRule(
  'extension-criticality',
  'RFC 5280 §4.2.1',
  ({ certificate, profile }) => {
    const expected = expectedExtensions(profile)
    for (const { oid, critical } of certificate.extensions.values())
      if (expected.has(oid) && expected.get(oid) !== critical)
        return `extension ${oid} is ${critical ? 'critical' : 'not critical'}`
    return undefined
  },
)
