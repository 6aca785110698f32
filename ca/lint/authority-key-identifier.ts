import { compareBytes } from '../asn1/writer.ts'
import { parseAuthorityKeyIdentifier } from '../x509/extensions.ts'
import { EXT } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

/** keyIdentifier only: issuer and serial would bind to one certificate of a CA that may have two. */
export const authorityKeyIdentifier = defineConstantRule(
  'authority-key-identifier',
  'RFC 5280 §4.2.1.1',
  ({ certificate, issuer }) => {
    const value = certificate.extensions.get(EXT.authorityKeyIdentifier)?.value
    if (!value) return 'authorityKeyIdentifier is missing'
    const { keyIdentifier, issuer: name, serial } = parseAuthorityKeyIdentifier(value)
    if (name || serial) return 'authorityKeyIdentifier names an issuer and serial'
    return keyIdentifier && compareBytes(keyIdentifier, issuer.subjectKeyIdentifier) === 0
      ? undefined
      : 'authorityKeyIdentifier is not the subjectKeyIdentifier of the issuer'
  },
)
