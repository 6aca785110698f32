import type { PdfDocument } from '../../formats/pdf/document.ts'
import type { PdfDict, PdfRef } from '../../formats/pdf/objects.ts'
import type { PdfRevision } from '../../formats/pdf/revisions.ts'
import type { PdfSignature } from '../../formats/pdf/signatures.ts'
import type { Change, ChangeClass, ChangeDetail } from './change-types.ts'
import type { ObjectGraph } from './object-roles.ts'

/** One save under comparison with the state before it. */
export type Step = {
  readonly before: PdfDocument
  readonly after: PdfDocument
  /** The whole file, as it ends. */
  readonly final: PdfDocument
  readonly revision: PdfRevision
  /** Of `before`. */
  readonly graph: ObjectGraph
  readonly signatures: readonly PdfSignature[]
  readonly changes: Change[]
  /** Widgets that this save may put on a page, by object number. */
  readonly widgets: Map<number, StepWidget>
  /** What seals cover of each page, by its path, since the first signature; in square units of the page. */
  readonly sealed: Map<string, number>
}

/** A widget of a signature field that this save adds or signs. */
export type StepWidget = { readonly dict: PdfDict; readonly field: string }

type Where = { readonly path: string; readonly ref?: PdfRef | undefined; readonly field?: string }

function note(step: Step, allowed: boolean, kind: [ChangeClass, ChangeDetail], where: Where): void {
  step.changes.push({
    class: kind[0],
    allowed,
    detail: kind[1],
    revision: step.revision.index,
    path: where.path,
    ...(where.ref === undefined ? {} : { ref: where.ref }),
    ...(where.field === undefined ? {} : { field: where.field }),
  })
}

/** Records a change that leaves earlier signatures as they are. */
export function allow(step: Step, kind: ChangeClass, detail: ChangeDetail, where: Where): void {
  note(step, true, [kind, detail], where)
}

/** Records a change that no signature before it survives. */
export function forbid(step: Step, kind: ChangeClass, detail: ChangeDetail, where: Where): void {
  note(step, false, [kind, detail], where)
}
