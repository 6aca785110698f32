import { childrenOf, parseDer } from '../asn1/reader.ts'
import { context } from '../asn1/tags.ts'
import { defineRule } from './rule.ts'

/** issuerUniqueID and subjectUniqueID: conforming CAs never write them. */
export const uniqueIdentifiers = defineRule('unique-identifiers', 'RFC 5280 §4.1.2.8', ({ certificate }) =>
  childrenOf(parseDer(certificate.tbs)).some(({ tag }) => tag === context(1) || tag === context(2))
    ? 'a unique identifier is present'
    : undefined,
)
