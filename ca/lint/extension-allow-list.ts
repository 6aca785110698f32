import { EXT } from '../x509/oids.ts'
import { expectedExtensions } from './expected-extensions.ts'
import { defineConstantRule } from './rule.ts'

/** Nothing that the profile does not name is ever signed; nothing that it names is forgotten. */
export const extensionAllowList = defineConstantRule(
  'extension-allow-list',
  'RFC 5280 §4.2; CPS 7.1.2',
  ({ certificate, profile }) => {
    const expected = expectedExtensions(profile)
    for (const oid of certificate.extensions.keys())
      if (!expected.has(oid)) return `extension ${oid} is not in the profile`
    for (const oid of expected.keys())
      if (oid !== EXT.subjectAltName && !certificate.extensions.has(oid)) return `extension ${oid} is missing`
    return undefined
  },
)
