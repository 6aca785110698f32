import { CodedError } from '../../../ca/errors.ts'
import { buildDict, buildName, buildStream, type PdfObject, type PdfRef } from '../pdf/objects.ts'
import { layoutText, visibleText } from './appearance-text.ts'
import type { FontFace } from './font.ts'
import { startSubset, utf16Hex } from './font.ts'
import type { SealImage } from './png.ts'
import { readSealImage } from './png.ts'

/** What a visible signature shows. Lengths are in points (1/72 inch). */
export type AppearanceOptions = {
  /** Size of the widget's Rect. */
  readonly width: number
  readonly height: number
  /** PNG bytes, or an image that `readSealImage` has decoded before. */
  readonly image?: Uint8Array | SealImage
  /** One paragraph each; wrapped, shrunk and at last cut so that they fit. */
  readonly lines?: readonly string[]
  /** Needed where there are lines. */
  readonly font?: FontFace
  /** Largest font size; 12 by default. */
  readonly fontSize?: number
  /** The page's Rotate entry, so that the appearance stands upright on a turned page. */
  readonly rotate?: 0 | 90 | 180 | 270
}

type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }

const LIMITS = { side: 14_400, lines: 64, characters: 4_000 } as const

/**
 * Builds the normal appearance of a signature widget: image at the left and text at the right, or either alone.
 * `allocate` takes each object into the document and returns its reference.
 *
 * Nothing but the image's soft mask is transparent, and every line carries its text as ActualText.
 *
 * @returns the Form XObject for the widget's /AP /N
 * @throws {APPEARANCE_INVALID} where a size, the number of lines or the length of the text is out of range
 * @throws {APPEARANCE_IMAGE_INVALID}
 * @throws {APPEARANCE_IMAGE_TOO_LARGE}
 * @see ISO 32000-2, 12.5.5 (appearance streams) and 8.10 (form XObjects)
 */
export function buildAppearance(options: AppearanceOptions, allocate: (object: PdfObject) => PdfRef): PdfRef {
  const lines = checkOptions(options)
  const turned = options.rotate === 90 || options.rotate === 270
  const width = turned ? options.height : options.width
  const height = turned ? options.width : options.height
  const padding = Math.min(4, Math.min(width, height) * 0.05)
  const inner: Box = { x: padding, y: padding, width: width - 2 * padding, height: height - 2 * padding }

  const content: string[] = []
  const resources: Record<string, PdfObject> = {}
  let textBox = inner
  if (options.image !== undefined) {
    const image = options.image instanceof Uint8Array ? readSealImage(options.image) : options.image
    const side = lines.length === 0 ? inner.width : Math.min(inner.height, inner.width * 0.42)
    content.push(drawImage(image, { ...inner, width: side }))
    resources.XObject = buildDict({ Im0: allocateImage(image, allocate) })
    const used = side + 2 * padding
    textBox = { ...inner, x: inner.x + used, width: inner.width - used }
  }
  if (lines.length > 0 && options.font !== undefined) {
    const subset = startSubset(options.font)
    const layout = layoutText(options.font, lines, textBox, options.fontSize ?? 12)
    content.push(drawText(layout, textBox, subset.encodeText))
    resources.Font = buildDict({ F0: subset.embed(allocate) })
  }
  const matrix = rotationMatrix(options.rotate ?? 0, width, height)
  const entries = {
    Type: buildName('XObject'),
    Subtype: buildName('Form'),
    FormType: 1,
    BBox: [0, 0, width, height],
    ...(matrix === undefined ? {} : { Matrix: matrix }),
    Resources: buildDict(resources),
  }
  return allocate(buildStream(buildDict(entries), new TextEncoder().encode(content.join('\n') + '\n')))
}

function checkOptions(options: AppearanceOptions): string[] {
  const invalid = (why: string): CodedError => new CodedError('APPEARANCE_INVALID', why)
  for (const [key, value] of [
    ['width', options.width],
    ['height', options.height],
    ['fontSize', options.fontSize ?? 12],
  ] as const) {
    if (!(value > 0 && value <= LIMITS.side))
      throw invalid(`${key} must be above 0 and at most ${LIMITS.side} points.`)
  }
  const given = options.lines ?? []
  if (given.length > LIMITS.lines) throw invalid(`A visible signature has at most ${LIMITS.lines} lines.`)
  if (given.reduce((sum, line) => sum + line.length, 0) > LIMITS.characters) {
    throw invalid(`The lines of a visible signature have at most ${LIMITS.characters} characters.`)
  }
  if (given.length > 0 && options.font === undefined) throw invalid('Lines need a font.')
  const lines = given.map(visibleText)
  return lines.some((line) => line !== '') ? lines : []
}

function allocateImage(image: SealImage, allocate: (object: PdfObject) => PdfRef): PdfRef {
  const entries = (colorSpace: string): Record<string, PdfObject> => ({
    Type: buildName('XObject'),
    Subtype: buildName('Image'),
    Width: image.width,
    Height: image.height,
    ColorSpace: buildName(colorSpace),
    BitsPerComponent: 8,
    Filter: buildName('FlateDecode'),
  })
  const mask =
    image.alpha === undefined
      ? {}
      : { SMask: allocate(buildStream(buildDict(entries('DeviceGray')), image.alpha)) }
  return allocate(buildStream(buildDict({ ...entries(image.colorSpace), ...mask }), image.samples))
}

/** Draws the image as large as the box allows, centred, its proportions kept. */
function drawImage(image: SealImage, box: Box): string {
  const scale = Math.min(box.width / image.width, box.height / image.height)
  const width = image.width * scale
  const height = image.height * scale
  const x = box.x + (box.width - width) / 2
  const y = box.y + (box.height - height) / 2
  return `q ${format(width)} 0 0 ${format(height)} ${format(x)} ${format(y)} cm /Im0 Do Q`
}

function drawText(
  layout: ReturnType<typeof layoutText>,
  box: Box,
  encodeText: (text: string) => string,
): string {
  const top = box.y + box.height - layout.firstBaseline
  const lines = layout.lines.map((line, index) => {
    const position = `1 0 0 1 ${format(box.x)} ${format(top - index * layout.leading)} Tm`
    return `/Span << /ActualText <feff${utf16Hex(line)}> >> BDC ${position} <${encodeText(line)}> Tj EMC`
  })
  return ['q 0.1 g BT', `/F0 ${format(layout.fontSize)} Tf`, ...lines, 'ET Q'].join('\n')
}

/** Turns the upright form back by the page's rotation; viewers then fit its box to the Rect. */
function rotationMatrix(rotate: 0 | 90 | 180 | 270, width: number, height: number): number[] | undefined {
  if (rotate === 90) return [0, 1, -1, 0, height, 0]
  if (rotate === 180) return [-1, 0, 0, -1, width, height]
  if (rotate === 270) return [0, -1, 1, 0, 0, width]
  return undefined
}

/** PDF has no exponents; a thousandth of a point is finer than any device. */
function format(value: number): string {
  return String(Math.round(value * 1000) / 1000)
}
