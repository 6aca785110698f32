// pngjs reads its input with the methods of Buffer; nothing of it leaves this file.
import { Buffer } from 'node:buffer'
import { deflateSync, inflateSync } from 'node:zlib'
import { PNG } from 'pngjs'
import { CodedError } from '../../../ca/errors.ts'

/** Limits on a seal or handwriting image, checked before anything is decoded. */
export const IMAGE_LIMITS = { bytes: 4_194_304, pixels: 4_194_304, side: 8192 } as const

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

/** A decoded picture in the form a PDF image XObject wants: Flate-compressed 8-bit samples, alpha apart. */
export type SealImage = {
  readonly kind: 'seal-image'
  readonly width: number
  readonly height: number
  readonly colorSpace: 'DeviceRGB' | 'DeviceGray'
  readonly samples: Uint8Array
  /** Absent where every pixel is opaque. */
  readonly alpha?: Uint8Array
}

type Header = { width: number; height: number; bitsPerPixel: number; interlaced: boolean }

function readHeader(png: Uint8Array): Header {
  const invalid = (why: string): CodedError =>
    new CodedError('APPEARANCE_IMAGE_INVALID', `The image is not a readable PNG: ${why}.`)
  if (png.length > IMAGE_LIMITS.bytes) {
    throw new CodedError(
      'APPEARANCE_IMAGE_TOO_LARGE',
      `The image is larger than ${IMAGE_LIMITS.bytes} bytes.`,
    )
  }
  if (png.length < 45 || SIGNATURE.some((byte, index) => png[index] !== byte))
    throw invalid('no PNG signature')
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  if (view.getUint32(8) !== 13 || view.getUint32(12) !== 0x49484452)
    throw invalid('it does not start with IHDR')
  const width = view.getUint32(16)
  const height = view.getUint32(20)
  const channels = CHANNELS[view.getUint8(25)]
  if (width === 0 || height === 0 || channels === undefined) throw invalid('IHDR is out of range')
  if (width > IMAGE_LIMITS.side || height > IMAGE_LIMITS.side || width * height > IMAGE_LIMITS.pixels) {
    throw new CodedError(
      'APPEARANCE_IMAGE_TOO_LARGE',
      `The image has more than ${IMAGE_LIMITS.pixels} pixels.`,
    )
  }
  return { width, height, bitsPerPixel: channels * view.getUint8(24), interlaced: view.getUint8(28) !== 0 }
}

/**
 * pngjs bounds inflation for plain images only: an interlaced one of a few kilobytes may unfold to gigabytes.
 * So the data of interlaced images is inflated once here, under a bound, before pngjs sees it.
 */
function checkInterlacedSize(png: Uint8Array, header: Header): void {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  const parts: Uint8Array[] = []
  for (let at = 8; at + 12 <= png.length;) {
    const length = view.getUint32(at)
    if (view.getUint32(at + 4) === 0x49444154) parts.push(png.subarray(at + 8, at + 8 + length))
    at += 12 + length
  }
  const bound = 2 * header.height * (Math.ceil((header.width * header.bitsPerPixel) / 8) + 8) + 1024
  inflateSync(Buffer.concat(parts), { maxOutputLength: bound })
}

function decode(png: Uint8Array): { width: number; height: number; rgba: Uint8Array } {
  const header = readHeader(png)
  try {
    if (header.interlaced) checkInterlacedSize(png, header)
    const picture = PNG.sync.read(Buffer.from(png.buffer, png.byteOffset, png.byteLength))
    if (picture.data.length !== header.width * header.height * 4) throw new Error('sample count')
    return { width: header.width, height: header.height, rgba: picture.data }
  } catch (cause) {
    throw new CodedError('APPEARANCE_IMAGE_INVALID', 'The image is not a readable PNG.', { cause })
  }
}

/** Splits RGBA into colour and alpha planes; pixels nobody can see become white, so nothing hides in them. */
function splitPlanes(rgba: Uint8Array): {
  rgb: Uint8Array
  alpha: Uint8Array
  opaque: boolean
  gray: boolean
} {
  const count = rgba.length / 4
  const rgb = new Uint8Array(count * 3)
  const alpha = new Uint8Array(count)
  let opaque = true
  let gray = true
  for (let from = 0, pixel = 0, to = 0; pixel < count; pixel++, from += 4, to += 3) {
    const a = rgba[from + 3] ?? 0
    const r = a === 0 ? 255 : (rgba[from] ?? 0)
    const g = a === 0 ? 255 : (rgba[from + 1] ?? 0)
    const b = a === 0 ? 255 : (rgba[from + 2] ?? 0)
    rgb[to] = r
    rgb[to + 1] = g
    rgb[to + 2] = b
    alpha[pixel] = a
    if (a !== 255) opaque = false
    if (r !== g || g !== b) gray = false
  }
  return { rgb, alpha, opaque, gray }
}

/**
 * Decodes a PNG of any colour type, depth and interlacing into planes ready for a PDF image XObject.
 * The result can be kept and used for many signatures.
 *
 * @throws {APPEARANCE_IMAGE_TOO_LARGE} above IMAGE_LIMITS, found before decoding
 * @throws {APPEARANCE_IMAGE_INVALID} where the bytes are not a readable PNG
 * @see ISO 32000-2, 8.9.5 and 11.6.5.2 (soft-mask images)
 */
export function readSealImage(png: Uint8Array): SealImage {
  const { width, height, rgba } = decode(png)
  const planes = splitPlanes(rgba)
  const colour = planes.gray ? planes.rgb.filter((_, index) => index % 3 === 0) : planes.rgb
  return {
    kind: 'seal-image',
    width,
    height,
    colorSpace: planes.gray ? 'DeviceGray' : 'DeviceRGB',
    samples: deflateSync(colour, { level: 3 }),
    ...(planes.opaque ? {} : { alpha: deflateSync(planes.alpha, { level: 3 }) }),
  }
}
