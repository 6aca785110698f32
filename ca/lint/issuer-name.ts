import { compareBytes } from '../asn1/writer.ts'
import { defineConstantRule } from './rule.ts'

/** Byte for byte: many relying parties compare names so. */
export const issuerName = defineConstantRule('issuer-name', 'RFC 5280 §4.1.2.4', ({ certificate, issuer }) =>
  compareBytes(certificate.issuer.raw, issuer.nameDer) === 0
    ? undefined
    : 'issuer differs from the subject of the CA certificate',
)
