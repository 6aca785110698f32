import { tooLarge, type PdfLimits } from './limits.ts'
import { isDict, isName, isStream, type PdfDict, type PdfObject, type PdfRef } from './objects.ts'
import { indexOf, parseIndirectObject } from './parse-indirect.ts'
import { isDigit, isWhite, parseObject, skipWhite, type Cursor } from './parse-object.ts'

/** An indirect object found by reading the file from start to end. */
export type ScannedObject = { readonly ref: PdfRef; readonly object: PdfObject; readonly start: number }

/** Objects that cannot be parsed cost up to the rest of the file each; the sum of that is bounded. */
const BROKEN_BYTES = 2 ** 30

/**
 * Every indirect object of a file in file order, whatever its cross-reference says.
 *
 * @throws {PDF_TOO_LARGE} where too much of it cannot be parsed
 */
export function scanObjects(bytes: Uint8Array, limits: PdfLimits, anomalies: Set<string>): ScannedObject[] {
  const found: ScannedObject[] = []
  let broken = 0
  let at = indexOf(bytes, 'obj', 0)
  while (at >= 0) {
    let next = at + 3
    const start = findHeaderStart(bytes, at)
    if (start !== undefined) {
      const cursor: Cursor = { bytes, pos: start, end: bytes.length, limits, anomalies }
      try {
        const { ref, object, end } = parseIndirectObject(cursor, (length) => findScannedLength(found, length))
        found.push({ ref, object, start })
        if (found.length > limits.xrefEntries) throw tooLarge('objects', limits.xrefEntries)
        if (isStream(object)) next = end
      } catch (error) {
        broken += bytes.length - start
        if (broken > BROKEN_BYTES) throw error
        anomalies.add('object-unreadable')
      }
    }
    at = indexOf(bytes, 'obj', next)
  }
  return found
}

function findScannedLength(found: readonly ScannedObject[], ref: PdfRef): number | undefined {
  // Only what stands shortly before is looked at: an indirect length elsewhere is replaced by a search for the end.
  const object = found.slice(-16).findLast((item) => item.ref.num === ref.num)?.object
  return typeof object === 'number' ? object : undefined
}

/** Where `num gen` before `obj` starts, or undefined where this is no object header. */
function findHeaderStart(bytes: Uint8Array, at: number): number | undefined {
  let pos = backOverWhite(bytes, at)
  const gen = backOverDigits(bytes, pos)
  if (gen === pos || gen < pos - 5) return undefined
  pos = backOverWhite(bytes, gen)
  if (pos === gen) return undefined
  const num = backOverDigits(bytes, pos)
  return num === pos || num < pos - 10 ? undefined : num
}

function backOverWhite(bytes: Uint8Array, pos: number): number {
  while (pos > 0 && isWhite(bytes[pos - 1])) pos--
  return pos
}

function backOverDigits(bytes: Uint8Array, pos: number): number {
  while (pos > 0 && isDigit(bytes[pos - 1])) pos--
  return pos
}

/** The dictionaries after each `trailer` of the file, in file order; those that cannot be parsed are left out. */
export function scanTrailers(bytes: Uint8Array, limits: PdfLimits, anomalies: Set<string>): PdfDict[] {
  const trailers: PdfDict[] = []
  let at = indexOf(bytes, 'trailer', 0)
  for (let hits = 0; at >= 0 && hits < limits.xrefSections; hits++) {
    const cursor: Cursor = { bytes, pos: at + 7, end: Math.min(bytes.length, at + 65_536), limits, anomalies }
    try {
      skipWhite(cursor)
      const dict = parseObject(cursor)
      if (isDict(dict) && !isName(dict.entries.get('Type'), 'XRef')) trailers.push(dict)
    } catch {
      anomalies.add('trailer-unreadable')
    }
    at = indexOf(bytes, 'trailer', at + 7)
  }
  return trailers
}
