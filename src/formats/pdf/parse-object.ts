import { malformed, tooLarge, type PdfLimits } from './limits.ts'
import type { PdfDict, PdfName, PdfObject, PdfRef, PdfString } from './objects.ts'

/** A reading position. `anomalies` collects keys of tolerated violations of ISO 32000-2, 7.3. */
export type Cursor = {
  readonly bytes: Uint8Array
  pos: number
  readonly end: number
  readonly limits: PdfLimits
  readonly anomalies: Set<string>
}

const REGULAR = 0
const WHITE = 1
const DELIMITER = 2
/** Character classes of ISO 32000-2, 7.2.3. */
const CLASS = new Uint8Array(256)
for (const code of [0, 9, 10, 12, 13, 32]) CLASS[code] = WHITE
for (const char of '()<>[]{}/%') CLASS[char.charCodeAt(0)] = DELIMITER

const HEX = new Int8Array(256).fill(-1)
for (let i = 0; i < 10; i++) HEX[0x30 + i] = i
for (let i = 0; i < 6; i++) HEX[0x41 + i] = HEX[0x61 + i] = 10 + i

/** True for the six white-space bytes of ISO 32000-2, 7.2.3. */
export function isWhite(byte: number | undefined): boolean {
  return byte !== undefined && CLASS[byte] === WHITE
}

/** True for a decimal digit. */
export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

/** Skips white space and comments. */
export function skipWhite(cursor: Cursor): void {
  const { bytes, end } = cursor
  let pos = cursor.pos
  for (; pos < end; pos++) {
    const byte = bytes[pos] as number
    if (byte === 0x25) {
      while (pos < end && bytes[pos] !== 0x0a && bytes[pos] !== 0x0d) pos++
    } else if (CLASS[byte] !== WHITE) break
  }
  cursor.pos = Math.min(pos, end)
}

/** Reads the run of regular characters at the cursor as Latin-1. */
function readWord(cursor: Cursor): string {
  const { bytes, end } = cursor
  const start = cursor.pos
  let pos = start
  while (pos < end && CLASS[bytes[pos] as number] === REGULAR) pos++
  cursor.pos = pos
  return latin1(bytes, start, pos)
}

/** Steps over `word` and answers true where it stands at the cursor. */
export function takeWord(cursor: Cursor, word: string): boolean {
  const { bytes, pos } = cursor
  for (let i = 0; i < word.length; i++) if (bytes[pos + i] !== word.charCodeAt(i)) return false
  if (pos + word.length > cursor.end) return false
  cursor.pos = pos + word.length
  return true
}

/** Reads an unsigned integer of at most 15 digits, or undefined (the cursor then stays). */
export function takeInteger(cursor: Cursor): number | undefined {
  const { bytes, end } = cursor
  let pos = cursor.pos
  let value = 0
  while (pos < end && isDigit(bytes[pos])) value = value * 10 + (bytes[pos++] as number) - 0x30
  if (pos === cursor.pos || pos - cursor.pos > 15) return undefined
  cursor.pos = pos
  return value
}

/**
 * Parses the object at the cursor (ISO 32000-2, 7.3); `num gen R` becomes a reference.
 *
 * @throws {PDF_MALFORMED} where no object stands there
 * @throws {PDF_TOO_LARGE} where it is nested too deep
 */
export function parseObject(cursor: Cursor, depth = 0): PdfObject {
  if (depth > cursor.limits.depth) throw tooLarge('levels of nesting', cursor.limits.depth)
  skipWhite(cursor)
  const { bytes } = cursor
  if (cursor.pos >= cursor.end) throw malformed('The PDF ends where an object should stand.')
  const byte = bytes[cursor.pos]
  switch (byte) {
    case 0x2f:
      return parseName(cursor)
    case 0x28:
      return parseLiteralString(cursor)
    case 0x5b:
      return parseArray(cursor, depth)
    case 0x3c:
      return bytes[cursor.pos + 1] === 0x3c ? parseDict(cursor, depth) : parseHexString(cursor)
    default:
      return CLASS[byte as number] === REGULAR ? parseNumberOrKeyword(cursor) : unexpected(cursor)
  }
}

function unexpected(cursor: Cursor): never {
  throw malformed(`The PDF has an unexpected delimiter at byte ${cursor.pos}.`)
}

function parseName(cursor: Cursor): PdfName {
  cursor.pos++
  const word = readWord(cursor)
  if (!word.includes('#')) return { kind: 'name', value: word }
  const value = word.replace(/#([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return { kind: 'name', value }
}

function parseNumberOrKeyword(cursor: Cursor): PdfObject {
  const start = cursor.pos
  if (isDigit(cursor.bytes[start])) {
    const ref = takeRef(cursor)
    if (ref) return ref
  }
  const word = readWord(cursor)
  if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(word)) return Number(word)
  const keyword = KEYWORDS.get(word)
  if (keyword !== undefined) return keyword
  if (STRUCTURE.has(word)) {
    cursor.pos = start
    cursor.anomalies.add('value-missing')
    return null
  }
  // Other readers take a broken number or keyword as some number or as null; so do we, but we say so.
  const loose = /^[+-]*(\d*\.?\d+)/.exec(word)
  cursor.anomalies.add(loose ? 'number-malformed' : 'keyword-unknown')
  return loose ? (word.startsWith('-') ? -1 : 1) * Number(loose[1]) : null
}

