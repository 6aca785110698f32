/** Decoders of DER values (X.690 §8, §11): one function per ASN.1 type, each refuses non-canonical forms. */
import { CodedError } from '../errors.ts'
import { bufferOf } from './octets.ts'
import { TAG } from './tags.ts'
import { type Der, expectTag } from './reader.ts'

function malformed(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', `DER: ${rule}`)
}

/** Content octets of an INTEGER (or an implicitly tagged one), checked for minimal form (X.690 §8.3.2). */
export function integerBytes(node: Der, tag: number = TAG.integer): Uint8Array {
  const { content } = expectTag(node, tag)
  const [first, second] = content
  if (first === undefined) malformed('empty INTEGER')
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    malformed('INTEGER is not minimal')
  return content
}

/** INTEGER as a bigint, two's complement. */
export function decodeInteger(node: Der, tag: number = TAG.integer): bigint {
  const bytes = integerBytes(node, tag)
  const value = BigInt(`0x${toHex(bytes)}`)
  return (bytes[0] ?? 0) < 0x80 ? value : value - (1n << BigInt(bytes.length * 8))
}

/** INTEGER or ENUMERATED that must fit a safe number. */
export function decodeSmallInteger(node: Der, tag: number = TAG.integer): number {
  if (node.content.length > 6) malformed('INTEGER is too large here')
  return Number(decodeInteger(node, tag))
}

/** BOOLEAN; DER knows 0x00 and 0xff only (X.690 §11.1). */
export function decodeBoolean(node: Der): boolean {
  const { content } = expectTag(node, TAG.boolean)
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) malformed('BOOLEAN is not 00 or FF')
  return content[0] === 0xff
}

/** BIT STRING: octets and the number of unused bits, which must be zero bits (X.690 §11.2.1). */
export function decodeBitString(
  node: Der,
  tag: number = TAG.bitString,
): { bytes: Uint8Array; unusedBits: number } {
  const { content } = expectTag(node, tag)
  const unusedBits = content[0]
  if (unusedBits === undefined || unusedBits > 7) malformed('BIT STRING has a bad first octet')
  const bytes = content.subarray(1)
  const last = bytes.at(-1)
  if (unusedBits > 0 && (last === undefined || (last & ((1 << unusedBits) - 1)) !== 0))
    malformed('BIT STRING has unused bits that are not zero')
  return { bytes, unusedBits }
}

/** BIT STRING that must hold whole octets, such as a key or a signature. */
export function decodeBitStringOctets(node: Der): Uint8Array {
  const { bytes, unusedBits } = decodeBitString(node)
  if (unusedBits !== 0) malformed('BIT STRING does not hold whole octets')
  return bytes
}

/** Positions of the set bits of a named bit list, such as KeyUsage. */
export function decodeNamedBits(node: Der, tag: number = TAG.bitString): Set<number> {
  const { bytes } = decodeBitString(node, tag)
  const set = new Set<number>()
  bytes.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if (byte & (0x80 >> bit)) set.add(index * 8 + bit)
  })
  return set
}

/** One more octet of seven bits keeps it exact. */
const MAX_EXACT_ARC = Math.floor(Number.MAX_SAFE_INTEGER / 128) - 1

/** The first two arcs share one subidentifier (X.690 §8.19.4). */
function firstArcs(value: number | bigint): string {
  if (value < 40) return `0.${value}`
  if (value < 80) return `1.${Number(value) - 40}`
  return `2.${typeof value === 'number' ? value - 80 : value - 80n}`
}

/** Seven more bits of a subidentifier; a number as long as that is exact. */
function addBits(value: number | bigint, bits: number): number | bigint {
  if (typeof value === 'number' && value <= MAX_EXACT_ARC) return value * 128 + bits
  return (BigInt(value) << 7n) | BigInt(bits)
}

