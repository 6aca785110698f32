import { inflateSync, constants } from 'node:zlib'
import { malformed, tooLarge, type PdfLimits } from './limits.ts'
import { isDict, isName, type PdfDict, type PdfObject } from './objects.ts'

type Resolve = (object: PdfObject | undefined) => PdfObject

/**
 * Applies the filters of a stream dictionary (ISO 32000-2, 7.4) and gives the decoded bytes.
 * Image filters are not known here: they end the work with PDF_MALFORMED.
 *
 * @throws {PDF_MALFORMED} for a filter that is unknown, or data that it cannot read
 * @throws {PDF_TOO_LARGE} for output over `limits.inflatedBytes`
 */
export function decodeFilters(
  dict: PdfDict,
  raw: Uint8Array,
  resolve: Resolve,
  limits: PdfLimits,
): Uint8Array {
  const filters = toList(resolve(dict.entries.get('Filter') ?? dict.entries.get('F')), resolve)
  const params = toList(resolve(dict.entries.get('DecodeParms') ?? dict.entries.get('DP')), resolve)
  if (filters.length > 8) throw tooLarge('filters on one stream', 8)
  let data = raw
  filters.forEach((filter, index) => {
    const parameters = params[index]
    data = decodeOne(
      isName(filter) ? filter.value : '',
      data,
      isDict(parameters) ? parameters : undefined,
      resolve,
      limits,
    )
    if (data.length > limits.inflatedBytes) throw tooLarge('bytes in one stream', limits.inflatedBytes)
  })
  return data
}

function toList(object: PdfObject, resolve: Resolve): PdfObject[] {
  if (object === null) return []
  return Array.isArray(object) ? object.map((item) => resolve(item)) : [object]
}

function decodeOne(
  filter: string,
  data: Uint8Array,
  params: PdfDict | undefined,
  resolve: Resolve,
  limits: PdfLimits,
): Uint8Array {
  switch (filter) {
    case 'FlateDecode':
    case 'Fl':
      return undoPredictor(inflate(data, limits.inflatedBytes), params, resolve)
    case 'LZWDecode':
    case 'LZW':
      return undoPredictor(decodeLzw(data, params, resolve, limits.inflatedBytes), params, resolve)
    case 'ASCIIHexDecode':
    case 'AHx':
      return decodeAsciiHex(data)
    case 'ASCII85Decode':
    case 'A85':
      return decodeAscii85(data)
    case 'RunLengthDecode':
    case 'RL':
      return decodeRunLength(data, limits.inflatedBytes)
    case 'Crypt':
      // Decryption happened before the filters; the Crypt filter itself changes nothing (7.4.10).
      return data
    default:
      throw malformed('The PDF stream has a filter that cannot be decoded here.')
  }
}

function inflate(data: Uint8Array, limit: number): Uint8Array {
  try {
    // Z_SYNC_FLUSH: a stream whose end was cut off still gives what is there, as other readers do.
    return inflateSync(data, { maxOutputLength: limit, finishFlush: constants.Z_SYNC_FLUSH })
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge('bytes in one stream', limit)
    throw malformed('The PDF stream has FlateDecode data that cannot be read.', cause)
  }
}

function intParam(params: PdfDict | undefined, key: string, fallback: number, resolve: Resolve): number {
  const value = resolve(params?.entries.get(key))
  return typeof value === 'number' ? value : fallback
}

function undoPredictor(data: Uint8Array, params: PdfDict | undefined, resolve: Resolve): Uint8Array {
  const predictor = intParam(params, 'Predictor', 1, resolve)
  if (predictor < 2) return data
  const colors = intParam(params, 'Colors', 1, resolve)
  const bits = intParam(params, 'BitsPerComponent', 8, resolve)
  const columns = intParam(params, 'Columns', 1, resolve)
  const rowBits = colors * bits * columns
  if (!Number.isInteger(rowBits) || rowBits < 1 || rowBits > 8 * 2 ** 20) {
    throw malformed('The PDF stream has predictor parameters out of range.')
  }
  const row = (rowBits + 7) >> 3
  const pixel = Math.max(1, (colors * bits) >> 3)
  return predictor === 2 ? undoTiff(data, row, pixel, bits) : undoPng(data, row, pixel)
}

function undoTiff(data: Uint8Array, row: number, pixel: number, bits: number): Uint8Array {
  if (bits !== 8) throw malformed('The PDF stream has a TIFF predictor that is not for 8 bits.')
  const out = Uint8Array.from(data)
  for (let i = 0; i < out.length; i++) {
    if (i % row >= pixel) out[i] = (out[i] as number) + (out[i - pixel] as number)
  }
  return out
}

function undoPng(data: Uint8Array, row: number, pixel: number): Uint8Array {
  const rows = Math.ceil(data.length / (row + 1))
  const out = new Uint8Array(rows * row)
  let length = 0
  for (let r = 0; r < rows; r++) {
    const from = r * (row + 1)
    const line = data.subarray(from + 1, from + 1 + row)
    undoPngRow(data[from] as number, line, out, r * row, row, pixel)
    length += line.length
  }
  return out.subarray(0, length)
}

