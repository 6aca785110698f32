import { TAG } from '../asn1/tags.ts'
import { decodeString } from '../asn1/values.ts'
import { certificatePoliciesOf } from '../x509/extensions.ts'
import { QUALIFIER_CPS } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

export const cpsPointer = defineConstantRule(
  'cps-pointer',
  'RFC 5280 §4.2.1.4; Electronic Signature Law art. 19',
  ({ certificate, profile, baseUrl }) => {
    const wanted = profile.extensions.certificatePolicies?.value.cps.replace('{base}', baseUrl)
    const qualifiers = (certificatePoliciesOf(certificate) ?? []).flatMap((policy) => policy.qualifiers)
    const [pointer, ...more] = qualifiers
    if (!pointer || more.length > 0 || pointer.oid !== QUALIFIER_CPS)
      return 'there is not exactly one CPS pointer'
    return pointer.value.tag === TAG.ia5String && decodeString(pointer.value) === wanted
      ? undefined
      : 'CPS pointer is not that of the profile'
  },
)
