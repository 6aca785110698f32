import { CodedError } from '../../../ca/errors.ts'
import {
  assembleDocument,
  getObject,
  getObjectStream,
  openPdf,
  type OpenPdfOptions,
  type PdfDocument,
} from './document.ts'
import { DEFAULT_PDF_LIMITS, malformed } from './limits.ts'
import {
  findDictOf,
  isDict,
  isName,
  isRef,
  isStream,
  type PdfDict,
  type PdfObject,
  type PdfRef,
} from './objects.ts'
import { countPages } from './page-tree.ts'
import { indexOf } from './parse-indirect.ts'
import { rewritePdf } from './rewrite.ts'
import { scanObjects, scanTrailers, type ScannedObject } from './scan-objects.ts'
import { listSignatures } from './signatures.ts'
import type { XrefEntry } from './xref.ts'

/**
 * A sound file with the contents of a damaged one: its objects are found by reading the file from start to end, and
 * those that the catalog leads to are written anew. A file with a trace of a signature is left alone, because its
 * signed bytes would be gone.
 *
 * @throws {PDF_DAMAGED_SIGNED} where the file has, or may have, a signature
 * @throws {PDF_MALFORMED} where no catalog with pages is found
 */
export function recoverPdf(bytes: Uint8Array, options: OpenPdfOptions = {}): Uint8Array {
  if (indexOf(bytes, '/ByteRange', 0) >= 0) throw damagedSigned()
  const doc = scanDocument(bytes, options)
  if (listSignatures(doc).length > 0) throw damagedSigned()
  const rewritten = rewritePdf(doc)
  if (countPages(openPdf(rewritten, options)) === 0)
    throw malformed('The damaged PDF has no page that can be found.')
  return rewritten
}

/** What is thrown where a file with a signature would have to be written anew. */
export function damagedSigned(): CodedError {
  return new CodedError(
    'PDF_DAMAGED_SIGNED',
    'The PDF is damaged and has a signature: mending it would take the signature away.',
  )
}

function scanDocument(bytes: Uint8Array, options: OpenPdfOptions): PdfDocument {
  const limits = { ...DEFAULT_PDF_LIMITS, ...options.limits }
  const anomalies = new Set(['xref-rebuilt'])
  const scanned = scanObjects(bytes, limits, anomalies)
  const merged = new Map<number, XrefEntry>()
  for (const { ref, start } of scanned) merged.set(ref.num, { kind: 'offset', offset: start, gen: ref.gen })
  const trailer = buildTrailer(bytes, scanned, limits, anomalies)
  const revision = {
    index: 0,
    startxref: 0,
    xrefKind: 'table' as const,
    sections: [],
    entries: merged,
    trailer,
    eofOffset: -1,
    endOffset: bytes.length,
  }
  const parts = { bytes, base: 0, headerVersion: findVersion(bytes), limits, options, anomalies, merged }
  const withoutStreams = (): PdfDocument => assembleDocument({ ...parts, revisions: [revision] })
  if (!scanned.some(({ object }) => isObjectStream(object))) return withoutStreams()
  // The catalog may be inside an object stream: these are opened with whatever catalog there is.
  const probe = assembleDocument({
    ...parts,
    revisions: [{ ...revision, trailer: withAnyRoot(trailer, scanned) }],
  })
  addCompressed(probe, scanned, merged)
  const root = isRef(trailer.entries.get('Root')) ? trailer : withCatalog(probe, trailer, merged)
  return assembleDocument({ ...parts, revisions: [{ ...revision, trailer: root }] })
}

function isObjectStream(object: PdfObject): boolean {
  return isStream(object) && isName(object.dict.entries.get('Type'), 'ObjStm')
}

/** Later objects of the file replace earlier ones, those in object streams by the place of their stream. */
function addCompressed(
  doc: PdfDocument,
  scanned: readonly ScannedObject[],
  merged: Map<number, XrefEntry>,
): void {
  for (const { ref, object, start } of scanned) {
    const entry = merged.get(ref.num)
    if (!isObjectStream(object) || entry?.kind !== 'offset' || entry.offset !== start) continue
    let nums: readonly number[]
    try {
      nums = getObjectStream(doc, ref.num).nums
    } catch {
      doc.anomalies.add('object-stream-unreadable')
      continue
    }
    nums.forEach((num, index) => {
      const known = merged.get(num)
      if (known?.kind === 'offset' && known.offset > start) return
      merged.set(num, { kind: 'compressed', container: ref.num, index })
    })
  }
}

function buildTrailer(
  bytes: Uint8Array,
  scanned: readonly ScannedObject[],
  limits: PdfDocument['limits'],
  anomalies: Set<string>,
): PdfDict {
  const streams = scanned.flatMap(({ object }) =>
    isStream(object) && isName(object.dict.entries.get('Type'), 'XRef') ? [object.dict] : [],
  )
  const entries = new Map<string, PdfObject>()
  for (const dict of [...streams, ...scanTrailers(bytes, limits, anomalies)]) {
    for (const key of ['Root', 'Info', 'Encrypt', 'ID']) {
      const value = dict.entries.get(key)
      if (value !== undefined) entries.set(key, value)
    }
  }
  const trailer: PdfDict = { kind: 'dict', entries }
  const root = entries.get('Root')
  const target = isRef(root) ? scanned.findLast(({ ref }) => ref.num === root.num) : undefined
  if (isRef(root) && (!target || isDict(target.object))) return trailer
  const catalog = scanned.findLast(({ object }) => isName(findDictOf(object)?.entries.get('Type'), 'Catalog'))
  if (catalog) entries.set('Root', catalog.ref)
  else entries.delete('Root')
  return trailer
}

function withAnyRoot(trailer: PdfDict, scanned: readonly ScannedObject[]): PdfDict {
  const anyDict = scanned.find(({ object }) => isDict(object))
  const root: PdfObject = anyDict ? anyDict.ref : { kind: 'dict', entries: new Map() }
  return { kind: 'dict', entries: new Map([...trailer.entries, ['Root', root]]) }
}

function withCatalog(doc: PdfDocument, trailer: PdfDict, merged: Map<number, XrefEntry>): PdfDict {
  for (const [num, entry] of merged) {
    if (entry.kind !== 'compressed') continue
    const ref: PdfRef = { kind: 'ref', num, gen: 0 }
    const object = getObject(doc, ref)
    if (isDict(object) && isName(object.entries.get('Type'), 'Catalog')) {
      return { kind: 'dict', entries: new Map([...trailer.entries, ['Root', ref]]) }
    }
  }
  return trailer
}

function findVersion(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 2048)).toString('latin1')
  return /%PDF-([12]\.\d)/.exec(start)?.[1] ?? '1.7'
}
