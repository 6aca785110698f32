import { isSignatureDict } from './decrypt-object.ts'
import type { PdfDocument } from './document.ts'
import { isDict, type PdfDict, type PdfRef } from './objects.ts'
import { indexOf, parseIndirectObject } from './parse-indirect.ts'
import type { Cursor } from './parse-object.ts'

/** A signature dictionary as it stands in the file. */
export type OrphanSignature = { readonly ref: PdfRef; readonly dict: PdfDict; readonly offset: number }

/**
 * Signature dictionaries in the bytes of the file that no known one accounts for: taken out of the form, replaced by a
 * later revision, or never put in. The file is searched for /ByteRange, because the cross-reference may hide them.
 *
 * @param known object numbers of the signatures that fields lead to
 */
export function listOrphans(doc: PdfDocument, known: ReadonlySet<number>): OrphanSignature[] {
  const starts = listObjectStarts(doc)
  const orphans = new Map<number, OrphanSignature>()
  let at = indexOf(doc.bytes, '/ByteRange', 0)
  for (let hits = 0; at >= 0; hits++) {
    if (hits >= MAX_HITS) {
      doc.anomalies.add('byte-ranges-too-many')
      break
    }
    const start = findLastAtOrBefore(starts, at)
    const orphan = start === undefined || orphans.has(start) ? undefined : readAt(doc, start, at)
    if (orphan && !isKnown(doc, known, orphan)) orphans.set(orphan.offset, orphan)
    at = indexOf(doc.bytes, '/ByteRange', at + 1)
  }
  return [...orphans.values()]
}

/** Each hit costs a parse; a file with more hits than this is not made of signatures. */
const MAX_HITS = 500

function isKnown(doc: PdfDocument, known: ReadonlySet<number>, orphan: OrphanSignature): boolean {
  const entry = doc.state.merged.get(orphan.ref.num)
  return known.has(orphan.ref.num) && entry?.kind === 'offset' && entry.offset === orphan.offset
}

function listObjectStarts(doc: PdfDocument): number[] {
  const starts: number[] = []
  for (const revision of doc.revisions) {
    for (const entry of revision.entries.values()) if (entry.kind === 'offset') starts.push(entry.offset)
  }
  return starts.sort((a, b) => a - b)
}

function findLastAtOrBefore(sorted: number[], value: number): number | undefined {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as number) <= value) low = middle + 1
    else high = middle
  }
  return sorted[low - 1]
}

function readAt(doc: PdfDocument, start: number, hit: number): OrphanSignature | undefined {
  const { bytes, limits, anomalies } = doc
  const cursor: Cursor = { bytes, pos: start, end: bytes.length, limits, anomalies }
  try {
    const { ref, object, end } = parseIndirectObject(cursor, () => undefined)
    if (end <= hit || !isDict(object) || !isSignatureDict(object)) return undefined
    return { ref, dict: object, offset: start }
  } catch {
    return undefined
  }
}
