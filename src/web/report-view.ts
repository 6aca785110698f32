/** TEMPORARY */
import type { AnswerKind } from './answers.ts'
import type { VerdictView } from './verdict-view.ts'
export interface Verification {
  readonly id: string
  readonly fileName: string | null
  readonly verifiedAt: string
  readonly report: { answer?: AnswerKind; verdict?: VerdictView }
}
export function readVerification(v: Verification): {
  answer: AnswerKind | undefined
  verdict: VerdictView | undefined
} {
  return { answer: v.report.answer, verdict: v.report.verdict }
}
