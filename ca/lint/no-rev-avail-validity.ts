import { EXT } from '../x509/oids.ts'
import { defineRule } from './rule.ts'

const DAY_SECONDS = 86_400

/** Nobody can revoke it: it must be over before revoking would matter. */
export const noRevAvailValidity = defineRule('no-rev-avail-validity', 'RFC 9608 §4', ({ certificate }) => {
  if (!certificate.extensions.has(EXT.noRevAvail)) return undefined
  const seconds = (certificate.notAfter.getTime() - certificate.notBefore.getTime()) / 1000 + 1
  return seconds > DAY_SECONDS ? 'noRevAvail in a certificate that lives longer than a day' : undefined
})
