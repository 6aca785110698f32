import { isCoded } from '../../../ca/errors.ts'
import type { PdfDocument } from '../../formats/pdf/document.ts'
import { tooLarge } from '../../formats/pdf/limits.ts'
import { latin1 } from '../../formats/pdf/parse-object.ts'
import type { PdfRevision } from '../../formats/pdf/revisions.ts'
import { listSignatures, type PdfSignature, type SignatureProblem } from '../../formats/pdf/signatures.ts'
import { isLocked } from '../../formats/pdf/transforms.ts'
import type { Change, ChangeAnalysis, ChangeDetail, Coverage } from './change-types.ts'
import { compareCatalog, compareTrailer } from './compare-catalog.ts'
import { compareObjects } from './compare-objects.ts'
import { buildGraph, emptyGraph, extendGraph } from './object-graph.ts'
import type { ObjectGraph } from './object-roles.ts'
import { checkRevisionBytes } from './revision-bytes.ts'
import { viewNextRevision, viewRevision } from './revision-view.ts'
import { forbid, type Step } from './step.ts'

/**
 * Says for each signature what changed between the revision it covers and the end of the file. Whatever is not
 * known to be harmless is forbidden.
 *
 * @param signatures all signatures of the document, as `listSignatures` found them
 * @returns one analysis for each signature, in the same order
 * @throws {PDF_TOO_LARGE} over the limits of the document
 * @see ETSI EN 319 102-1, 5.2.8; ISO 32000-2, 12.8.2.2
 */
export function analyseAllChanges(doc: PdfDocument, signatures: readonly PdfSignature[]): ChangeAnalysis[] {
  const covered = signatures.flatMap((signature) => signature.revisionIndex ?? [])
  const steps = compareRevisions(doc, signatures, Math.min(...covered))
  return signatures.map((signature) => analyse(doc, signature, steps))
}

/**
 * Says what changed after one signature; `analyseAllChanges` is cheaper for many.
 *
 * @throws {PDF_TOO_LARGE} over the limits of the document
 */
export function analyseChanges(
  doc: PdfDocument,
  signature: PdfSignature,
  signatures: readonly PdfSignature[] = listSignatures(doc),
): ChangeAnalysis {
  const first = signature.revisionIndex ?? Number.POSITIVE_INFINITY
  return analyse(doc, signature, compareRevisions(doc, signatures, first))
}

/** How often the objects of a file are walked anew, and how many cross-reference entries are copied, at most. */
const LIMITS = { walks: 32, entries: 50_000_000 } as const

/** The changes of each revision after `first`, against the one before it. */
function compareRevisions(doc: PdfDocument, signatures: readonly PdfSignature[], first: number): Change[][] {
  const steps: Change[][] = []
  if (first >= doc.revisions.length - 1) return steps
  const later = doc.revisions.slice(first + 1)
  if (later.length * doc.state.merged.size > LIMITS.entries)
    throw tooLarge('objects in its revisions', LIMITS.entries)
  let before = viewRevision(doc, first)
  let graph = openGraph(before)
  const sealed: Step['sealed'] = new Map()
  let walks = 1
  for (const revision of later) {
    const after = viewNextRevision(doc, before)
    const changes = compareStep({
      final: doc,
      signatures,
      before,
      after,
      revision,
      graph: graph ?? emptyGraph(),
      sealed,
    })
    if (graph === undefined) changes.push(unreadable(revision))
    steps[revision.index] = changes
    const isClean = graph !== undefined && changes.every((change) => change.allowed)
    // After a forbidden change the document is another one. A file of very many such saves is not walked for each:
    // what was reached stays protected, which can only forbid more.
    const known = isClean || walks >= LIMITS.walks ? graph : undefined
    if (known === undefined) walks++
    graph = openGraph(after, known, revision)
    before = after
  }
  return steps
}

/** The graph of a view, from the one of the revision before where that is known; undefined where it has no catalog. */
function openGraph(view: PdfDocument, known?: ObjectGraph, revision?: PdfRevision): ObjectGraph | undefined {
  try {
    if (known === undefined) return buildGraph(view)
    extendGraph(known, view, new Set(revision?.entries.keys()))
    return known
  } catch (error) {
    if (!isCoded(error, 'PDF_MALFORMED')) throw error
    return undefined
  }
}

function unreadable(revision: PdfRevision): Change {
  const path = `revision ${revision.index + 1}`
  return { class: 'object', allowed: false, detail: 'object-unreadable', revision: revision.index, path }
}

