import { CodedError } from '../../../ca/errors.ts'

/** What a file may cost before it is refused with PDF_TOO_LARGE. */
export type PdfLimits = {
  /** Bytes of the whole file. */
  readonly fileBytes: number
  /** Nesting of arrays and dictionaries, of fields and of the page tree. */
  readonly depth: number
  /** Cross-reference entries over all sections. */
  readonly xrefEntries: number
  /** Cross-reference sections (a linearised or hybrid revision has two). */
  readonly xrefSections: number
  /** Bytes that one stream may have after its filters. */
  readonly inflatedBytes: number
  /** Bytes that all object streams and cross-reference streams may have together after their filters. */
  readonly structureBytes: number
  /** Pages, form fields or annotations that one walk visits. */
  readonly nodes: number
}

/** Limits that fit any document people sign. */
export const DEFAULT_PDF_LIMITS: PdfLimits = {
  fileBytes: 2 ** 31,
  depth: 100,
  xrefEntries: 2_000_000,
  xrefSections: 2_000,
  inflatedBytes: 64 * 2 ** 20,
  structureBytes: 128 * 2 ** 20,
  nodes: 200_000,
}

/** Builds the error for a file whose syntax cannot be followed. */
export function malformed(message: string, cause?: unknown): CodedError {
  return new CodedError('PDF_MALFORMED', message, cause === undefined ? {} : { cause })
}

/** Builds the error for a file over a limit. */
export function tooLarge(what: string, limit: number): CodedError {
  return new CodedError('PDF_TOO_LARGE', `The PDF has more ${what} than the limit of ${limit}.`, {
    extra: { what, limit },
  })
}
