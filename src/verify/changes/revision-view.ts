import type { PdfDocument } from '../../formats/pdf/document.ts'
import { isRef } from '../../formats/pdf/objects.ts'

/**
 * The document as it is at the end of a revision, over the same bytes.
 *
 * Unlike `openRevision` it keeps what was parsed before, so that ten signatures do not parse a file ten times.
 */
export function viewRevision(doc: PdfDocument, index: number): PdfDocument {
  const merged: PdfDocument['state']['merged'] = new Map()
  for (const revision of doc.revisions.slice(0, index + 1)) {
    for (const [num, entry] of revision.entries) merged.set(num, entry)
  }
  return buildView(doc, index, { merged, objects: encryptionOf(doc), containers: new Map() })
}

/** The encryption dictionary, which alone is never decrypted (ISO 32000-2, 7.6.2). */
function encryptionOf(doc: PdfDocument): PdfDocument['state']['objects'] {
  const encrypt = doc.trailer.entries.get('Encrypt')
  const known = isRef(encrypt) ? doc.state.objects.get(encrypt.num) : undefined
  return isRef(encrypt) && known !== undefined ? new Map([[encrypt.num, known]]) : new Map()
}

/** The view of the revision after `before`; objects that it does not touch are taken over. */
export function viewNextRevision(doc: PdfDocument, before: PdfDocument): PdfDocument {
  const index = before.revisions.length
  const updated = doc.revisions[index]?.entries ?? new Map<number, never>()
  const merged = new Map(before.state.merged)
  for (const [num, entry] of updated) merged.set(num, entry)
  const objects: PdfDocument['state']['objects'] = new Map()
  for (const [num, object] of before.state.objects) {
    const entry = merged.get(num)
    // An old object in an old object stream changes with its stream.
    const moved = updated.has(num) || (entry?.kind === 'compressed' && updated.has(entry.container))
    if (!moved) objects.set(num, object)
  }
  const containers = new Map([...before.state.containers].filter(([num]) => !updated.has(num)))
  return buildView(doc, index, { merged, objects, containers })
}

function buildView(
  doc: PdfDocument,
  index: number,
  state: Pick<PdfDocument['state'], 'merged' | 'objects' | 'containers'>,
): PdfDocument {
  return {
    ...doc,
    revisions: doc.revisions.slice(0, index + 1),
    trailer: doc.revisions[index]?.trailer ?? doc.trailer,
    anomalies: new Set(),
    state: { ...state, loading: new Set(), structureBytes: 0 },
  }
}
