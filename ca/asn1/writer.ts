/**
 * DER writer: pure functions from values to octets, canonical by construction (X.690 §10–11).
 * The hot paths compile their templates from these once and then patch bytes.
 */
import { TAG, context, contextConstructed } from './tags.ts'

const encoder = new TextEncoder()

/** All parts one after the other, in a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Length octets (X.690 §8.1.3), minimal. */
export function lengthOctets(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  if (length < 0x100) return Uint8Array.of(0x81, length)
  if (length < 0x10000) return Uint8Array.of(0x82, length >> 8, length & 0xff)
  if (length < 0x1000000) return Uint8Array.of(0x83, length >> 16, (length >> 8) & 0xff, length & 0xff)
  return Uint8Array.of(0x84, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff)
}

/** Number of identifier and length octets of an element with so much content. */
export const headLength = (length: number): number =>
  length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : length < 0x1000000 ? 5 : 6

/** Writes identifier and length octets into `out`. @returns where the content begins */
export function putHead(out: Uint8Array, at: number, tag: number, length: number): number {
  out[at] = tag
  const end = at + headLength(length)
  if (length < 0x80) {
    out[at + 1] = length
    return end
  }
  out[at + 1] = 0x80 | (end - at - 2)
  let rest = length
  for (let place = end - 1; place > at + 1; place--) {
    out[place] = rest & 0xff
    rest >>>= 8
  }
  return end
}

/** Identifier and length octets of an element. */
export function headOf(tag: number, length: number): Uint8Array {
  const out = new Uint8Array(headLength(length))
  putHead(out, 0, tag, length)
  return out
}

/** One element with this identifier octet; the parts are its content. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(headLength(length) + length)
  let at = putHead(out, 0, tag, length)
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** SEQUENCE. */
export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => tlv(TAG.sequence, ...parts)

/** SET OF, sorted by encoding (X.690 §11.6); never trust the order that a caller has. */
export const setOf = (...parts: readonly Uint8Array[]): Uint8Array =>
  tlv(TAG.set, ...[...parts].sort(compareBytes))

/** Lexicographic order of octet strings, a shorter prefix first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length)
  for (let i = 0; i < common; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Content octets of a non-negative or negative INTEGER, minimal two's complement. */
function integerContent(value: bigint): Uint8Array {
  let length = 1
  while (value < -(1n << BigInt(8 * length - 1)) || value >= 1n << BigInt(8 * length - 1)) length++
  const out = new Uint8Array(length)
  let rest = value < 0n ? value + (1n << BigInt(8 * length)) : value
  for (let i = length - 1; i >= 0; i--) {
    out[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return out
}

/** INTEGER. */
export const integer = (value: bigint | number): Uint8Array => tlv(TAG.integer, integerContent(BigInt(value)))

/** INTEGER from unsigned big-endian octets of any length (a serial number, r or s). */
export function unsignedInteger(bytes: Uint8Array): Uint8Array {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const magnitude = bytes.subarray(start)
  return (magnitude[0] ?? 0) >= 0x80 || magnitude.length === 0
    ? tlv(TAG.integer, Uint8Array.of(0), magnitude)
    : tlv(TAG.integer, magnitude)
}

/** ENUMERATED. */
export const enumerated = (value: number): Uint8Array => tlv(TAG.enumerated, integerContent(BigInt(value)))

/** BOOLEAN. */
export const boolean = (value: boolean): Uint8Array => tlv(TAG.boolean, Uint8Array.of(value ? 0xff : 0))

/** NULL. */
export const nullValue = (): Uint8Array => Uint8Array.of(TAG.null, 0)

/** OCTET STRING. */
export const octetString = (...parts: readonly Uint8Array[]): Uint8Array => tlv(TAG.octetString, ...parts)

/** BIT STRING of whole octets. */
export const bitString = (bytes: Uint8Array): Uint8Array => tlv(TAG.bitString, NO_UNUSED_BITS, bytes)

const NO_UNUSED_BITS = Uint8Array.of(0)

/** Named bit list, trailing zero bits removed (X.690 §11.2.2). */
export function namedBits(bits: Iterable<number>): Uint8Array {
  const set = [...bits]
  if (set.length === 0) return tlv(TAG.bitString, Uint8Array.of(0))
  const highest = Math.max(...set)
  const bytes = new Uint8Array((highest >> 3) + 1)
  for (const bit of set) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return tlv(TAG.bitString, Uint8Array.of(7 - (highest & 7)), bytes)
}

const oidCache = new Map<string, Uint8Array>()

/** OBJECT IDENTIFIER from dotted form; encodings of known ones are kept. */
export function oid(dotted: string): Uint8Array {
  const known = oidCache.get(dotted)
  if (known) return known
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt)
  const content: number[] = []
  for (const arc of [first * 40n + second, ...rest]) {
    const group = [Number(arc & 0x7fn)]
    for (let value = arc >> 7n; value > 0n; value >>= 7n) group.unshift(Number(value & 0x7fn) | 0x80)
    content.push(...group)
  }
  const encoded = tlv(TAG.oid, Uint8Array.from(content))
  if (oidCache.size < 1000) oidCache.set(dotted, encoded)
  return encoded
}

/** UTF8String. */
export const utf8String = (text: string): Uint8Array => tlv(TAG.utf8String, encoder.encode(text))

/** PrintableString; the caller has checked the character set. */
export const printableString = (text: string): Uint8Array => tlv(TAG.printableString, encoder.encode(text))

/** IA5String; the caller has checked the character set. */
export const ia5String = (text: string): Uint8Array => tlv(TAG.ia5String, encoder.encode(text))

function putTwo(out: Uint8Array, at: number, value: number): void {
  out[at] = 48 + Math.floor(value / 10)
  out[at + 1] = 48 + (value % 10)
}

/** Digits of a time one by one: lists of a hundred thousand revocations are made of little else. */
function timeOctets(tag: number, date: Date): Uint8Array {
  const year = date.getUTCFullYear()
  const isUtc = tag === TAG.utcTime
  const out = new Uint8Array(isUtc ? 15 : 17)
  out[0] = tag
  out[1] = out.length - 2
  if (!isUtc) putTwo(out, 2, Math.floor(year / 100))
  const at = isUtc ? 2 : 4
  putTwo(out, at, year % 100)
  putTwo(out, at + 2, date.getUTCMonth() + 1)
  putTwo(out, at + 4, date.getUTCDate())
  putTwo(out, at + 6, date.getUTCHours())
  putTwo(out, at + 8, date.getUTCMinutes())
  putTwo(out, at + 10, date.getUTCSeconds())
  out[at + 12] = 90 // Z
  return out
}

/** UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5); whole seconds. */
export function time(date: Date): Uint8Array {
  const year = date.getUTCFullYear()
  return year >= 1950 && year < 2050 ? timeOctets(TAG.utcTime, date) : generalizedTime(date)
}

/** GeneralizedTime in whole seconds, Zulu. */
export const generalizedTime = (date: Date): Uint8Array => timeOctets(TAG.generalizedTime, date)

/** `[number] EXPLICIT`. */
export const explicit = (number: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  tlv(contextConstructed(number), ...parts)

/** `[number] IMPLICIT` of an already encoded element: its identifier octet is replaced. */
export function implicit(number: number, encoded: Uint8Array): Uint8Array {
  const out = encoded.slice()
  out[0] = (encoded[0] ?? 0) & 0x20 ? contextConstructed(number) : context(number)
  return out
}