/** OBJECT IDENTIFIER in dotted form; subidentifiers are base 128 (X.690 §8.19.2). */
export function decodeOid(node: Der, tag: number = TAG.oid): string {
  const { content } = expectTag(node, tag)
  const { length } = content
  if (length === 0 || length > 64 || (content[length - 1] ?? 0) >= 0x80) malformed('bad OBJECT IDENTIFIER')
  let text = ''
  let value: number | bigint = 0
  let isFresh = true
  for (let at = 0; at < length; at++) {
    const byte = content[at] ?? 0
    if (isFresh && byte === 0x80) malformed('OBJECT IDENTIFIER arc is not minimal')
    value = addBits(value, byte & 0x7f)
    isFresh = byte < 0x80
    if (!isFresh) continue
    text = text === '' ? firstArcs(value) : `${text}.${value}`
    value = 0
  }
  return text
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/

/** Any of the string types of DirectoryString and GeneralName, as a JavaScript string. */
export function decodeString(node: Der): string {
  const { content } = node
  switch (node.tag) {
    case TAG.utf8String:
      try {
        return strictUtf8.decode(content)
      } catch {
        return malformed('UTF8String is not UTF-8')
      }
    case TAG.printableString: {
      const text = latin1(content)
      if (!printable.test(text)) malformed('PrintableString holds another character')
      return text
    }
    case TAG.numericString:
    case TAG.ia5String:
    case TAG.visibleString:
      return ascii(content)
    case TAG.teletexString:
      return latin1(content)
    case TAG.bmpString:
      return utf16(content)
    case TAG.universalString:
      return utf32(content)
    default:
      return malformed(`tag 0x${node.tag.toString(16)} is not a string type`)
  }
}

/** Octets that must be 7-bit, as text. */
export function ascii(bytes: Uint8Array): string {
  for (const byte of bytes) if (byte > 0x7f) malformed('string holds an octet above 7F')
  return latin1(bytes)
}

function latin1(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function utf16(bytes: Uint8Array): string {
  if (bytes.length % 2 !== 0) malformed('BMPString has an odd length')
  let text = ''
  for (let i = 0; i < bytes.length; i += 2)
    text += String.fromCharCode(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0))
  return text
}

function utf32(bytes: Uint8Array): string {
  if (bytes.length % 4 !== 0) malformed('UniversalString has a bad length')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let text = ''
  for (let i = 0; i < bytes.length; i += 4) {
    const point = view.getUint32(i)
    if (point > 0x10ffff) malformed('UniversalString holds no character')
    text += String.fromCodePoint(point)
  }
  return text
}

const utcForm = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const generalizedForm = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z$/

/**
 * UTCTime or GeneralizedTime (RFC 5280 §4.1.2.5: seconds present, Zulu).
 *
 * @param fraction true where RFC 3161 §2.4.2 allows fractions of a second; they must not end in 0
 */
export function decodeTime(node: Der, fraction = false): Date {
  const text = ascii(node.content)
  const utc = node.tag === TAG.utcTime
  if (!utc && node.tag !== TAG.generalizedTime) malformed('a time is required here')
  const parts = (utc ? utcForm : generalizedForm).exec(text)
  if (parts === null) malformed('time is not in the form YYMMDDhhmmssZ or YYYYMMDDhhmmssZ')
  const millis = fractionMillis(parts[7], fraction)
  const [year = 0, ...rest] = parts.slice(1, 7).map(Number)
  // RFC 5280 §4.1.2.5.1: two digits mean 1950 to 2049.
  const date = calendarDate(utc ? (year < 50 ? 2000 + year : 1900 + year) : year, rest)
  date.setUTCMilliseconds(millis)
  return date
}

function fractionMillis(digits: string | undefined, allowed: boolean): number {
  if (digits === undefined) return 0
  if (!allowed || digits.endsWith('0')) malformed('time has a fraction')
  return Math.floor(Number(`0.${digits}`) * 1000)
}

/** A date of which every field is what was written: 30 February is refused, not rolled over. */
function calendarDate(year: number, [month = 0, day = 0, hour = 0, minute = 0, second = 0]: number[]): Date {
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second))
  date.setUTCFullYear(year, month - 1, day)
  const isAsWritten =
    date.getUTCMonth() + 1 === month &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second
  if (!isAsWritten) malformed('time is not a date of the calendar')
  return date
}

/** Lower-case hexadecimal of any octets. */
export const toHex = (bytes: Uint8Array): string => bufferOf(bytes).toString('hex')

/** Serial number as lower-case hexadecimal without the leading 00 sign octet. */
export function serialHexOf(content: Uint8Array): string {
  return toHex(content.length > 1 && content[0] === 0 ? content.subarray(1) : content)
}
