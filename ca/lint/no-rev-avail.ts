import { authorityInfoAccessOf } from '../x509/extensions.ts'
import { ACCESS, EXT } from '../x509/oids.ts'
import { defineRule } from './rule.ts'

const DAY_SECONDS = 86_400

/** A certificate without revocation data says so, lives a day at most, and is no CA. */
export const noRevAvail = defineRule('no-rev-avail', 'RFC 9608 §2 to §4', ({ certificate, profile }) => {
  const { extensions } = certificate
  const pointsToStatus =
    extensions.has(EXT.crlDistributionPoints) ||
    extensions.has(EXT.freshestCrl) ||
    authorityInfoAccessOf(certificate).some(({ method }) => method === ACCESS.ocsp)
  const marker = extensions.get(EXT.noRevAvail)
  if (!marker) return profile.class === 'event' ? 'event certificate without noRevAvail' : undefined
  if (pointsToStatus) return 'noRevAvail beside a pointer to revocation data'
  if (profile.class === 'ca') return 'noRevAvail in a CA certificate'
  const seconds = (certificate.notAfter.getTime() - certificate.notBefore.getTime()) / 1000 + 1
  if (seconds > DAY_SECONDS) return 'noRevAvail in a certificate that lives longer than a day'
  return marker.value.length === 2 && marker.value[0] === 5 ? undefined : 'noRevAvail is not NULL'
})
