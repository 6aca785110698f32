import { TAG } from '../asn1/tags.ts'
import { ATTRIBUTE_TYPES, type NameAttribute } from '../x509/name.ts'
import { defineRule } from './rule.ts'

/** Types that X.520 fixes; the DirectoryStrings are UTF8String (RFC 5280 §4.1.2.4). */
const FIXED_TAGS = new Map<string, number>([
  ['2.5.4.6', TAG.printableString],
  ['2.5.4.5', TAG.printableString],
  ['0.9.2342.19200300.100.1.25', TAG.ia5String],
  ['1.2.840.113549.1.9.1', TAG.ia5String],
])

function fault(attribute: NameAttribute): string | undefined {
  const row = ATTRIBUTE_TYPES.find((entry) => entry.oid === attribute.oid)
  const name = row?.short ?? attribute.oid
  const text = attribute.text ?? ''
  if (attribute.value.tag !== (FIXED_TAGS.get(attribute.oid) ?? TAG.utf8String))
    return `${name} has another string type`
  if (row?.short === 'C' && !/^[A-Z]{2}$/.test(text)) return 'C is not two capital letters (ISO 3166-1)'
  return textFault(name, text, row?.max ?? 0)
}

function textFault(name: string, text: string, max: number): string | undefined {
  const length = [...text].length
  if (length === 0 || length > max) return `${name} has ${length} characters`
  if (text.trim() !== text) return `${name} starts or ends with a space`
  return /[\u0000-\u001f\u007f-\u009f]/.test(text) ? `${name} holds a control character` : undefined
}

export const subjectEncoding = defineRule(
  'subject-encoding',
  'RFC 5280 §4.1.2.4 and appendix A.1 (upper bounds)',
  ({ certificate }) => {
    for (const rdn of certificate.subject.rdns)
      for (const attribute of rdn) {
        const found = fault(attribute)
        if (found !== undefined) return found
      }
    return undefined
  },
)
