/**
 * Canonical JSON: one value has exactly one byte sequence, so its hash means the value.
 *
 * A subset of RFC 8785 (JCS): members sorted by UTF-16 code units, no white space, and of numbers only safe
 * integers, because the shortest form of a float is where implementations differ. Pure, no I/O.
 */
import { CodedError } from '../../ca/errors.ts'

/** What JSON can say. */
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue }

// Our records nest three deep; a reader in another language may recurse, so neither side may be asked for more.
const MAX_DEPTH = 32

// Names, digests and times, which most strings are, need no escape.
const PLAIN = /^[ !#-[\]-~]*$/

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

const malformed = (why: string, cause?: unknown): CodedError =>
  new CodedError('INPUT_MALFORMED', `JSON value: ${why}`, { cause })

const encodeText = (value: string): string => {
  // RFC 8785 §3.2.2.2: a lone surrogate has no UTF-8 form.
  if (PLAIN.test(value)) return `"${value}"`
  if (!value.isWellFormed()) throw malformed('a string holds a lone surrogate')
  return JSON.stringify(value)
}

const encodeNumber = (value: number): string => {
  if (!Number.isSafeInteger(value)) throw malformed('numbers are integers up to 2^53-1')
  return String(value)
}

const encodeArray = (value: readonly unknown[], depth: number): string => {
  let text = ''
  for (let index = 0; index < value.length; index++) {
    text += (index === 0 ? '' : ',') + encodeValue(value[index], depth + 1)
  }
  return `[${text}]`
}

const encodeObject = (value: object, depth: number): string => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw malformed('only plain objects are allowed')
  const members = value as Record<string, unknown>
  let text = ''
  for (const key of Object.keys(members).sort()) {
    text += `${text === '' ? '' : ','}${encodeText(key)}:${encodeValue(members[key], depth + 1)}`
  }
  return `{${text}}`
}

function encodeValue(value: unknown, depth: number): string {
  if (typeof value === 'string') return encodeText(value)
  if (depth > MAX_DEPTH) throw malformed(`nested deeper than ${MAX_DEPTH}`)
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'number') return encodeNumber(value)
  if (Array.isArray(value)) return encodeArray(value, depth)
  if (typeof value === 'object') return encodeObject(value, depth)
  throw malformed(`a ${typeof value} has no JSON form`)
}

/**
 * Text of a value in canonical form.
 *
 * @param value plain JSON data; `undefined`, floats, dates and byte arrays are refused
 * @param depth how deep in a larger value it stands
 * @throws {INPUT_MALFORMED} when the value has no canonical form
 * @see RFC 8785 §3.2
 */
export function encodeCanonicalText(value: JsonValue, depth = 0): string {
  return encodeValue(value, depth)
}

/**
 * UTF-8 bytes of a value in canonical form.
 *
 * @param value plain JSON data
 * @throws {INPUT_MALFORMED} when the value has no canonical form
 * @see RFC 8785 §3.2.4
 */
export function encodeCanonicalJson(value: JsonValue): Uint8Array {
  return encoder.encode(encodeValue(value, 0))
}

/**
 * Reads bytes that must already be in canonical form; a repeated member, a space or a float is an error.
 *
 * @param bytes UTF-8, without a byte order mark; the caller has checked their length
 * @throws {INPUT_MALFORMED} when the bytes are not the canonical form of any value
 */
export function parseCanonicalJson(bytes: Uint8Array): JsonValue {
  let value: JsonValue
  let text: string
  try {
    text = decoder.decode(bytes)
    value = JSON.parse(text) as JsonValue
  } catch (cause) {
    throw malformed('not JSON in UTF-8', cause)
  }
  if (encodeValue(value, 0) !== text) throw malformed('not in canonical form')
  return value
}
