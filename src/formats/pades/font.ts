import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import type { Font } from 'fontkit'
import { CodedError } from '../../../ca/errors.ts'
import {
  buildDict,
  buildName,
  buildStream,
  buildTextString,
  type PdfObject,
  type PdfRef,
} from '../pdf/objects.ts'

/** A loaded TrueType font; keep it, since reading ten megabytes and its metrics costs tens of milliseconds. */
export type FontFace = { readonly kind: 'font-face'; readonly postscriptName: string; readonly font: Font }

/**
 * Reads one TrueType face (`glyf` outlines; no collections, no WOFF).
 *
 * fontkit is imported on first use, because loading it takes longer than most commands run.
 *
 * @throws {APPEARANCE_FONT_INVALID}
 */
export async function loadFont(ttf: Uint8Array): Promise<FontFace> {
  const fontkit = await import('fontkit')
  try {
    const font = fontkit.create(ttf)
    if (font.type !== 'TTF' || font.directory.tables.glyf === undefined) throw new Error('no glyf outlines')
    // Metrics and character map are decoded lazily; pay for them here and not in the first signature.
    if (!(font.unitsPerEm > 0) || !(font.glyphForCodePoint(0x41).advanceWidth >= 0))
      throw new Error('no metrics')
    const postscriptName = (font.postscriptName ?? '').replaceAll(/[^A-Za-z0-9-]/g, '') || 'Font'
    return { kind: 'font-face', postscriptName, font }
  } catch (cause) {
    throw new CodedError('APPEARANCE_FONT_INVALID', 'The font is not a readable TrueType font.', { cause })
  }
}

/** Advance width of one code point in thousandths of the font size; missing glyphs measure like their box. */
export function advanceOf(face: FontFace, codePoint: number): number {
  return (face.font.glyphForCodePoint(codePoint).advanceWidth * 1000) / face.font.unitsPerEm
}

/** Ascent and descent (positive) in thousandths of the font size, as the outlines of CJK and Latin text need. */
export function verticalExtent(face: FontFace): { ascent: number; descent: number } {
  const scale = 1000 / face.font.unitsPerEm
  return {
    ascent: Math.min(face.font.ascent * scale, 1000),
    descent: Math.min(-face.font.descent * scale, 250),
  }
}

/** The glyphs that one appearance uses, numbered in the order in which the text first uses them. */
export type FontSubset = {
  /** Two bytes per glyph, as hexadecimal, for a string shown under Identity-H. */
  encodeText(text: string): string
  /** Writes the font objects, once all text has been encoded. */
  embed(allocate: (object: PdfObject) => PdfRef): PdfRef
}

/** Starts an empty subset of the font. Only the glyphs that are encoded are copied into the document. */
export function startSubset(face: FontFace): FontSubset {
  const subset = face.font.createSubset()
  const widths = [(face.font.getGlyph(0).advanceWidth * 1000) / face.font.unitsPerEm]
  const unicode = new Map<number, number>()
  const encodeCodePoint = (codePoint: number): string => {
    const glyph = face.font.glyphForCodePoint(codePoint)
    const cid = subset.includeGlyph(glyph.id)
    widths[cid] = (glyph.advanceWidth * 1000) / face.font.unitsPerEm
    // Number 0 is the box for every missing character; ActualText on the line carries what it stands for.
    if (!unicode.has(cid)) unicode.set(cid, cid === 0 ? 0xfffd : codePoint)
    return cid.toString(16).padStart(4, '0')
  }
  return {
    encodeText: (text) =>
      [...text].map((character) => encodeCodePoint(character.codePointAt(0) ?? 0)).join(''),
    embed: (allocate) => embedSubset(face, subset.encode(), widths, unicode, allocate),
  }
}

// ISO 32000-2, 9.6.4 (font names of subsets), 9.7.4 (CIDFonts), 9.8 (descriptors).
function embedSubset(
  face: FontFace,
  program: Uint8Array,
  widths: readonly number[],
  unicode: ReadonlyMap<number, number>,
  allocate: (object: PdfObject) => PdfRef,
): PdfRef {
  const fontName = buildName(`${subsetTag(program)}+${face.postscriptName}`)
  const fontFile = buildStream(
    buildDict({ Length1: program.length, Filter: buildName('FlateDecode') }),
    deflateSync(program),
  )
  const descendant = buildDict({
    Type: buildName('Font'),
    Subtype: buildName('CIDFontType2'),
    BaseFont: fontName,
    CIDSystemInfo: buildDict({
      Registry: buildTextString('Adobe'),
      Ordering: buildTextString('Identity'),
      Supplement: 0,
    }),
    FontDescriptor: allocate(descriptor(face, fontName, allocate(fontFile))),
    CIDToGIDMap: buildName('Identity'),
    DW: 1000,
    W: [0, widths.map((width) => Math.round(width))],
  })
  return allocate(
    buildDict({
      Type: buildName('Font'),
      Subtype: buildName('Type0'),
      BaseFont: fontName,
      Encoding: buildName('Identity-H'),
      DescendantFonts: [allocate(descendant)],
      ToUnicode: allocate(buildStream(buildDict({}), new TextEncoder().encode(toUnicodeCMap(unicode)))),
    }),
  )
}

function descriptor(face: FontFace, fontName: PdfObject, fontFile: PdfRef): PdfObject {
  const { font } = face
  const scaled = (value: number): number => Math.round((value * 1000) / font.unitsPerEm)
  return buildDict({
    Type: buildName('FontDescriptor'),
    FontName: fontName,
    Flags: 4,
    FontBBox: [font.bbox.minX, font.bbox.minY, font.bbox.maxX, font.bbox.maxY].map(scaled),
    ItalicAngle: font.italicAngle,
    Ascent: scaled(font.ascent),
    Descent: scaled(font.descent),
    CapHeight: scaled(font.capHeight),
    StemV: 80,
    FontFile2: fontFile,
  })
}

/** Six capitals that depend on the subset alone, so that the same signature request gives the same bytes. */
function subsetTag(program: Uint8Array): string {
  const digest = createHash('sha256').update(program).digest()
  return String.fromCharCode(...digest.subarray(0, 6).map((byte) => 65 + (byte % 26)))
}

// ISO 32000-2, 9.10.3 (ToUnicode CMaps): at most 100 entries a block.
function toUnicodeCMap(unicode: ReadonlyMap<number, number>): string {
  const entries = [...unicode].map(
    ([cid, codePoint]) =>
      `<${cid.toString(16).padStart(4, '0')}> <${utf16Hex(String.fromCodePoint(codePoint))}>`,
  )
  const blocks: string[] = []
  for (let from = 0; from < entries.length; from += 100) {
    const block = entries.slice(from, from + 100)
    blocks.push(`${block.length} beginbfchar`, ...block, 'endbfchar')
  }
  return [
    '/CIDInit /ProcSet findresource begin',
    '12 dict begin',
    'begincmap',
    '/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def',
    '/CMapName /Adobe-Identity-UCS def',
    '/CMapType 2 def',
    '1 begincodespacerange',
    '<0000> <ffff>',
    'endcodespacerange',
    ...blocks,
    'endcmap',
    'CMapName currentdict /CMap defineresource pop',
    'end',
    'end',
    '',
  ].join('\n')
}

/** UTF-16BE as hexadecimal, without a byte order mark. */
export function utf16Hex(text: string): string {
  return text
    .split('')
    .map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'))
    .join('')
}
