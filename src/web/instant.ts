/** Times for people: Beijing time for Chinese readers, UTC for English ones, with the zone said and the machine form kept. */
import { type Html, html } from './html.ts'
import type { Say } from './language.ts'

/** @param rfc3339 as in the report; what is no time is shown as it is */
export function instantHtml(rfc3339: string, say: Say): Html {
  const date = new Date(rfc3339)
  if (Number.isNaN(date.getTime())) return html`${rfc3339}`
  const at = (timeZone: string): string =>
    new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', timeZone }).format(date)
  return html`<time datetime="${date.toISOString()}"
    >${say(`${at('Asia/Shanghai')}（北京时间）`, `${at('UTC')} UTC`)}</time
  >`
}
