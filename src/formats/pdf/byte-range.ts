import { findEntry, getValue, type PdfDocument } from './document.ts'
import { locateEntries } from './locate-entries.ts'
import { isWhite } from './parse-object.ts'
import type { PdfDict, PdfObject, PdfRef } from './objects.ts'
import type { SignatureProblem } from './signature-problems.ts'

/** What a ByteRange covers. */
export type RangeCheck = {
  readonly byteRange: readonly [number, number, number, number] | undefined
  readonly contentsRange: readonly [number, number] | undefined
  readonly signedEnd: number | undefined
  readonly revisionIndex: number | undefined
  readonly coversWholeFile: boolean
}

type Located = {
  readonly ref: PdfRef | undefined
  readonly dict: PdfDict
  /** Offset of the object where the cross-reference in force does not lead to it. */
  readonly offset?: number | undefined
}

/**
 * Checks that the signed bytes are two ranges from the first byte of the file to the end of one of its revisions, that
 * leave out exactly the `<…>` of this dictionary's own /Contents. What is wrong is added to `problems`.
 *
 * @see ISO 32000-2, 12.8.1 and 12.8.3.3; https://pdf-insecurity.org (signature wrapping, universal forgery)
 */
export function checkByteRange(doc: PdfDocument, located: Located, problems: SignatureProblem[]): RangeCheck {
  const nothing = { signedEnd: undefined, revisionIndex: undefined, coversWholeFile: false }
  const contentsRange = locateContents(doc, located, problems)
  const byteRange = readByteRange(getValue(doc, located.dict, 'ByteRange'), problems)
  if (!byteRange) return { byteRange, contentsRange, ...nothing }
  const [start, length, start2, length2] = byteRange
  const signedEnd = start2 + length2
  const gap: [number, number] = [start + length, start2]
  checkNumbers(doc, byteRange, problems)
  if (!isHexToken(doc.bytes, gap)) problems.push('byte-range-gap')
  else if (contentsRange && (contentsRange[0] !== gap[0] || contentsRange[1] !== gap[1])) {
    problems.push('contents-elsewhere')
  }
  return {
    byteRange,
    contentsRange: contentsRange ?? gap,
    signedEnd,
    revisionIndex: findSignedRevision(doc, signedEnd, problems),
    coversWholeFile: signedEnd === doc.bytes.length,
  }
}

function checkNumbers(
  doc: PdfDocument,
  [start, length, start2, length2]: readonly [number, number, number, number],
  problems: SignatureProblem[],
): void {
  const first = start + length
  if (start !== 0) problems.push('byte-range-start')
  if (length <= 0 || length2 <= 0 || start2 <= first) problems.push('byte-range-order')
  if (Math.max(first, start2 + length2) > doc.bytes.length) problems.push('byte-range-beyond-eof')
}

/** The revision whose end the signed bytes reach; the end of line after `%%EOF` may be signed or not. */
function findSignedRevision(
  doc: PdfDocument,
  signedEnd: number,
  problems: SignatureProblem[],
): number | undefined {
  const revision = doc.revisions.find(
    ({ eofOffset, endOffset }) => eofOffset > 0 && signedEnd >= eofOffset && signedEnd <= endOffset,
  )
  if (!revision) problems.push('byte-range-end')
  // What follows the last save is in no revision that could be compared, but some viewers read it.
  else if (revision.index === doc.revisions.length - 1 && hasBytesAfter(doc.bytes, revision.endOffset)) {
    problems.push('bytes-after-revision')
  }
  return revision?.index
}

function hasBytesAfter(bytes: Uint8Array, end: number): boolean {
  return bytes.subarray(end).some((byte) => !isWhite(byte))
}

function readByteRange(
  value: PdfObject,
  problems: SignatureProblem[],
): readonly [number, number, number, number] | undefined {
  if (value === null) {
    problems.push('byte-range-missing')
    return undefined
  }
  const isPosition = (item: PdfObject): item is number =>
    typeof item === 'number' && Number.isInteger(item) && item >= 0
  if (Array.isArray(value) && value.length === 4) {
    const [a, b, c, d] = value as [PdfObject, PdfObject, PdfObject, PdfObject]
    if (isPosition(a) && isPosition(b) && isPosition(c) && isPosition(d)) return [a, b, c, d]
  }
  problems.push('byte-range-malformed')
  return undefined
}

/** Where the dictionary's own /Contents stands in the file, found by reading the file there again. */
function locateContents(
  doc: PdfDocument,
  { ref, offset }: Located,
  problems: SignatureProblem[],
): readonly [number, number] | undefined {
  if (!ref) {
    problems.push('dictionary-not-indirect')
    return undefined
  }
  const entry = findEntry(doc, ref.num)
  if (offset === undefined && entry?.kind !== 'offset') {
    problems.push('dictionary-compressed')
    return undefined
  }
  const at = offset ?? (entry?.kind === 'offset' ? entry.offset : 0)
  try {
    const { spans, duplicates } = locateEntries(doc.bytes, at, doc)
    if (duplicates.length > 0) problems.push('dictionary-key-duplicate')
    const span = spans.get('Contents')
    return span && [span.start, span.end]
  } catch {
    problems.push('dictionary-unreadable')
    return undefined
  }
}

function isHexToken(bytes: Uint8Array, [start, end]: readonly [number, number]): boolean {
  if (end - start < 2 || bytes[start] !== 0x3c || bytes[end - 1] !== 0x3e) return false
  for (let pos = start + 1; pos < end - 1; pos++) {
    const byte = bytes[pos] as number
    const isDigit = byte >= 0x30 && byte <= 0x39
    if (!isDigit && !((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)) return false
  }
  return true
}
