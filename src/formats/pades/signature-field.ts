import { CodedError } from '../../../ca/errors.ts'
import { findArray, findNumber } from '../pdf/document.ts'
import { editDict, editForm, withItem, type RevisionDraft } from '../pdf/draft-revision.ts'
import { malformed } from '../pdf/limits.ts'
import type { FieldWidget, FormField } from '../pdf/form-fields.ts'
import {
  buildDict,
  buildName,
  buildStream,
  buildTextString,
  isRef,
  isStream,
  withEntries,
  type PdfDict,
  type PdfObject,
  type PdfRef,
} from '../pdf/objects.ts'
import { findPage, getPageGeometry, getSigFlags, walkPages, type PdfPage } from '../pdf/page-tree.ts'

/** A rectangle in the page's default user space, in points: lower left corner, upper right corner. */
export type Rect = readonly [number, number, number, number]

/** What a visible signature shows, and where. */
export type PadesAppearance = {
  /** Counted from 1; the first page unless given. Not used for a field that is there already. */
  readonly page?: number
  /** Not used for a field that is there already. */
  readonly rect?: Rect
  /**
   * Makes the form XObject and gives its reference. `size` is what it has to fill, in points, as the reader sees it:
   * on a page that is shown turned, width and height are exchanged and the form is turned for it.
   */
  readonly build: (
    allocate: (object: PdfObject) => PdfRef,
    size: { readonly width: number; readonly height: number },
  ) => PdfRef
}

/** Print and locked: shown on paper, not to be moved (ISO 32000-2, table 167). */
const WIDGET_FLAGS = 4 | 128
/** Signatures exist, append only (table 225). */
const SIG_FLAGS = 1 | 2

/**
 * The empty signature field with this name, or undefined where no field has it.
 *
 * @throws {PADES_FIELD_SIGNED} where it is signed
 * @throws {PADES_FIELD_INVALID} where it is not a signature field, or there are two
 */
export function findEmptyField(
  fields: readonly FormField[],
  name: string,
): (FormField & { readonly ref: PdfRef }) | undefined {
  const named = fields.filter((field) => field.name === name)
  const [field] = named
  if (!field) return undefined
  const { ref } = field
  if (named.length > 1 || field.type !== 'Sig' || !field.isTerminal || !ref) {
    throw new CodedError(
      'PADES_FIELD_INVALID',
      'The PDF has a field of that name which is not a signature field.',
    )
  }
  if (field.value !== undefined && field.value !== null) {
    throw new CodedError('PADES_FIELD_SIGNED', 'The signature field of that name is signed already.')
  }
  return { ...field, ref }
}

/** The first `Signature1`, `Signature2`, … that no field of the document has. */
export function findFreeName(fields: readonly FormField[]): string {
  const taken = new Set(fields.map((field) => field.name))
  let number = 1
  while (taken.has(`Signature${number}`)) number++
  return `Signature${number}`
}

/**
 * Adds a signature field with its widget to a page and to the form.
 *
 * @throws {PADES_PAGE_OUT_OF_RANGE} where there is no such page
 * @throws {PDF_MALFORMED} where there is no page at all
 */
export function addSignatureField(
  draft: RevisionDraft,
  name: string,
  signature: PdfRef,
  appearance: PadesAppearance | undefined,
): void {
  const number = appearance?.page ?? 1
  const page = findPage(draft.doc, number)
  if (!page && number === 1) throw malformed('The PDF has no page.')
  if (!page?.ref) throw new CodedError('PADES_PAGE_OUT_OF_RANGE', 'The PDF has no page of that number.')
  const rect = appearance ? checkRect(appearance.rect) : ([0, 0, 0, 0] as const)
  const normal = appearance ? buildAppearance(draft, appearance, page, rect) : buildEmptyAppearance(draft)
  const field = draft.allocate(
    buildDict({
      Type: buildName('Annot'),
      Subtype: buildName('Widget'),
      FT: buildName('Sig'),
      T: buildTextString(name),
      V: signature,
      F: WIDGET_FLAGS,
      P: page.ref,
      Rect: [...rect],
      AP: buildDict({ N: normal }),
    }),
  )
  editDict(draft, page.ref, (dict) => withItem(draft, dict, 'Annots', field))
  editForm(draft, (form) => withSigFlags(draft, withItem(draft, form, 'Fields', field)))
}

