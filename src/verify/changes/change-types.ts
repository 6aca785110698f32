import type { PdfRef } from '../../formats/pdf/objects.ts'

/** What kind of thing changed. The first four are fine after a signature; everything else never is. */
export type ChangeClass =
  | 'signature'
  | 'document-timestamp'
  | 'validation-data'
  | 'bookkeeping'
  | 'coverage'
  | 'bytes'
  | 'xref'
  | 'trailer'
  | 'catalog'
  | 'action'
  | 'names'
  | 'metadata'
  | 'form'
  | 'form-field'
  | 'signature-field'
  | 'page-tree'
  | 'page'
  | 'page-content'
  | 'font'
  | 'resource'
  | 'annotation'
  | 'object'
  | 'certification'
  | 'field-lock'

/** Stable keys of what happened; texts for people are looked up by them. */
export type ChangeDetail =
  // allowed
  | 'signature-added'
  | 'field-signed'
  | 'seal-placed'
  | 'timestamp-added'
  | 'validation-data-updated'
  | 'extensions-declared'
  | 'version-raised'
  | 'dates-updated'
  | 'object-freed-unused'
  // what the signature covers
  | 'byte-range-malformed'
  | 'byte-range-not-from-start'
  | 'byte-range-gap-not-contents'
  | 'byte-range-not-whole-revision'
  // bytes and cross-references
  | 'bytes-after-end'
  | 'bytes-unaccounted'
  | 'revision-end-unclear'
  | 'xref-points-back'
  | 'xref-order-unusual'
  | 'structure-ambiguous'
  | 'save-form-unusual'
  | 'object-hidden'
  | 'object-unreferenced'
  | 'validation-data-foreign'
  | 'signed-revision-unreadable'
  // content
  | 'entry-changed'
  | 'root-replaced'
  | 'encryption-changed'
  | 'object-redefined'
  | 'object-removed'
  | 'object-now-defined'
  | 'object-shared'
  | 'object-unreadable'
  | 'information-changed'
  | 'metadata-changed'
  | 'annotation-added'
  | 'annotation-removed'
  | 'field-added'
  | 'field-removed'
  | 'field-name-repeated'
  | 'field-never-signed'
  | 'field-entry-not-allowed'
  | 'field-entry-changed'
  | 'signature-range-wrong'
  | 'signature-reused'
  | 'widget-overlaps'
  | 'widget-covers-page'
  // what the signature itself forbids
  | 'certified-no-changes'
  | 'field-locked'

/** One change between two saves of a file, or one fault in what a signature covers. */
export type Change = {
  readonly class: ChangeClass
  readonly allowed: boolean
  readonly detail: ChangeDetail
  /** Index of the revision that made it, counted from 0. */
  readonly revision: number
  /** Where it is, for example `Page(1)/Contents`. */
  readonly path: string
  readonly ref?: PdfRef
  /** Fully qualified name of the signature field that an allowed change belongs to. */
  readonly field?: string
}

/** Which bytes a signature covers. */
export type Coverage = {
  /** Bytes that are hashed. */
  readonly bytesCovered: number
  readonly totalBytes: number
  /** The revision it covers, counted from 1; undefined where its range ends at none. */
  readonly revision: number | undefined
  readonly revisions: number
  /** Bytes after the end of the last revision. */
  readonly trailingBytes: number
}

/** What changed between the revision that a signature covers and the end of the file. */
export type ChangeAnalysis = {
  readonly verdict: 'none' | 'allowed' | 'forbidden'
  readonly changes: readonly Change[]
  readonly coverage: Coverage
  /** Fields of later signatures and timestamps; what they added is only fine while they are sound themselves. */
  readonly laterSignatures: readonly string[]
}
