import type { PdfDocument } from './document.ts'
import { findObjectKeywords } from './naive-scan.ts'
import { indexOf } from './parse-indirect.ts'
import { scanObjects } from './scan-objects.ts'

/** The longest header of an object that is looked for: two numbers and what stands around them. */
const HEADER = 64

/**
 * True where an object stands in the file, outside of streams, that no cross-reference of any save names: a second
 * definition of a number, or one that a reader only finds when it gives up the cross-reference.
 *
 * @throws {PDF_TOO_LARGE} where too much of the file cannot be parsed
 */
export function hasHiddenObjects(doc: PdfDocument): boolean {
  const { bytes, limits } = doc
  const named = new Set<number>()
  for (const { sections } of doc.revisions) {
    for (const section of sections) {
      named.add(findHeader(bytes, section.start))
      for (const entry of section.entries.values())
        if (entry.kind === 'offset') named.add(findHeader(bytes, entry.offset))
    }
  }
  // Nearly every file ends here, before anything is parsed.
  if (findObjectKeywords(bytes, 0, bytes.length).every((at) => named.has(at))) return false
  const xref = new Set(
    doc.revisions.flatMap((r) => r.sections.flatMap((s) => s.ownRefs.map(({ num }) => num))),
  )
  return scanObjects(bytes, limits, new Set()).some(
    ({ ref, start }) => !named.has(findHeader(bytes, start)) && !xref.has(ref.num),
  )
}

function findHeader(bytes: Uint8Array, offset: number): number {
  return indexOf(bytes, 'obj', offset, Math.min(bytes.length, offset + HEADER))
}
