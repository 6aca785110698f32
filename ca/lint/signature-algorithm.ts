import { compareBytes } from '../asn1/writer.ts'
import { defineConstantRule } from './rule.ts'

/** Inner and outer identifier are the same already (parser); here both are what the issuer's key signs with. */
export const signatureAlgorithm = defineConstantRule(
  'signature-algorithm',
  'RFC 5280 §4.1.1.2; RFC 5758 §3.2; RFC 4055 §5',
  ({ certificate, issuer }) =>
    compareBytes(certificate.signatureAlgorithm.raw, issuer.signatureAlgorithm.identifierDer) === 0
      ? undefined
      : 'signature algorithm or its parameters are not those of the issuer',
)
