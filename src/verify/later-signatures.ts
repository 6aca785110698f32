/** What later signatures do to earlier ones: what they added is fine only while they are sound themselves. */
import type { ChangeAnalysis } from './changes/change-types.ts'
import { type Conclusion, failed, joinConclusions, passed, undecided } from './indications.ts'
import type { ConditionReport, SignatureReport } from './report.ts'
import { type Reason, reason } from './texts.ts'

/** A signature with its verdict, before later signatures are looked at, and what changed after it. */
export interface JudgedAlone {
  readonly report: SignatureReport
  readonly analysis: ChangeAnalysis
}

/**
 * Looks at the later signatures of each one.
 *
 * Where a later signature is proved to be none, its field and appearance are a change like any other, and the earlier
 * signature fails. Where it could not be confirmed, anybody at all may have made it: what it shows on a page is then
 * vouched for by nobody, and whether the earlier signature still stands for what is seen cannot be decided. One that
 * shows nothing does no harm.
 */
export function distrustLater(judged: readonly JudgedAlone[]): SignatureReport[] {
  const indications = new Map(judged.map(({ report }) => [report.field, report.indication]))
  return judged.map(({ report, analysis }) => {
    const blocks = analysis.laterSignatures.flatMap((name) => {
      // One beyond the limit of signatures was not judged: it is not confirmed either.
      const indication = indications.get(name) ?? 'INDETERMINATE'
      if (indication === 'TOTAL-FAILED')
        return [failed('FORMAT_FAILURE', reason('LATER_SIGNATURE_NOT_VALID', undefined, { field: name }))]
      return indication === 'INDETERMINATE' ? sealsOf(name, analysis) : []
    })
    const noted = withNotes(report, analysis, indications)
    return blocks.length === 0 ? noted : withBlocks(noted, blocks)
  })
}

const pagesOfSeals = (field: string, { changes }: ChangeAnalysis): string[] =>
  changes
    .filter((change) => change.detail === 'seal-placed' && change.allowed && change.field === field)
    .map(({ path }) => pageOf(path))

const sealsOf = (field: string, analysis: ChangeAnalysis): Conclusion[] =>
  pagesOfSeals(field, analysis).map((page) =>
    undecided('SIG_CONSTRAINTS_FAILURE', reason('LATER_SEAL_NOT_CONFIRMED', field, { page })),
  )

/** The seal of somebody who is trusted is no attack, and may still lie over what this one signed: people must look. */
function withNotes(
  report: SignatureReport,
  analysis: ChangeAnalysis,
  indications: ReadonlyMap<string | null, SignatureReport['indication']>,
): SignatureReport {
  const notes = analysis.laterSignatures
    .filter((field) => indications.get(field) === 'TOTAL-PASSED')
    .flatMap((field) =>
      pagesOfSeals(field, analysis).map((page) => reason('LATER_SEAL_PLACED', field, { page })),
    )
  return notes.length === 0 ? report : { ...report, warnings: [...report.warnings, ...notes] }
}

const pageOf = (path: string): string => /^Page\((\d+)\)/.exec(path)?.[1] ?? '?'

function withBlocks(report: SignatureReport, blocks: readonly Conclusion[]): SignatureReport {
  const own: Conclusion = {
    indication: report.indication,
    ...(report.subIndication === null ? {} : { subIndication: report.subIndication }),
    reasons: report.reasons,
  }
  const { indication, subIndication, reasons } = joinConclusions([own, ...blocks, passed()])
  const facts = blocks.flatMap((block) => block.reasons)
  const isFailed = blocks.some((block) => block.indication === 'TOTAL-FAILED')
  return {
    ...report,
    indication,
    subIndication: subIndication ?? null,
    reasons,
    conditions: report.conditions.map((condition) => doubtForm(condition, facts, isFailed)),
  }
}

/** Art. 13 ④ speaks of content and form: what a page shows is its form. */
function doubtForm(condition: ConditionReport, facts: readonly Reason[], isFailed: boolean): ConditionReport {
  if (condition.number !== 4 || condition.result === 'fail') return condition
  return isFailed
    ? { ...condition, result: 'fail', facts: [reason('LAW_CONTENT_CHANGED')] }
    : { ...condition, result: 'unknown', facts }
}
