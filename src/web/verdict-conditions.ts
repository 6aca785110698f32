/** The four conditions of Electronic Signature Law art. 13: four answers with their facts, never one green tick. */
import type { ConditionReport, SignatureReport } from '../verify/report.ts'
import { type Html, type Part, html } from './html.ts'
import type { Say } from './language.ts'
import { outcomeHtml } from './outcome.ts'
import { reasonHtml } from './reasons.ts'

const conditionHtml = ({ number, result, zh, en, facts }: ConditionReport, say: Say): Html =>
  html`<li>
    <h5><span class="tag ${result}">${outcomeHtml(result, say)}</span> ${number}. ${say(zh, en)}</h5>
    ${
      facts.length > 0 &&
      html`<ul>
        ${facts.map((fact) => html`<li>${reasonHtml(fact, say)}</li>`)}
      </ul>`
    }
  </li>`

/** Nothing where the report judged none of them. */
export const conditionsHtml = ({ conditions }: SignatureReport, say: Say): Part =>
  conditions.length > 0 &&
  html`<h4>
      ${say(
        '《电子签名法》第十三条：可靠电子签名的四个条件',
        'Electronic Signature Law art. 13: four conditions of a reliable signature',
      )}
    </h4>
    <ul class="conditions">
      ${conditions.map((condition) => conditionHtml(condition, say))}
    </ul>`
