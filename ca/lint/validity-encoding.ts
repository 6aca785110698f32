import { childrenOf, parseDer } from '../asn1/reader.ts'
import { TAG, contextConstructed } from '../asn1/tags.ts'
import { defineRule } from './rule.ts'

export const validityEncoding = defineRule('validity-encoding', 'RFC 5280 §4.1.2.5', ({ certificate }) => {
  const fields = childrenOf(parseDer(certificate.tbs))
  const validity = fields[fields[0]?.tag === contextConstructed(0) ? 4 : 3]
  const times = validity ? childrenOf(validity) : []
  const dates = [certificate.notBefore, certificate.notAfter]
  return times.some((time, index) => {
    const utc = (dates[index]?.getUTCFullYear() ?? 0) < 2050
    return time.tag !== (utc ? TAG.utcTime : TAG.generalizedTime)
  })
    ? 'a date through 2049 is not UTCTime, or a later one is not GeneralizedTime'
    : undefined
})
