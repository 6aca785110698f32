// The part of fontkit 2 that font.ts uses; the package carries no types of its own.
declare module 'fontkit' {
  /** One outline; `advanceWidth` in font units. */
  export type Glyph = { readonly id: number; readonly advanceWidth: number }
  /** Glyphs chosen for embedding. */
  export type Subset = {
    /** Returns the glyph's number inside the subset; number 0 is always `.notdef`. */
    includeGlyph(glyph: Glyph | number): number
    encode(): Uint8Array
  }
  /** One opened face; tables are decoded when first asked for. */
  export type Font = {
    readonly type: string
    readonly postscriptName: string | null
    readonly numGlyphs: number
    readonly unitsPerEm: number
    readonly ascent: number
    readonly descent: number
    readonly capHeight: number
    readonly italicAngle: number
    readonly bbox: {
      readonly minX: number
      readonly minY: number
      readonly maxX: number
      readonly maxY: number
    }
    readonly directory: { readonly tables: Readonly<Record<string, unknown>> }
    hasGlyphForCodePoint(codePoint: number): boolean
    glyphForCodePoint(codePoint: number): Glyph
    getGlyph(id: number): Glyph
    createSubset(): Subset
  }
  /** Opens a font; throws a plain Error where the format is unknown. */
  export function create(bytes: Uint8Array): Font
}
