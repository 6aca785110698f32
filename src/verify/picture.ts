/** Looks for what people take for a signature in a PDF without any: stamps, ink, pictures with a clear ground, scans. */
import { isCoded } from '../../ca/formats.ts'
import {
  type PdfDocument,
  findArray,
  findDict,
  findName,
  findNumber,
  getValue,
  resolve,
} from '../formats/pdf/document.ts'
import { type PdfDict, isDict, isStream } from '../formats/pdf/objects.ts'
import { getPageValue, walkPages } from '../formats/pdf/page-tree.ts'

const MAX_PAGES = 300
const MAX_OBJECTS = 3000
const MAX_DEPTH = 4

interface Budget {
  left: number
}

/** True when some page shows a stamp, ink or a picture with a clear ground, as seals and signatures are pasted, or is a scan. */
export function hasPictureOfSeal(doc: PdfDocument): boolean {
  try {
    const budget = { left: MAX_OBJECTS }
    let pages = 0
    for (const page of walkPages(doc)) {
      if (++pages > MAX_PAGES || budget.left <= 0) break
      const annotations = findArray(doc, page.dict, 'Annots') ?? []
      if (annotations.some((item) => isStampOrInk(doc, resolve(doc, item), budget))) return true
      const resources = resolve(doc, getPageValue(doc, page, 'Resources'))
      if (!isDict(resources)) continue
      if (hasClearPicture(doc, resources, budget, 0) || isScan(doc, resources, budget)) return true
    }
  } catch (error) {
    // The page tree cannot be walked: nothing is known of its pictures, and there is no signature either way.
    if (!isCoded(error)) throw error
  }
  return false
}

/** Nothing but a large picture: a signed sheet of paper that was scanned or photographed. */
function isScan(doc: PdfDocument, resources: PdfDict, budget: Budget): boolean {
  const fonts = findDict(doc, resources, 'Font')
  if (fonts && fonts.entries.size > 0) return false
  const objects = [...(findDict(doc, resources, 'XObject')?.entries.values() ?? [])].slice(0, budget.left)
  budget.left -= objects.length
  return objects.some((item) => {
    const stream = resolve(doc, item)
    return isStream(stream) && isSheet(doc, stream.dict)
  })
}

const isSheet = (doc: PdfDocument, dict: PdfDict): boolean =>
  findName(doc, dict, 'Subtype')?.value === 'Image' &&
  ['Width', 'Height'].every((key) => (findNumber(doc, dict, key) ?? 0) >= MIN_SCAN_PIXELS)

/** A sheet at 72 dots an inch; logos and icons are smaller. */
const MIN_SCAN_PIXELS = 500

function isStampOrInk(doc: PdfDocument, annotation: unknown, budget: Budget): boolean {
  budget.left--
  if (!isDict(annotation as PdfDict)) return false
  const dict = annotation as PdfDict
  const subtype = findName(doc, dict, 'Subtype')?.value
  if (subtype === 'Stamp' || subtype === 'Ink') return true
  // A signature field that was drawn but never signed.
  return (
    subtype === 'Widget' &&
    findName(doc, dict, 'FT')?.value === 'Sig' &&
    findDict(doc, dict, 'AP') !== undefined
  )
}

function hasClearPicture(doc: PdfDocument, resources: PdfDict, budget: Budget, depth: number): boolean {
  const objects = findDict(doc, resources, 'XObject')
  if (!objects || depth > MAX_DEPTH) return false
  for (const item of objects.entries.values()) {
    if (budget.left-- <= 0) return false
    const stream = resolve(doc, item)
    if (!isStream(stream)) continue
    const subtype = findName(doc, stream.dict, 'Subtype')?.value
    if (subtype === 'Image' && isClearPicture(doc, stream.dict)) return true
    const inner = subtype === 'Form' ? findDict(doc, stream.dict, 'Resources') : undefined
    if (inner && hasClearPicture(doc, inner, budget, depth + 1)) return true
  }
  return false
}

/** Pasted seals and handwriting are larger than icons and let the text below show through. */
function isClearPicture(doc: PdfDocument, dict: PdfDict): boolean {
  const width = findNumber(doc, dict, 'Width') ?? 0
  const height = findNumber(doc, dict, 'Height') ?? 0
  const isClear = ['SMask', 'Mask'].some((key) => getValue(doc, dict, key) !== null)
  return isClear && width >= 48 && height >= 24
}
