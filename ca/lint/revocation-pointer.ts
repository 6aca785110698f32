import { authorityInfoAccessOf } from '../x509/extensions.ts'
import { ACCESS, EXT } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

/** Who relies on a long-lived certificate must be able to ask whether it still holds. */
export const revocationPointer = defineConstantRule(
  'revocation-pointer',
  'Electronic Signature Law art. 22; RFC 5280 §4.2.1.13',
  ({ certificate, profile }) => {
    const { extensions } = certificate
    const exempt =
      profile.issuedBy.value === 'self' || extensions.has(EXT.noRevAvail) || extensions.has(EXT.ocspNoCheck)
    if (exempt) return undefined
    const ocsp = authorityInfoAccessOf(certificate).some(({ method }) => method === ACCESS.ocsp)
    if (!extensions.has(EXT.crlDistributionPoints)) return 'certificate without a CRL distribution point'
    return ocsp || profile.class === 'ca' ? undefined : 'certificate without an OCSP address'
  },
)
