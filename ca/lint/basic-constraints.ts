import { basicConstraintsOf } from '../x509/extensions.ts'
import { defineRule } from './rule.ts'

/** Whether a certificate is a CA follows its class first, and the profile second. */
export const basicConstraints = defineRule(
  'basic-constraints',
  'RFC 5280 §4.2.1.9',
  ({ certificate, profile }) => {
    const found = basicConstraintsOf(certificate)
    if (!found) return 'basicConstraints is missing'
    if (found.ca !== (profile.class === 'ca')) return 'cA does not fit the class of the profile'
    const rule = profile.extensions.basicConstraints?.value
    return found.ca === rule?.ca && found.pathLength === rule.pathLength
      ? undefined
      : 'basicConstraints are not those of the profile'
  },
)
