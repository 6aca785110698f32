import { certificatePoliciesOf } from '../x509/extensions.ts'
import { ANY_POLICY } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

export const policyOid = defineConstantRule(
  'policy-oid',
  'RFC 5280 §4.2.1.4; CPS 1.2',
  ({ certificate, profile, policyArc }) => {
    const suffix = profile.extensions.certificatePolicies?.value.suffix
    if (suffix === 'any' && profile.class !== 'ca') return 'anyPolicy is for CAs only'
    const wanted = suffix === 'any' ? ANY_POLICY : `${policyArc}.${suffix ?? ''}`
    const [policy, ...more] = certificatePoliciesOf(certificate) ?? []
    return policy?.policy === wanted && more.length === 0
      ? undefined
      : 'certificatePolicies is not the one policy of the profile'
  },
)
