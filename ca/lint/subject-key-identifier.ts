import { sha256 } from '../algorithms/hashes.ts'
import { compareBytes } from '../asn1/writer.ts'
import { subjectKeyIdentifierOf } from '../x509/extensions.ts'
import { defineRule } from './rule.ts'

export const subjectKeyIdentifier = defineRule(
  'subject-key-identifier',
  'RFC 5280 §4.2.1.2; RFC 7093 §2 method 1',
  ({ certificate, key }) => {
    const found = subjectKeyIdentifierOf(certificate)
    const expected = sha256(key.keyBits).subarray(0, 20)
    return found && compareBytes(found, expected) === 0
      ? undefined
      : 'subjectKeyIdentifier is not the leftmost 160 bits of the SHA-256 of the key'
  },
)