function undoPngRow(
  type: number,
  line: Uint8Array,
  out: Uint8Array,
  at: number,
  row: number,
  pixel: number,
): void {
  const hasUp = at > 0
  for (let i = 0; i < line.length; i++) {
    const left = i >= pixel ? (out[at + i - pixel] as number) : 0
    const up = hasUp ? (out[at + i - row] as number) : 0
    const corner = hasUp && i >= pixel ? (out[at + i - row - pixel] as number) : 0
    out[at + i] = (line[i] as number) + pngPrediction(type, left, up, corner)
  }
}

function pngPrediction(type: number, left: number, up: number, corner: number): number {
  if (type === 1) return left
  if (type === 2) return up
  if (type === 3) return (left + up) >> 1
  if (type !== 4) return 0
  const toLeft = Math.abs(up - corner)
  const toUp = Math.abs(left - corner)
  const toCorner = Math.abs(left + up - 2 * corner)
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

function decodeAsciiHex(data: Uint8Array): Uint8Array {
  const text = Buffer.from(data).toString('latin1')
  const digits = (text.split('>')[0] ?? '').replace(/[^0-9a-fA-F]/g, '')
  return Uint8Array.from(Buffer.from(digits.length % 2 ? `${digits}0` : digits, 'hex'))
}

function decodeAscii85(data: Uint8Array): Uint8Array {
  const out: number[] = []
  let group: number[] = []
  for (const byte of data) {
    if (byte === 0x7e) break
    if (byte === 0x7a && group.length === 0) out.push(0, 0, 0, 0)
    else if (byte >= 0x21 && byte <= 0x75) group.push(byte - 0x21)
    if (group.length === 5) {
      out.push(...decodeGroup(group))
      group = []
    }
  }
  if (group.length > 1) {
    const keep = group.length - 1
    while (group.length < 5) group.push(84)
    out.push(...decodeGroup(group).slice(0, keep))
  }
  return Uint8Array.from(out)
}

function decodeGroup(group: number[]): number[] {
  const value = group.reduce((sum, digit) => sum * 85 + digit, 0)
  return [Math.floor(value / 2 ** 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}

function decodeRunLength(data: Uint8Array, limit: number): Uint8Array {
  const parts: Uint8Array[] = []
  let total = 0
  for (let pos = 0; pos < data.length;) {
    const length = data[pos++] as number
    if (length === 128) break
    const part =
      length < 128 ? data.subarray(pos, pos + length + 1) : new Uint8Array(257 - length).fill(data[pos] ?? 0)
    pos += length < 128 ? length + 1 : 1
    total += part.length
    if (total > limit) throw tooLarge('bytes in one stream', limit)
    parts.push(part)
  }
  return Uint8Array.from(Buffer.concat(parts))
}

function decodeLzw(
  data: Uint8Array,
  params: PdfDict | undefined,
  resolve: Resolve,
  limit: number,
): Uint8Array {
  const early = intParam(params, 'EarlyChange', 1, resolve)
  const most = Math.min(limit, LZW_BYTES)
  const out: number[] = []
  let table: number[][] = []
  let previous: number[] | undefined
  for (let at = 0, width = 9; ; at += width) {
    width = getLzwWidth(table.length + early)
    const code = readBits(data, at, width)
    if (code === undefined || code === 257) return Uint8Array.from(out)
    if (code === 256) {
      table = []
      previous = undefined
      continue
    }
    const entry = getLzwEntry(table, previous, code)
    if (previous && table.length < 4096 - 258) table.push([...previous, entry[0] as number])
    previous = entry
    for (const item of entry) out.push(item)
    if (out.length > most) throw tooLarge('bytes in one LZW stream', most)
  }
}

function getLzwEntry(table: number[][], previous: number[] | undefined, code: number): number[] {
  const known = code < 256 ? [code] : table[code - 258]
  if (known) return known
  if (!previous) throw malformed('The PDF stream has LZWDecode data that cannot be read.')
  return [...previous, previous[0] as number]
}

/** LZW keeps its output as a list while it grows: it gets less room than Flate. */
const LZW_BYTES = 2 ** 24

/** The code of `entries` table entries has 9 bits up to 511, and so on (7.4.4.2). */
function getLzwWidth(entries: number): number {
  const next = entries + 258
  if (next >= 2048) return 12
  if (next >= 1024) return 11
  return next >= 512 ? 10 : 9
}

function readBits(data: Uint8Array, at: number, width: number): number | undefined {
  if (at + width > data.length * 8) return undefined
  const byte = at >> 3
  const window = ((data[byte] as number) << 16) | ((data[byte + 1] ?? 0) << 8) | (data[byte + 2] ?? 0)
  return (window >> (24 - (at & 7) - width)) & ((1 << width) - 1)
}
