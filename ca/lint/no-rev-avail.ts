import { authorityInfoAccessOf } from '../x509/extensions.ts'
import { ACCESS, EXT } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

/** A certificate without revocation data says so, and is no CA; that it lives a day at most is another rule. */
export const noRevAvail = defineConstantRule(
  'no-rev-avail',
  'RFC 9608 §2, §3',
  ({ certificate, profile }) => {
    const { extensions } = certificate
    const pointsToStatus =
      extensions.has(EXT.crlDistributionPoints) ||
      extensions.has(EXT.freshestCrl) ||
      authorityInfoAccessOf(certificate).some(({ method }) => method === ACCESS.ocsp)
    const marker = extensions.get(EXT.noRevAvail)
    if (!marker) return profile.class === 'event' ? 'event certificate without noRevAvail' : undefined
    if (pointsToStatus) return 'noRevAvail beside a pointer to revocation data'
    if (profile.class === 'ca') return 'noRevAvail in a CA certificate'
    return marker.value.length === 2 && marker.value[0] === 5 ? undefined : 'noRevAvail is not NULL'
  },
)
