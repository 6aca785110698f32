import { parseDer } from '../asn1/reader.ts'
import { type GeneralName, parseGeneralNames } from '../x509/extensions.ts'
import { EXT } from '../x509/oids.ts'
import { defineRule } from './rule.ts'

const KINDS: Readonly<Partial<Record<GeneralName['kind'], string>>> = {
  rfc822Name: 'email',
  dNSName: 'dns',
  uniformResourceIdentifier: 'uri',
  iPAddress: 'ip',
}

export const subjectAltName = defineRule(
  'subject-alt-name',
  'RFC 5280 §4.2.1.6',
  ({ certificate, profile }) => {
    const extension = certificate.extensions.get(EXT.subjectAltName)
    if (!extension) return undefined
    const allowed: readonly string[] = profile.extensions.subjectAltName?.value ?? []
    for (const name of parseGeneralNames(parseDer(extension.value))) {
      if (!allowed.includes(KINDS[name.kind] ?? ''))
        return `subjectAltName of kind ${name.kind} is not in the profile`
      if (name.kind === 'iPAddress' && name.bytes.length !== 4 && name.bytes.length !== 16)
        return 'iPAddress has not 4 or 16 octets'
      if ('text' in name && name.text === '') return 'subjectAltName is empty'
    }
    return undefined
  },
)
