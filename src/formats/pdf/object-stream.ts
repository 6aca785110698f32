import { malformed, type PdfLimits } from './limits.ts'
import type { PdfDict, PdfObject } from './objects.ts'
import { parseObject, skipWhite, takeInteger, type Cursor } from './parse-object.ts'

/** A decoded object stream; `parse` gives the object `num`, which the cross-reference puts at `index`. */
export type ObjectStream = {
  readonly nums: readonly number[]
  readonly parse: (num: number, index: number) => PdfObject
}

/**
 * Opens the decoded data of an object stream.
 *
 * @throws {PDF_MALFORMED} where /N, /First or the pairs at its start are broken
 * @see ISO 32000-2, 7.5.7
 */
export function openObjectStream(
  dict: PdfDict,
  data: Uint8Array,
  limits: PdfLimits,
  anomalies: Set<string>,
  resolve: (object: PdfObject | undefined) => PdfObject,
): ObjectStream {
  const count = resolve(dict.entries.get('N'))
  const first = resolve(dict.entries.get('First'))
  if (!isCount(count) || !isCount(first) || count > data.length || first > data.length) {
    throw malformed('The PDF object stream has an unusable /N or /First.')
  }
  const cursor: Cursor = { bytes: data, pos: 0, end: data.length, limits, anomalies }
  const nums: number[] = []
  const offsets: number[] = []
  for (let i = 0; i < count; i++) {
    skipWhite(cursor)
    const num = takeInteger(cursor)
    skipWhite(cursor)
    const offset = takeInteger(cursor)
    if (num === undefined || offset === undefined)
      throw malformed('The PDF object stream has a broken index.')
    nums.push(num)
    offsets.push(first + offset)
  }
  const parse = (num: number, index: number): PdfObject => {
    let at = index
    if (nums[at] !== num) {
      anomalies.add('object-stream-index-wrong')
      at = nums.lastIndexOf(num)
    }
    const pos = offsets[at]
    if (pos === undefined || pos >= data.length) throw malformed(`The PDF object stream lacks object ${num}.`)
    return parseObject({ bytes: data, pos, end: data.length, limits, anomalies })
  }
  return { nums, parse }
}

function isCount(value: PdfObject): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}
