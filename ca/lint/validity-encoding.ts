import { compareBytes, sequence, time } from '../asn1/writer.ts'
import { defineRule } from './rule.ts'

export const validityEncoding = defineRule('validity-encoding', 'RFC 5280 §4.1.2.5', ({ certificate }) =>
  compareBytes(certificate.validityDer, sequence(time(certificate.notBefore), time(certificate.notAfter))) ===
  0
    ? undefined
    : 'a date through 2049 is not UTCTime, or a later one is not GeneralizedTime',
)
