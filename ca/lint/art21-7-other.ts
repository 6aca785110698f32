import { certificatePoliciesOf } from '../x509/extensions.ts'
import { defineConstantRule } from './rule.ts'

/** 国务院信息产业主管部门规定的其他内容: under which policy and rules (CP, CPS) it was issued. */
export const art21Other = defineConstantRule(
  'art21-7-other',
  'Electronic Signature Law art. 21(7)',
  ({ certificate }) => {
    const [policy] = certificatePoliciesOf(certificate) ?? []
    return policy && policy.qualifiers.length > 0
      ? undefined
      : 'policy or certification practice statement is missing'
  },
)
