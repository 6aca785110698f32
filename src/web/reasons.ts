/** Reasons of a report: the sentence in the reader's language, what it is about, and its stable key. */
import type { Reason } from '../verify/texts.ts'
import { type Html, type Part, foreign, html } from './html.ts'
import type { Say } from './language.ts'

/** One reason, without its key. */
export const reasonHtml = ({ zh, en, detail }: Omit<Reason, 'key'>, say: Say): Html =>
  html`${say(zh, en)}${detail !== undefined && html` <span class="soft small">${foreign(detail)}</span>`}`

/** All reasons with their keys; nothing for none. */
export const reasonList = (reasons: readonly Reason[], say: Say): Part =>
  reasons.length > 0 &&
  html`<ul class="reasons">
    ${reasons.map((one) => html`<li>${reasonHtml(one, say)} <code class="small">${one.key}</code></li>`)}
  </ul>`
