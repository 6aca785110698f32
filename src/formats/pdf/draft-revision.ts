import type { RevisionObject } from './append-revision.ts'
import { findEntry, getCatalog, resolve, type PdfDocument } from './document.ts'
import { malformed } from './limits.ts'
import { buildRef, isDict, isRef, withEntries, type PdfDict, type PdfObject, type PdfRef } from './objects.ts'

/** The objects of a revision that is being put together; reading sees what was put there before. */
export type RevisionDraft = {
  readonly doc: PdfDocument
  readonly objects: RevisionObject[]
  /** Puts an object under an unused number. */
  readonly allocate: (object: PdfObject) => PdfRef
  /** Puts an object in the place of another; the generation number stays. */
  readonly replace: (ref: PdfRef, object: PdfObject) => void
  /** Follows a reference to the object as this revision will have it. */
  readonly read: (object: PdfObject | undefined) => PdfObject
}

/** Starts a revision on top of a document. */
export function createDraft(doc: PdfDocument): RevisionDraft {
  const objects: RevisionObject[] = []
  let next = doc.size
  const find = (num: number): number => objects.findIndex((item) => item.ref.num === num)
  return {
    doc,
    objects,
    allocate: (object) => {
      const ref = buildRef(next++)
      objects.push({ ref, object })
      return ref
    },
    replace: (ref, object) => {
      const known = find(ref.num)
      const entry = findEntry(doc, ref.num)
      if (known >= 0) objects[known] = { ref: (objects[known] as RevisionObject).ref, object }
      else objects.push({ ref: buildRef(ref.num, entry?.kind === 'offset' ? entry.gen : 0), object })
    },
    read: (object) => {
      const known = isRef(object) ? find(object.num) : -1
      return known >= 0 ? (objects[known] as RevisionObject).object : resolve(doc, object)
    },
  }
}

/**
 * Replaces the dictionary `ref` names by what `edit` makes of it.
 *
 * @throws {PDF_MALFORMED} where it is not a dictionary
 */
export function editDict(draft: RevisionDraft, ref: PdfRef, edit: (dict: PdfDict) => PdfDict): void {
  const dict = draft.read(ref)
  if (!isDict(dict)) throw malformed(`The PDF object ${ref.num} is not a dictionary.`)
  const edited = edit(dict)
  if (edited !== dict) draft.replace(ref, edited)
}

/** The dictionary with `item` at the end of the array at `key`; an array of its own object is replaced there. */
export function withItem(draft: RevisionDraft, dict: PdfDict, key: string, item: PdfObject): PdfDict {
  const value = dict.entries.get(key)
  const array = draft.read(value)
  const items = Array.isArray(array) ? [...array, item] : [item]
  if (isRef(value) && Array.isArray(array)) {
    draft.replace(value, items)
    return dict
  }
  return withEntries(dict, { [key]: items })
}

/**
 * Replaces the catalog by what `edit` makes of it.
 *
 * @throws {PDF_MALFORMED} where the catalog is not an object of its own
 */
export function editCatalog(draft: RevisionDraft, edit: (catalog: PdfDict) => PdfDict): void {
  const root = draft.doc.trailer.entries.get('Root')
  if (!isRef(root)) throw malformed('The PDF catalog is not an indirect object.')
  getCatalog(draft.doc)
  editDict(draft, root, edit)
}

/** Replaces the interactive form by what `edit` makes of it, wherever it stands; there is one afterwards. */
export function editForm(draft: RevisionDraft, edit: (form: PdfDict) => PdfDict): void {
  editCatalog(draft, (catalog) => {
    const value = catalog.entries.get('AcroForm')
    const form = draft.read(value)
    if (isRef(value) && isDict(form)) {
      editDict(draft, value, edit)
      return catalog
    }
    const edited = edit(isDict(form) ? form : { kind: 'dict', entries: new Map() })
    return withEntries(catalog, { AcroForm: isDict(form) ? edited : draft.allocate(edited) })
  })
}
