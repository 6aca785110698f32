/** Decoders of the extensions that only path validation reads (RFC 5280 §4.2.1.5, §4.2.1.10, §4.2.1.11, §4.2.1.14). */
import {
  ANY_POLICY,
  CodedError,
  type Der,
  type GeneralName,
  TAG,
  context,
  contextConstructed,
  decodeInteger,
  decodeOid,
  parseDer,
  parseGeneralName,
  readSequence,
} from '../../../ca/formats.ts'

/** policyConstraints; both counters are numbers of certificates. */
export interface PolicyConstraints {
  readonly requireExplicitPolicy?: number
  readonly inhibitPolicyMapping?: number
}

/** One line of policyMappings. */
export interface PolicyMapping {
  readonly issuerDomainPolicy: string
  readonly subjectDomainPolicy: string
}

/** nameConstraints: the base names of both lists, which hold `minimum` 0 and no `maximum`. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}

function malformed(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', rule)
}

/** A count of certificates; nobody has a path of a thousand, so larger numbers mean the same. */
function skipCerts(node: Der, tag: number): number {
  const value = decodeInteger(node, tag)
  if (value < 0n) malformed('SkipCerts is negative (RFC 5280 §4.2.1.11)')
  return Number(value > 1000n ? 1000n : value)
}

/** Reads policyConstraints. @throws {CodedError} INPUT_MALFORMED also when both fields are absent */
export function parsePolicyConstraints(value: Uint8Array): PolicyConstraints {
  const reader = readSequence(value)
  const explicit = reader.optional(context(0))
  const mapping = reader.optional(context(1))
  reader.end()
  if (!explicit && !mapping) malformed('policyConstraints is empty (RFC 5280 §4.2.1.11)')
  return {
    ...(explicit ? { requireExplicitPolicy: skipCerts(explicit, context(0)) } : {}),
    ...(mapping ? { inhibitPolicyMapping: skipCerts(mapping, context(1)) } : {}),
  }
}

/** Reads inhibitAnyPolicy, a number of certificates. @throws {CodedError} INPUT_MALFORMED */
export function parseInhibitAnyPolicy(value: Uint8Array): number {
  return skipCerts(parseDer(value, TAG.integer), TAG.integer)
}

/** Reads policyMappings. @throws {CodedError} INPUT_MALFORMED also when the list is empty or maps anyPolicy (RFC 5280 §4.2.1.5) */
export function parsePolicyMappings(value: Uint8Array): PolicyMapping[] {
  const mappings = readSequence(value)
    .rest()
    .map((node) => {
      const reader = readSequence(node)
      const issuerDomainPolicy = decodeOid(reader.next(TAG.oid))
      const subjectDomainPolicy = decodeOid(reader.next(TAG.oid))
      reader.end()
      return { issuerDomainPolicy, subjectDomainPolicy }
    })
  if (mappings.length === 0) malformed('policyMappings is empty (RFC 5280 §4.2.1.5)')
  for (const { issuerDomainPolicy, subjectDomainPolicy } of mappings)
    if (issuerDomainPolicy === ANY_POLICY || subjectDomainPolicy === ANY_POLICY)
      malformed('policyMappings maps anyPolicy (RFC 5280 §4.2.1.5)')
  return mappings
}

/** Reads nameConstraints. @throws {CodedError} INPUT_MALFORMED also for an empty list and for `minimum` or `maximum` (RFC 5280 §4.2.1.10) */
export function parseNameConstraints(value: Uint8Array): NameConstraints {
  const reader = readSequence(value)
  const permitted = reader.optional(contextConstructed(0))
  const excluded = reader.optional(contextConstructed(1))
  reader.end()
  if (!permitted && !excluded) malformed('nameConstraints is empty (RFC 5280 §4.2.1.10)')
  return {
    permitted: permitted ? subtrees(permitted, 0) : [],
    excluded: excluded ? subtrees(excluded, 1) : [],
  }
}

function subtrees(node: Der, number: number): GeneralName[] {
  const list = readSequence(node, contextConstructed(number))
    .rest()
    .map((subtree) => {
      const reader = readSequence(subtree)
      const base = parseGeneralName(reader.next())
      reader.end()
      checkBase(base)
      return base
    })
  if (list.length === 0) malformed('GeneralSubtrees is empty (RFC 5280 §4.2.1.10)')
  return list
}

/** A base that cannot match what its author meant must not pass as one that matches nothing. */
function checkBase(base: GeneralName): void {
  if (base.kind === 'iPAddress') {
    const { length } = base.bytes
    if (length !== 8 && length !== 32) malformed('nameConstraints: an address and mask have 8 or 32 octets')
    if (!isContiguous(base.bytes.subarray(length / 2)))
      malformed('nameConstraints: the mask is not of the form of RFC 4632 §5.1')
  }
  if (base.kind === 'dNSName' && base.text.includes('*'))
    malformed('nameConstraints: a dNSName base holds a wildcard')
}

function isContiguous(mask: Uint8Array): boolean {
  let open = true
  for (const byte of mask) {
    if (!open && byte !== 0) return false
    if (byte === 0xff) continue
    const inverted = ~byte & 0xff
    if ((inverted & (inverted + 1)) !== 0) return false
    open = false
  }
  return true
}
