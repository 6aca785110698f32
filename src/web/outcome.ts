/** Passed, failed, cannot be decided: the same three words, marks and colours everywhere. */
import { type Html, html } from './html.ts'
import type { Say } from './language.ts'
import type { Outcome } from './verdict-view.ts'

const TONE: Readonly<Record<Outcome, string>> = { passed: 'pass', failed: 'fail', undecided: 'unknown' }
const MARK: Readonly<Record<Outcome, string>> = { passed: '✓', failed: '✗', undecided: '?' }

/** The word for an outcome. */
export const outcomeWord = (outcome: Outcome, say: Say): string =>
  ({
    passed: say('通过', 'Passed'),
    failed: say('不通过', 'Failed'),
    undecided: say('无法判断', 'Cannot be decided'),
  })[outcome]

/** Mark and word of an outcome; the mark is not read aloud, the word is. */
export const outcomeHtml = (outcome: Outcome, say: Say): Html =>
  html`<span class="mark" aria-hidden="true">${MARK[outcome]}</span> ${outcomeWord(outcome, say)}`

/** Class that colours a part by outcome. */
export const toneOf = (outcome: Outcome): string => TONE[outcome]
