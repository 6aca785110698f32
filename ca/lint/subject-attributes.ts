import { ATTRIBUTE_TYPES } from '../x509/name.ts'
import { defineRule } from './rule.ts'

/** One attribute per RDN, those of the profile, in its order, the required ones present. */
export const subjectAttributes = defineRule(
  'subject-attributes',
  'RFC 5280 §4.1.2.6; CPS 3.1.1',
  ({ certificate, profile }) => {
    const { rdns } = certificate.subject
    if (rdns.some((rdn) => rdn.length !== 1)) return 'an RDN has more than one attribute'
    const types = rdns.map(([attribute]) => {
      const row = ATTRIBUTE_TYPES.find((entry) => entry.oid === attribute?.oid)
      return row?.short ?? attribute?.oid ?? ''
    })
    const order = profile.subject.value.map((rule) => rule.type)
    const foreign = types.find((type) => !order.includes(type))
    if (foreign !== undefined) return `attribute ${foreign} is not in the profile`
    const missing = profile.subject.value.find((rule) => rule.required && !types.includes(rule.type))
    if (missing) return `attribute ${missing.type} is missing (${missing.source})`
    const sorted = types.toSorted((a, b) => order.indexOf(a) - order.indexOf(b))
    if (new Set(types).size !== types.length) return 'an attribute occurs twice'
    return types.every((type, index) => type === sorted[index])
      ? undefined
      : 'attributes are not in the order of the profile'
  },
)
