/** Distinguished names (RFC 5280 §4.1.2.4, X.520): reading, writing, comparing and showing. */
import { CodedError } from '../errors.ts'
import { type Der, childrenOf, parseDer, readSequence } from '../asn1/reader.ts'
import { decodeOid, decodeString, toHex } from '../asn1/values.ts'
import { ia5String, oid, printableString, sequence, setOf, utf8String } from '../asn1/writer.ts'
import { TAG } from '../asn1/tags.ts'

/** One attribute of a name as read. */
export interface NameAttribute {
  readonly oid: string
  /** The value as text; undefined when it is not one of the string types. */
  readonly text: string | undefined
  readonly value: Der
}

/** A distinguished name as read. */
export interface Name {
  readonly raw: Uint8Array
  /** RDNSequence, each RDN a list of attributes. */
  readonly rdns: readonly (readonly NameAttribute[])[]
}

interface AttributeType {
  readonly oid: string
  readonly short: string
  readonly encode: (text: string) => Uint8Array
  /** Upper bound of X.520 in characters (RFC 5280 appendix A.1). */
  readonly max: number
}

/** One row per attribute type that we write; `short` is the RFC 4514 keyword or the X.520 name. */
export const ATTRIBUTE_TYPES: readonly AttributeType[] = [
  { oid: '2.5.4.6', short: 'C', encode: printableString, max: 2 },
  { oid: '2.5.4.8', short: 'ST', encode: utf8String, max: 128 },
  { oid: '2.5.4.7', short: 'L', encode: utf8String, max: 128 },
  { oid: '2.5.4.9', short: 'STREET', encode: utf8String, max: 128 },
  { oid: '2.5.4.10', short: 'O', encode: utf8String, max: 64 },
  { oid: '2.5.4.97', short: 'organizationIdentifier', encode: utf8String, max: 64 },
  { oid: '2.5.4.11', short: 'OU', encode: utf8String, max: 64 },
  { oid: '2.5.4.12', short: 'title', encode: utf8String, max: 64 },
  { oid: '2.5.4.4', short: 'SN', encode: utf8String, max: 64 },
  { oid: '2.5.4.42', short: 'GN', encode: utf8String, max: 64 },
  { oid: '2.5.4.5', short: 'serialNumber', encode: printableString, max: 64 },
  { oid: '2.5.4.3', short: 'CN', encode: utf8String, max: 64 },
  { oid: '2.5.4.65', short: 'pseudonym', encode: utf8String, max: 128 },
  { oid: '0.9.2342.19200300.100.1.25', short: 'DC', encode: ia5String, max: 128 },
  { oid: '0.9.2342.19200300.100.1.1', short: 'UID', encode: utf8String, max: 256 },
  { oid: '1.2.840.113549.1.9.1', short: 'emailAddress', encode: ia5String, max: 255 },
]

const byOid = new Map(ATTRIBUTE_TYPES.map((row) => [row.oid, row]))
const byShort = new Map(ATTRIBUTE_TYPES.map((row) => [row.short, row]))

/**
 * Reads a Name.
 *
 * @throws {CodedError} INPUT_MALFORMED
 */
export function parseName(input: Der | Uint8Array): Name {
  const node = input instanceof Uint8Array ? parseDer(input, TAG.sequence) : input
  const rdns = childrenOf(node).map((rdn) => {
    if (rdn.tag !== TAG.set) throw new CodedError('INPUT_MALFORMED', 'RDN is not a SET')
    const attributes = childrenOf(rdn).map(parseAttribute)
    if (attributes.length === 0) throw new CodedError('INPUT_MALFORMED', 'RDN is empty')
    return attributes
  })
  return { raw: node.raw, rdns }
}

function parseAttribute(node: Der): NameAttribute {
  const reader = readSequence(node)
  const type = decodeOid(reader.next(TAG.oid))
  const value = reader.next()
  reader.end()
  const isString = stringTags.has(value.tag)
  return { oid: type, value, text: isString ? decodeString(value) : undefined }
}

const stringTags = new Set<number>([
  TAG.utf8String,
  TAG.printableString,
  TAG.teletexString,
  TAG.ia5String,
  TAG.bmpString,
  TAG.universalString,
  TAG.numericString,
  TAG.visibleString,
])

/** One attribute of a requested subject: the keyword of ATTRIBUTE_TYPES and its text. */
export interface SubjectAttribute {
  readonly type: string
  readonly value: string
}

