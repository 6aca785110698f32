/** Passed, failed, cannot be decided: the same three words, marks and colours everywhere. */
import type { DocumentIndication } from '../verify/report.ts'
import { type Html, html } from './html.ts'
import type { Say } from './language.ts'

/** As the report says it of the conditions of the law; also the class that colours a part. */
export type Outcome = 'pass' | 'fail' | 'unknown'

const MARK: Readonly<Record<Outcome, string>> = { pass: '✓', fail: '✗', unknown: '?' }

/** What an indication of EN 319 102-1 comes down to; a file without a signature is never a pass. */
export function outcomeOf(indication: DocumentIndication): Outcome {
  if (indication === 'TOTAL-PASSED') return 'pass'
  return indication === 'TOTAL-FAILED' || indication === 'NO_SIGNATURE_FOUND' ? 'fail' : 'unknown'
}

/** The word for an outcome. */
const outcomeWord = (outcome: Outcome, say: Say): string =>
  ({
    pass: say('通过', 'Passed'),
    fail: say('不通过', 'Failed'),
    unknown: say('无法判断', 'Cannot be decided'),
  })[outcome]

/** Mark and word of an outcome; the mark is not read aloud, the word is. */
export const outcomeHtml = (outcome: Outcome, say: Say): Html =>
  html`<span class="mark" aria-hidden="true">${MARK[outcome]}</span> ${outcomeWord(outcome, say)}`
