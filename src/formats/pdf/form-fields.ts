import { findArray, getValue, resolve, type PdfDocument } from './document.ts'
import { tooLarge } from './limits.ts'
import {
  getText,
  isDict,
  isName,
  isRef,
  isString,
  type PdfDict,
  type PdfObject,
  type PdfRef,
} from './objects.ts'
import { findAcroForm } from './page-tree.ts'

/** A terminal field of the form, or a named node above terminal fields. */
export type FormField = {
  /** Undefined where the field is not an indirect object. */
  readonly ref: PdfRef | undefined
  readonly dict: PdfDict
  /** Fully qualified name (ISO 32000-2, 12.7.4.2). */
  readonly name: string
  /** /FT, inherited. */
  readonly type: string | undefined
  /** /V, inherited, not resolved. */
  readonly value: PdfObject | undefined
  readonly widgets: readonly FieldWidget[]
  readonly isTerminal: boolean
}

/** A widget annotation of a field; the field itself where both are one dictionary. */
export type FieldWidget = { readonly ref: PdfRef | undefined; readonly dict: PdfDict }

type Inherited = {
  readonly name: string
  readonly type: string | undefined
  readonly value: PdfObject | undefined
}

/**
 * Every field of the interactive form, parents before children; a node met twice is walked once.
 *
 * @throws {PDF_TOO_LARGE} over the limits of depth and nodes
 * @see ISO 32000-2, 12.7.4
 */
export function listFields(doc: PdfDocument): FormField[] {
  const form = findAcroForm(doc)
  const roots = (form && findArray(doc, form, 'Fields')) ?? []
  const fields: FormField[] = []
  const seen = new Set<number>()
  const walk = (object: PdfObject, above: Inherited, depth: number): void => {
    checkSize(doc, fields.length, depth)
    const ref = isRef(object) ? object : undefined
    if (ref && seen.has(ref.num)) {
      doc.anomalies.add('field-repeated')
      return
    }
    if (ref) seen.add(ref.num)
    const dict = resolve(doc, object)
    if (!isDict(dict)) return
    const own = inherit(doc, dict, above)
    const kids = findArray(doc, dict, 'Kids') ?? []
    const { children, widgets } = splitKids(doc, kids)
    const merged =
      kids.length === 0 && isName(getValue(doc, dict, 'Subtype'), 'Widget') ? [{ ref, dict }] : []
    fields.push({ ref, dict, ...own, widgets: [...merged, ...widgets], isTerminal: children.length === 0 })
    for (const child of children) walk(child, own, depth + 1)
  }
  for (const root of roots) walk(root, { name: '', type: undefined, value: undefined }, 0)
  return fields
}

function checkSize(doc: PdfDocument, fields: number, depth: number): void {
  if (fields > doc.limits.nodes) throw tooLarge('form fields', doc.limits.nodes)
  if (depth > doc.limits.depth) throw tooLarge('levels of form fields', doc.limits.depth)
}

function inherit(doc: PdfDocument, dict: PdfDict, above: Inherited): Inherited {
  const title = getValue(doc, dict, 'T')
  const part = isString(title) ? getText(title) : ''
  const type = getValue(doc, dict, 'FT')
  return {
    name: above.name === '' || part === '' ? above.name + part : `${above.name}.${part}`,
    type: isName(type) ? type.value : above.type,
    value: dict.entries.get('V') ?? above.value,
  }
}

/** In one pass: a field can name hundreds of thousands of kids. */
function splitKids(
  doc: PdfDocument,
  kids: readonly PdfObject[],
): { children: PdfObject[]; widgets: FieldWidget[] } {
  const children: PdfObject[] = []
  const widgets: FieldWidget[] = []
  for (const kid of kids) {
    if (isFieldNode(doc, kid)) children.push(kid)
    else widgets.push(...toWidget(doc, kid))
  }
  return { children, widgets }
}

/** A kid is a field where it has a partial name; without one it is a widget of its parent (12.7.4.1). */
function isFieldNode(doc: PdfDocument, kid: PdfObject): boolean {
  const dict = resolve(doc, kid)
  return isDict(dict) && (dict.entries.has('T') || dict.entries.has('Kids'))
}

function toWidget(doc: PdfDocument, kid: PdfObject): FieldWidget[] {
  const dict = resolve(doc, kid)
  return isDict(dict) ? [{ ref: isRef(kid) ? kid : undefined, dict }] : []
}
