import { concat } from '../../../ca/formats.ts'
import { encodeTable, type XrefRow } from './append-revision.ts'
import { getObject, type PdfDocument } from './document.ts'
import { encodeIndirectObject } from './encode-object.ts'
import { isRef, type PdfObject, type PdfRef } from './objects.ts'

/**
 * A file with the objects that the trailer leads to and nothing else, under the same numbers, with one
 * cross-reference table. An encrypted file stays encrypted with the same key.
 */
export function rewritePdf(doc: PdfDocument): Uint8Array {
  const trailer = new Map<string, PdfObject>()
  for (const key of ['Root', 'Info', 'Encrypt', 'ID']) {
    const value = doc.trailer.entries.get(key)
    if (value !== undefined && value !== null) trailer.set(key, value)
  }
  const encrypt = trailer.get('Encrypt')
  const parts: Uint8Array[] = []
  let length = 0
  const push = (part: Uint8Array): void => {
    parts.push(part)
    length += part.length
  }
  push(Uint8Array.from(Buffer.from(`%PDF-${doc.headerVersion || '1.7'}\n%\xe2\xe3\xcf\xd3\n`, 'latin1')))
  const rows: XrefRow[] = []
  for (const { ref, object } of listReachable(doc, [...trailer.values()])) {
    rows.push({ num: ref.num, gen: ref.gen, offset: length })
    const isEncryptDict = isRef(encrypt) && encrypt.num === ref.num
    push(encodeIndirectObject(ref, object, isEncryptDict ? undefined : doc.security))
  }
  const size = rows.reduce((highest, row) => Math.max(highest, row.num + 1), 1)
  const startxref = length
  push(encodeTable(rows, trailer, size, true))
  push(Uint8Array.from(Buffer.from(`startxref\n${startxref}\n%%EOF\n`, 'latin1')))
  return concat(...parts)
}

function listReachable(doc: PdfDocument, roots: PdfObject[]): { ref: PdfRef; object: PdfObject }[] {
  const found = new Map<number, { ref: PdfRef; object: PdfObject }>()
  const pending: PdfObject[] = [...roots].reverse()
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (isRef(item)) {
      if (found.has(item.num)) continue
      const object = readOrNull(doc, item)
      if (object === null) continue
      found.set(item.num, { ref: item, object })
      pending.push(object)
    } else if (Array.isArray(item)) pending.push(...item.toReversed())
    else if (typeof item === 'object' && item !== null && 'kind' in item) {
      if (item.kind === 'dict') pending.push(...[...item.entries.values()].reverse())
      else if (item.kind === 'stream') pending.push(...[...item.dict.entries.values()].reverse())
    }
  }
  return [...found.values()]
}

/** A reference to an object that cannot be read is a reference to null (7.3.10). */
function readOrNull(doc: PdfDocument, ref: PdfRef): PdfObject {
  try {
    return getObject(doc, ref)
  } catch {
    doc.anomalies.add('object-unreadable')
    return null
  }
}
