/** Renders a report: plain words first, facts next, details to unfold. Nothing of the report is left out silently. */
import type { VerificationView } from '../services/verify-document.ts'
import type { Report } from '../verify/report.ts'
import { answerForReason, answerHtml } from './answers.ts'
import { type Html, type Part, foreign, html } from './html.ts'
import { instantHtml } from './instant.ts'
import type { Say } from './language.ts'
import { type Outcome, outcomeHtml, outcomeOf } from './outcome.ts'
import { reasonHtml, reasonList } from './reasons.ts'
import { signatureHtml } from './verdict-signature.ts'
import type { PageView } from './view.ts'

const COUNTED: readonly (readonly [Outcome, string, string])[] = [
  ['pass', '个通过', 'passed'],
  ['fail', '个不通过', 'failed'],
  ['unknown', '个无法判断', 'cannot be decided'],
]

/** How many signatures (and time stamps over the document) came to which end. */
function countSentence({ signatures }: Report, say: Say): string {
  const outcomes = signatures.map(({ indication }) => outcomeOf(indication))
  const counts = COUNTED.flatMap(([outcome, zh, en]) => {
    const count = outcomes.filter((one) => one === outcome).length
    return count === 0 ? [] : [say(`${count} ${zh}`, `${count} ${en}`)]
  })
  const total = signatures.length
  return say(
    `共 ${total} 个签名：${counts.join('，')}。`,
    `${total} signature${total === 1 ? '' : 's'}: ${counts.join(', ')}.`,
  )
}

function aboutHtml({ report, fileName, verifiedAt }: VerificationView, say: Say): Html {
  const { document, content, policy, validator } = report
  return html`<dl class="facts">
    <dt>${say('文件', 'File')}</dt>
    <dd>
      ${fileName ? foreign(fileName) : say('未命名', 'no name')}
      <span class="soft small">${document.size.toLocaleString('en')} ${say('字节', 'bytes')}</span>
    </dd>
    <dt>SHA-256</dt>
    <dd><span class="mono">${document.sha256}</span></dd>
    ${
      content &&
      html`<dt>${say('原文件 SHA-256', 'SHA-256 of the content')}</dt>
        <dd><span class="mono">${content.sha256}</span></dd>`
    }
    <dt>${say('验证时间', 'Verified at')}</dt>
    <dd>
      ${instantHtml(verifiedAt, say)}
      ${
        report.validationTime !== verifiedAt &&
        html`<br />${say('按此时间判断：', 'judged as of ')}${instantHtml(report.validationTime, say)}`
      }
    </dd>
    <dt>${say('验证策略', 'Policy')}</dt>
    <dd>
      ${policy.name} ${policy.version} · ${policy.algorithms}
      <span class="soft small">${validator.name} ${validator.version}</span>
    </dd>
  </dl>`
}

const actionsHtml = ({ id }: VerificationView, { say, link }: PageView): Html =>
  html`<p class="actions">
    <a class="button quiet" href="/v1/verifications/${encodeURIComponent(id)}" download="${`${id}.json`}"
      >${say('下载报告（JSON）', 'Download the report (JSON)')}</a
    >
    <a class="button quiet" href="${link('/verify', { id })}"
      >${say('本报告的链接', 'Link to this report')}</a
    >
  </p>`

function headHtml({ report }: VerificationView, say: Say): Html {
  const outcome = outcomeOf(report.indication)
  return html`<header>
    <h2 id="verdict">${outcomeHtml(outcome, say)}</h2>
    <p>${reasonHtml(report.answer, say)} ${countSentence(report, say)}</p>
  </header>`
}

/** Reasons of the document that its answer does not say already. */
const furtherReasons = ({ answer, reasons }: Report, say: Say): Part =>
  reasonList(
    reasons.filter(({ key }) => key !== answer.key),
    say,
  )

/** The document's verdict, then each signature's. */
export function verdictHtml(verification: VerificationView, view: PageView): Html {
  const { say } = view
  const { report } = verification
  const answer = answerForReason(report.answer.key)
  const rest = html`${furtherReasons(report, say)} ${aboutHtml(verification, say)}
  ${actionsHtml(verification, view)}`
  const document = answer
    ? answerHtml(answer, say, { code: report.answer.key, more: rest })
    : html`<section class="verdict ${outcomeOf(report.indication)}" aria-labelledby="verdict">
        ${headHtml(verification, say)} ${rest}
      </section>`
  return html`${document}
  ${report.signatures.map((signature, index) => signatureHtml(signature, index + 1, say))}`
}
