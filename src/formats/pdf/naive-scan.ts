import { indexOf } from './parse-indirect.ts'
import { isDigit, isWhite } from './parse-object.ts'

/**
 * The offset of every `obj` that a reader which rebuilds a cross-reference could take for the start of an object:
 * after a number, white space or none, and also after a comment. Streams and strings are searched like everything
 * else, because such a reader may have lost track of where they end.
 */
export function findObjectKeywords(bytes: Uint8Array, from: number, to: number): number[] {
  const found: number[] = []
  for (let at = indexOf(bytes, 'obj', from, to); at >= 0; at = indexOf(bytes, 'obj', at + 3, to)) {
    if (isAfter(bytes, at, 'end')) continue
    if (followsNumber(bytes, at)) found.push(at)
  }
  return found
}

/** The offset of every `trailer` that a dictionary may follow. */
export function findTrailerKeywords(bytes: Uint8Array, from: number, to: number): number[] {
  const found: number[] = []
  for (let at = indexOf(bytes, 'trailer', from, to); at >= 0; at = indexOf(bytes, 'trailer', at + 7, to)) {
    let pos = at + 7
    while (pos < to && isWhite(bytes[pos])) pos++
    if (bytes[pos] === 0x25 || (bytes[pos] === 0x3c && bytes[pos + 1] === 0x3c)) found.push(at)
  }
  return found
}

function isAfter(bytes: Uint8Array, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at - word.length + i] !== word.charCodeAt(i)) return false
  return true
}

/** How far back the line of a comment is looked at. */
const LINE = 4096

function followsNumber(bytes: Uint8Array, at: number): boolean {
  let pos = at
  let isNewLine = false
  while (pos > 0 && isWhite(bytes[pos - 1])) {
    pos--
    isNewLine ||= bytes[pos] === 0x0a || bytes[pos] === 0x0d
  }
  if (isDigit(bytes[pos - 1])) return true
  if (!isNewLine) return false
  for (const stop = Math.max(0, pos - LINE); pos > stop; pos--) {
    const byte = bytes[pos - 1]
    if (byte === 0x0a || byte === 0x0d) return false
    if (byte === 0x25) return true
  }
  return pos > 0
}
