import { defineRule } from './rule.ts'

/** issuerUniqueID and subjectUniqueID: conforming CAs never write them. */
export const uniqueIdentifiers = defineRule('unique-identifiers', 'RFC 5280 §4.1.2.8', ({ certificate }) =>
  certificate.hasUniqueIdentifier ? 'a unique identifier is present' : undefined,
)
