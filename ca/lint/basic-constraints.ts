import { compareBytes } from '../asn1/writer.ts'
import { encodeBasicConstraints } from '../x509/encode-extensions.ts'
import { basicConstraintsOf } from '../x509/extensions.ts'
import { EXT } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

/** Whether a certificate is a CA follows its class first, and the profile second. */
export const basicConstraints = defineConstantRule(
  'basic-constraints',
  'RFC 5280 §4.2.1.9',
  ({ certificate, profile }) => {
    const found = basicConstraintsOf(certificate)
    const value = certificate.extensions.get(EXT.basicConstraints)?.value
    if (!found || !value) return 'basicConstraints is missing'
    if (found.ca !== (profile.class === 'ca')) return 'cA does not fit the class of the profile'
    const wanted = profile.extensions.basicConstraints?.value
    // Byte for byte: cA FALSE written out means the same, and is not DER (X.690 §11.5).
    return wanted && compareBytes(value, encodeBasicConstraints(wanted.ca, wanted.pathLength)) === 0
      ? undefined
      : 'basicConstraints are not those of the profile'
  },
)
