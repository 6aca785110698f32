import {
  findArray,
  findDict,
  findNumber,
  getCatalog,
  getValue,
  resolve,
  type PdfDocument,
} from './document.ts'
import { malformed, tooLarge } from './limits.ts'
import { isDict, isRef, type PdfDict, type PdfObject, type PdfRef } from './objects.ts'

/** A page: its object, and the nodes above it from its parent up to the root. */
export type PdfPage = {
  /** Undefined where the page is not an indirect object, which no sound file has. */
  readonly ref: PdfRef | undefined
  readonly dict: PdfDict
  readonly ancestors: readonly PdfDict[]
}

/**
 * Walks the pages in order; a node met twice is walked once.
 *
 * @throws {PDF_MALFORMED} where there is no page tree
 * @throws {PDF_TOO_LARGE} over the limits of depth and nodes
 * @see ISO 32000-2, 7.7.3
 */
export function* walkPages(doc: PdfDocument): Generator<PdfPage> {
  const root = getCatalog(doc).entries.get('Pages')
  if (!isDict(resolve(doc, root))) throw malformed('The PDF has no page tree.')
  const seen = new Set<number>()
  let nodes = 0
  function* walk(object: PdfObject | undefined, ancestors: readonly PdfDict[]): Generator<PdfPage> {
    if (++nodes > doc.limits.nodes) throw tooLarge('page tree nodes', doc.limits.nodes)
    if (ancestors.length > doc.limits.depth) throw tooLarge('levels of pages', doc.limits.depth)
    const ref = isRef(object) ? object : undefined
    if (ref && seen.has(ref.num)) {
      doc.anomalies.add('page-tree-node-repeated')
      return
    }
    if (ref) seen.add(ref.num)
    const dict = resolve(doc, object)
    if (!isDict(dict)) {
      doc.anomalies.add('page-tree-node-missing')
      return
    }
    const kids = findArray(doc, dict, 'Kids')
    if (!kids) yield { ref, dict, ancestors }
    else for (const kid of kids) yield* walk(kid, [dict, ...ancestors])
  }
  yield* walk(root, [])
}

/** The number of pages that can be reached. */
export function countPages(doc: PdfDocument): number {
  let count = 0
  for (const _ of walkPages(doc)) count++
  return count
}

/** The page with this number, counted from 1, or undefined. */
export function findPage(doc: PdfDocument, number: number): PdfPage | undefined {
  let count = 0
  for (const page of walkPages(doc)) if (++count === number) return page
  return undefined
}

/** A page attribute, inherited where the page lacks it (7.7.3.4). */
export function getPageValue(doc: PdfDocument, page: PdfPage, key: string): PdfObject {
  for (const dict of [page.dict, ...page.ancestors]) {
    const value = getValue(doc, dict, key)
    if (value !== null) return value
  }
  return null
}

/** The visible box of a page in points, lower left corner first, and its clockwise rotation in degrees. */
export type PageGeometry = {
  readonly box: readonly [number, number, number, number]
  readonly rotate: 0 | 90 | 180 | 270
}

/** The crop box (the media box where it has none; A4 where it has neither) and /Rotate. */
export function getPageGeometry(doc: PdfDocument, page: PdfPage): PageGeometry {
  const box =
    toBox(doc, getPageValue(doc, page, 'CropBox')) ?? toBox(doc, getPageValue(doc, page, 'MediaBox'))
  const rotation = getPageValue(doc, page, 'Rotate')
  const turns = typeof rotation === 'number' ? ((Math.round(rotation / 90) % 4) + 4) % 4 : 0
  return { box: box ?? [0, 0, 595, 842], rotate: (turns * 90) as PageGeometry['rotate'] }
}

function toBox(doc: PdfDocument, object: PdfObject): [number, number, number, number] | undefined {
  if (!Array.isArray(object) || object.length < 4) return undefined
  const [a, b, c, d] = object.map((item) => resolve(doc, item))
  if (typeof a !== 'number' || typeof b !== 'number' || typeof c !== 'number' || typeof d !== 'number') {
    return undefined
  }
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)]
}

/** The /AcroForm of a document, or undefined. */
export function findAcroForm(doc: PdfDocument): PdfDict | undefined {
  return findDict(doc, getCatalog(doc), 'AcroForm')
}

/** /SigFlags of a form; 0 where it has none. */
export function getSigFlags(doc: PdfDocument, form: PdfDict): number {
  return findNumber(doc, form, 'SigFlags') ?? 0
}