function compareStep(given: Omit<Step, 'changes' | 'widgets'>): Change[] {
  const step: Step = { ...given, changes: [], widgets: new Map() }
  try {
    checkRevisionBytes(step)
    compareTrailer(step)
    compareCatalog(step)
    compareObjects(step)
    checkAnomalies(step)
  } catch (error) {
    if (!isCoded(error, 'PDF_MALFORMED')) throw error
    step.changes.push(unreadable(step.revision))
  }
  return step.changes
}

/** Violations that other readers resolve in another way: in bytes added after a signature there is no excuse for them. */
const AMBIGUOUS = ['dictionary-key-duplicate', 'stream-length-wrong', 'object-stream-index-wrong']

function checkAnomalies(step: Step): void {
  const found = AMBIGUOUS.find((key) => step.after.anomalies.has(key))
  if (found !== undefined) forbid(step, 'xref', 'structure-ambiguous', { path: found })
}

function analyse(doc: PdfDocument, signature: PdfSignature, steps: readonly Change[][]): ChangeAnalysis {
  const index = signature.revisionIndex
  const coverage = buildCoverage(doc, signature)
  const later = index === undefined ? [] : steps.slice(index + 1).flat()
  const changes = [
    ...checkCoverage(doc, signature),
    ...later,
    ...later.flatMap((change) => checkPermission(signature, change)),
  ]
  const verdict = changes.some((change) => !change.allowed)
    ? 'forbidden'
    : changes.length > 0
      ? 'allowed'
      : 'none'
  const fields = later.flatMap((change) =>
    change.allowed && (change.class === 'signature' || change.class === 'document-timestamp')
      ? (change.field ?? [])
      : [],
  )
  return { verdict, changes, coverage, laterSignatures: [...new Set(fields)] }
}

function buildCoverage(doc: PdfDocument, { byteRange, revisionIndex }: PdfSignature): Coverage {
  const end = doc.revisions.at(-1)?.endOffset ?? 0
  return {
    bytesCovered: byteRange === undefined ? 0 : byteRange[1] + byteRange[3],
    totalBytes: doc.bytes.length,
    revision: revisionIndex === undefined ? undefined : revisionIndex + 1,
    revisions: doc.revisions.length,
    trailingBytes: Math.max(0, doc.bytes.length - end),
  }
}

const COVERAGE_PROBLEMS: Partial<Record<SignatureProblem, ChangeDetail>> = {
  'byte-range-missing': 'byte-range-malformed',
  'byte-range-malformed': 'byte-range-malformed',
  'byte-range-order': 'byte-range-malformed',
  'byte-range-beyond-eof': 'byte-range-malformed',
  'byte-range-start': 'byte-range-not-from-start',
  'byte-range-gap': 'byte-range-gap-not-contents',
  'contents-elsewhere': 'byte-range-gap-not-contents',
  'contents-shared': 'byte-range-gap-not-contents',
  'byte-range-end': 'byte-range-not-whole-revision',
}

function checkCoverage(doc: PdfDocument, signature: PdfSignature): Change[] {
  const revision = signature.revisionIndex ?? doc.revisions.length - 1
  const path = signature.fieldName === undefined ? 'signature' : `Field(${signature.fieldName})`
  const fault = (kind: 'coverage' | 'bytes', detail: ChangeDetail, where: string): Change => ({
    class: kind,
    allowed: false,
    detail,
    revision,
    path: where,
  })
  const details = new Set(signature.problems.flatMap((problem) => COVERAGE_PROBLEMS[problem] ?? []))
  if (signature.revisionIndex === undefined && details.size === 0)
    details.add('byte-range-not-whole-revision')
  const faults = [...details].map((detail) => fault('coverage', detail, `${path}/ByteRange`))
  const end = doc.revisions.at(-1)?.endOffset ?? 0
  // White space too: behind enough of it other readers do not find `startxref`, and rebuild the cross-reference.
  if (!/^(\r\n|\r|\n)?$/.test(latin1(doc.bytes, end, Math.min(end + 3, doc.bytes.length))))
    faults.push(fault('bytes', 'bytes-after-end', `bytes ${end}`))
  return faults
}

/** What a certification or a field lock forbids of what would be fine otherwise; validation data never is (12.8.2.2). */
function checkPermission(signature: PdfSignature, change: Change): Change[] {
  if (!change.allowed || change.class !== 'signature') return []
  if (signature.docMdp === 1 || signature.lockLevel === 1) {
    return [{ ...change, class: 'certification', allowed: false, detail: 'certified-no-changes' }]
  }
  const locked =
    signature.fieldMdp !== undefined &&
    change.field !== undefined &&
    isLocked(signature.fieldMdp, change.field)
  return locked ? [{ ...change, class: 'field-lock', allowed: false, detail: 'field-locked' }] : []
}