const KEYWORDS = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
])
const STRUCTURE = new Set(['obj', 'endobj', 'stream', 'endstream'])

function takeRef(cursor: Cursor): PdfRef | undefined {
  const start = cursor.pos
  const num = takeInteger(cursor)
  if (num !== undefined && isWhite(cursor.bytes[cursor.pos])) {
    skipWhite(cursor)
    const gen = takeInteger(cursor)
    if (gen !== undefined && isWhite(cursor.bytes[cursor.pos])) {
      skipWhite(cursor)
      if (cursor.bytes[cursor.pos] === 0x52 && CLASS[cursor.bytes[cursor.pos + 1] ?? 32] !== REGULAR) {
        cursor.pos++
        return { kind: 'ref', num, gen }
      }
    }
  }
  cursor.pos = start
  return undefined
}

function parseArray(cursor: Cursor, depth: number): PdfObject[] {
  cursor.pos++
  const items: PdfObject[] = []
  for (;;) {
    skipWhite(cursor)
    if (cursor.bytes[cursor.pos] === 0x5d && cursor.pos < cursor.end) {
      cursor.pos++
      return items
    }
    const before = cursor.pos
    items.push(parseObject(cursor, depth + 1))
    if (cursor.pos === before) throw malformed(`The PDF array before byte ${before} is not closed.`)
  }
}

function parseDict(cursor: Cursor, depth: number): PdfDict {
  cursor.pos += 2
  const entries = new Map<string, PdfObject>()
  for (;;) {
    skipWhite(cursor)
    if (takeWord(cursor, '>>')) return { kind: 'dict', entries }
    if (cursor.pos >= cursor.end || cursor.bytes[cursor.pos] !== 0x2f) {
      throw malformed(`The PDF dictionary has no name at byte ${cursor.pos}.`)
    }
    const key = parseName(cursor).value
    if (entries.has(key)) cursor.anomalies.add('dictionary-key-duplicate')
    skipWhite(cursor)
    if (cursor.bytes[cursor.pos] === 0x3e && cursor.bytes[cursor.pos + 1] === 0x3e) {
      cursor.anomalies.add('value-missing')
      entries.set(key, null)
    } else {
      entries.set(key, parseObject(cursor, depth + 1))
    }
  }
}

function parseHexString(cursor: Cursor): PdfString {
  const { bytes, end } = cursor
  const start = cursor.pos + 1
  const close = bytes.indexOf(0x3e, start)
  if (close < 0 || close >= end) throw malformed(`The PDF hexadecimal string at byte ${start} is not closed.`)
  const out = new Uint8Array((close - start + 1) >> 1)
  let digits = 0
  for (let pos = start; pos < close; pos++) {
    const digit = HEX[bytes[pos] as number] as number
    if (digit < 0) {
      if (CLASS[bytes[pos] as number] !== WHITE) cursor.anomalies.add('hex-string-malformed')
      continue
    }
    out[digits >> 1] = (out[digits >> 1] as number) | (digits & 1 ? digit : digit << 4)
    digits++
  }
  cursor.pos = close + 1
  return { kind: 'string', bytes: out.subarray(0, (digits + 1) >> 1), hex: true }
}

const ESCAPES: Record<number, number> = { 0x6e: 10, 0x72: 13, 0x74: 9, 0x62: 8, 0x66: 12 }

function parseLiteralString(cursor: Cursor): PdfString {
  const { bytes, end } = cursor
  const close = findStringEnd(cursor)
  const out = new Uint8Array(close - cursor.pos - 1)
  let length = 0
  let pos = cursor.pos + 1
  while (pos < close) {
    const byte = bytes[pos++] as number
    if (byte === 0x0d) {
      // Any end of line inside a string is one line feed (7.3.4.2).
      if (bytes[pos] === 0x0a) pos++
      out[length++] = 0x0a
    } else if (byte !== 0x5c) {
      out[length++] = byte
    } else {
      const escape = readEscape(bytes, pos, end)
      pos = escape.pos
      if (escape.value >= 0) out[length++] = escape.value
    }
  }
  cursor.pos = close + 1
  return { kind: 'string', bytes: out.subarray(0, length), hex: false }
}

function findStringEnd(cursor: Cursor): number {
  const { bytes, end } = cursor
  let open = 0
  for (let pos = cursor.pos; pos < end; pos++) {
    const byte = bytes[pos]
    if (byte === 0x5c) pos++
    else if (byte === 0x28) open++
    else if (byte === 0x29 && --open === 0) return pos
  }
  throw malformed(`The PDF string at byte ${cursor.pos} is not closed.`)
}

function readEscape(bytes: Uint8Array, start: number, end: number): { value: number; pos: number } {
  const byte = bytes[start] as number
  if (byte >= 0x30 && byte <= 0x37) {
    let value = 0
    let pos = start
    for (; pos < start + 3 && pos < end; pos++) {
      const digit = (bytes[pos] as number) - 0x30
      if (digit < 0 || digit > 7) break
      value = value * 8 + digit
    }
    return { value: value & 0xff, pos }
  }
  if (byte === 0x0d) return { value: -1, pos: start + (bytes[start + 1] === 0x0a ? 2 : 1) }
  if (byte === 0x0a) return { value: -1, pos: start + 1 }
  return { value: ESCAPES[byte] ?? byte, pos: start + 1 }
}

/** The bytes from `start` to `end` as one character each. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}