/**
 * Puts a signature into an empty field, and an appearance into its first widget where one is given.
 *
 * @throws {PADES_FIELD_INVALID} where the field has no widget to show the appearance
 */
export function fillSignatureField(
  draft: RevisionDraft,
  field: FormField & { readonly ref: PdfRef },
  signature: PdfRef,
  appearance: PadesAppearance | undefined,
): void {
  editDict(draft, field.ref, (dict) => withEntries(dict, { V: signature }))
  if (appearance) fillWidget(draft, field.widgets[0], appearance)
  editForm(draft, (form) => withSigFlags(draft, form))
}

function fillWidget(
  draft: RevisionDraft,
  widget: FieldWidget | undefined,
  appearance: PadesAppearance,
): void {
  const rect = widget && readRect(draft, widget.dict)
  if (!widget?.ref || !rect) {
    throw new CodedError(
      'PADES_FIELD_INVALID',
      'The signature field has no place on a page for an appearance.',
    )
  }
  const page = findWidgetPage(draft, widget.ref)
  const normal = buildAppearance(draft, appearance, page, rect)
  editDict(draft, widget.ref, (dict) => withEntries(dict, { AP: buildDict({ N: normal }), AS: undefined }))
}

function readRect(draft: RevisionDraft, widget: PdfDict): Rect | undefined {
  const value = draft.read(widget.entries.get('Rect'))
  const numbers = Array.isArray(value) ? value.map((item) => draft.read(item)) : []
  const [a, b, c, d] = numbers
  if (typeof a !== 'number' || typeof b !== 'number' || typeof c !== 'number' || typeof d !== 'number')
    return undefined
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)]
}

/** The page whose /Annots list the widget. */
function findWidgetPage(draft: RevisionDraft, widget: PdfRef): PdfPage | undefined {
  for (const page of walkPages(draft.doc)) {
    const annotations = findArray(draft.doc, page.dict, 'Annots') ?? []
    if (annotations.some((item) => isRef(item) && item.num === widget.num)) return page
  }
  return undefined
}

function checkRect(rect: Rect | undefined): Rect {
  if (!rect?.every(Number.isFinite) || rect[2] <= rect[0] || rect[3] <= rect[1]) {
    throw new CodedError(
      'PADES_OPTION_INVALID',
      'A visible signature needs a rectangle [x1, y1, x2, y2] with x1 < x2 and y1 < y2.',
    )
  }
  return rect
}

/** Turns the form against the page's /Rotate, so that it stands upright for the reader (12.5.5, algorithm 8). */
function buildAppearance(
  draft: RevisionDraft,
  appearance: PadesAppearance,
  page: PdfPage | undefined,
  rect: Rect,
): PdfRef {
  const rotate = page ? getPageGeometry(draft.doc, page).rotate : 0
  const width = rect[2] - rect[0]
  const height = rect[3] - rect[1]
  const isTurned = rotate === 90 || rotate === 270
  const size = isTurned ? { width: height, height: width } : { width, height }
  const ref = appearance.build(draft.allocate, size)
  const form = draft.read(ref)
  const matrix = MATRICES[rotate]
  if (matrix && isStream(form) && !form.dict.entries.has('Matrix')) {
    draft.replace(ref, { ...form, dict: withEntries(form.dict, { Matrix: [...matrix] }) })
  }
  return ref
}

const MATRICES: Partial<Record<number, readonly number[]>> = {
  90: [0, 1, -1, 0, 0, 0],
  180: [-1, 0, 0, -1, 0, 0],
  270: [0, -1, 1, 0, 0, 0],
}

function buildEmptyAppearance(draft: RevisionDraft): PdfRef {
  const dict = buildDict({
    Type: buildName('XObject'),
    Subtype: buildName('Form'),
    BBox: [0, 0, 0, 0],
    Resources: buildDict({}),
  })
  return draft.allocate(buildStream(dict, new Uint8Array()))
}

function withSigFlags(draft: RevisionDraft, form: PdfDict): PdfDict {
  const flags = getSigFlags(draft.doc, form)
  if ((flags & SIG_FLAGS) === SIG_FLAGS && findNumber(draft.doc, form, 'SigFlags') !== undefined) return form
  return withEntries(form, { SigFlags: flags | SIG_FLAGS })
}
