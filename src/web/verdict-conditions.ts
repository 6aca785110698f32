/** The four conditions of Electronic Signature Law art. 13: four answers with their facts, never one green tick. */
import { type Html, type Part, foreign, html } from './html.ts'
import type { Bilingual, Say } from './language.ts'
import { outcomeHtml, toneOf } from './outcome.ts'
import type { ConditionFact, SignatureVerdict } from './verdict-view.ts'

const CONDITIONS: Readonly<Record<ConditionFact['number'], Bilingual>> = {
  1: {
    zh: '签名制作数据用于签名时，属于签名人专有',
    en: 'The signature creation data was the signer’s alone when it was used',
  },
  2: {
    zh: '签署时签名制作数据仅由签名人控制',
    en: 'At signing, only the signer controlled it',
  },
  3: {
    zh: '签署后对签名的任何改动能够被发现',
    en: 'Any later change to the signature can be detected',
  },
  4: {
    zh: '签署后对内容和形式的任何改动能够被发现',
    en: 'Any later change to the content or form can be detected',
  },
}

const conditionHtml = ({ number, outcome, facts }: ConditionFact, say: Say): Html =>
  html`<li>
    <h5>
      <span class="tag ${toneOf(outcome)}">${outcomeHtml(outcome, say)}</span>
      ${number}. ${say(CONDITIONS[number].zh, CONDITIONS[number].en)}
    </h5>
    ${
      facts.length > 0 &&
      html`<ul>
        ${facts.map((fact) => html`<li>${foreign(say(fact.zh, fact.en))}</li>`)}
      </ul>`
    }
  </li>`

/** Nothing where the report judged none of them. */
export const conditionsHtml = ({ conditions }: SignatureVerdict, say: Say): Part =>
  conditions.length > 0 &&
  html`<h4>
      ${say('《电子签名法》第十三条：可靠电子签名的四个条件', 'Electronic Signature Law art. 13: four conditions of a reliable signature')}
    </h4>
    <ul class="conditions">
      ${conditions.map((condition) => conditionHtml(condition, say))}
    </ul>`