/**
 * Encodes a subject, one attribute per RDN, in the order given.
 *
 * @throws {CodedError} PROFILE_VIOLATION for an unknown keyword, an empty or too long value, or a character
 *   that the string type does not have
 */
export function encodeName(attributes: readonly SubjectAttribute[]): Uint8Array {
  return sequence(
    ...attributes.map(({ type, value }) => {
      const row = byShort.get(type)
      if (!row) throw new CodedError('PROFILE_VIOLATION', `subject: attribute ${type} is not known`)
      checkValue(row, value)
      return setOf(sequence(oid(row.oid), row.encode(value)))
    }),
  )
}

/**
 * What a reader does not see, or sees elsewhere than it stands: control and format characters (bidi overrides, zero
 * width, tags), private use, unassigned, line separators, spaces other than U+0020, and letters that are drawn as nothing
 * (Hangul fillers, variation selectors, the empty Braille pattern). Two names must not look the same.
 */
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/u

function checkValue(row: AttributeType, value: string): void {
  const length = [...value].length
  if (length === 0 || length > row.max)
    throw new CodedError(
      'PROFILE_VIOLATION',
      `subject: ${row.short} has ${length} characters, 1 to ${row.max} are allowed (X.520)`,
    )
  // A lone surrogate would be encoded as U+FFFD: the certificate would name somebody else.
  if (!value.isWellFormed() || UNSHOWN.test(value))
    throw new CodedError(
      'PROFILE_VIOLATION',
      `subject: ${row.short} holds a control character or another that is not shown`,
    )
  if (row.encode === printableString && !/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value))
    throw new CodedError(
      'PROFILE_VIOLATION',
      `subject: ${row.short} holds a character outside PrintableString`,
    )
  if (row.encode === ia5String && !/^[\u0000-\u007f]*$/.test(value))
    throw new CodedError('PROFILE_VIOLATION', `subject: ${row.short} holds a character outside IA5String`)
}

/** Shows a name as RFC 4514 does: last RDN first, special characters escaped. */
export function nameToString(name: Name): string {
  const show = (attribute: NameAttribute): string => {
    const keyword = byOid.get(attribute.oid)?.short ?? attribute.oid
    return `${keyword}=${attribute.text === undefined ? `#${toHex(attribute.value.raw)}` : escapeValue(attribute.text)}`
  }
  return [...name.rdns]
    .reverse()
    .map((rdn) => rdn.map(show).join('+'))
    .join(',')
}

function escapeValue(text: string): string {
  return text
    .replace(/[,+"\\<>;]/g, '\\$&')
    .replace(/\u0000/g, '\\00')
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, '\\ ')
}

/** First value of an attribute type, by keyword (`CN`, `O`, …). */
export function findAttribute(name: Name, short: string): string | undefined {
  const type = byShort.get(short)?.oid
  for (const rdn of name.rdns) for (const attribute of rdn) if (attribute.oid === type) return attribute.text
  return undefined
}

/** Text of an attribute, prepared for comparison: case folded, white space collapsed (RFC 5280 §7.1, RFC 4518 in short). */
function comparable(attribute: NameAttribute): string {
  if (attribute.text === undefined) return `${attribute.oid}=#${toHex(attribute.value.raw)}`
  const text = attribute.text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')
  // NUL and SOH separate attributes and RDNs in keys: a value that holds them must not look like two.
  return `${attribute.oid}=${text.replace(/[\u0000-\u0002]/g, (c) => `\u0002${c.charCodeAt(0)}`)}`
}

const comparableRdn = (rdn: readonly NameAttribute[]): string => rdn.map(comparable).sort().join('\u0000')

/** Name comparison of RFC 5280 §7.1. */
export function isSameName(a: Name, b: Name): boolean {
  return a.rdns.length === b.rdns.length && nameKey(a) === nameKey(b)
}

/** True when `name` lies in the subtree of `base` (RFC 5280 §4.2.1.10, directoryName). */
export function isNameWithin(name: Name, base: Name): boolean {
  if (base.rdns.length > name.rdns.length) return false
  return base.rdns.every((rdn, i) => comparableRdn(rdn) === comparableRdn(name.rdns[i] ?? []))
}

const keys = new WeakMap<Name, string>()

/** Key under which names that RFC 5280 §7.1 calls equal fall together; prepared once per name. */
export function nameKey(name: Name): string {
  let key = keys.get(name)
  if (key === undefined) keys.set(name, (key = name.rdns.map(comparableRdn).join('\u0001')))
  return key
}
