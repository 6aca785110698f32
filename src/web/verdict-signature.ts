/** One signature of a report: verdict in a sentence, who, when, what is covered, what changed; then the law and details. */
import type { ChangeReport, SignatureReport } from '../verify/report.ts'
import { type Html, type Part, foreign, html } from './html.ts'
import { instantHtml } from './instant.ts'
import type { Say } from './language.ts'
import { outcomeHtml, outcomeOf } from './outcome.ts'
import { reasonHtml, reasonList } from './reasons.ts'
import { conditionsHtml } from './verdict-conditions.ts'
import { detailsHtml } from './verdict-details.ts'

function sentenceHtml({ indication, reasons, kind }: SignatureReport, say: Say): Part {
  const [first] = reasons
  const outcome = outcomeOf(indication)
  if (outcome !== 'pass' && first) return reasonHtml(first, say)
  if (outcome === 'fail') return say('无效。', 'It is not valid.')
  if (outcome === 'unknown') return say('依据不足，无法判断。', 'There is not enough to decide.')
  return kind === 'signature'
    ? say(
        '签名有效，证书可信，签后没有不允许的改动。',
        'The signature is valid, its certificate trusted, and nothing was changed that may not be.',
      )
    : say('时间戳有效。', 'The time stamp is valid.')
}

const provedTag = (say: Say): Html => html`<span class="tag pass">${say('已证明', 'proved')}</span>`

function timeHtml(signature: SignatureReport, say: Say): Html {
  const { timeProof, bestSignatureTime, claimedTime, kind, indication } = signature
  if (kind === 'document-timestamp' && indication === 'TOTAL-PASSED')
    return html`${instantHtml(bestSignatureTime, say)} ${provedTag(say)}`
  if (timeProof)
    return html`${say('不晚于 ', 'not later than ')}${instantHtml(bestSignatureTime, say)} ${provedTag(say)}
      <br /><span class="soft small"
        >${say('时间戳签发者：', 'time stamp by ')}${timeProof.authority === null ? '–' : foreign(timeProof.authority)}</span
      >
      ${
        claimedTime &&
        html`<br /><span class="soft small"
            >${say('签名人声称：', 'claimed by the signer: ')}${instantHtml(claimedTime, say)}</span
          >`
      }`
  if (claimedTime)
    return html`${instantHtml(claimedTime, say)}
      <span class="tag unknown">${say('仅为声称，未经证明', 'claimed only, not proved')}</span>`
  return html`<span class="tag unknown">${say('未知', 'not known')}</span>`
}

function coverageText({ coverage }: SignatureReport, say: Say): string {
  if (!coverage) return say('未知', 'not known')
  const { wholeFile, revision, revisions, bytesCovered, bytesTotal } = coverage
  if (wholeFile) return say('整个文件', 'the whole file')
  const bytes = say(`${bytesCovered} / ${bytesTotal} 字节`, `${bytesCovered} of ${bytesTotal} bytes`)
  return revision === null
    ? say(`文件的一部分（${bytes}）`, `a part of the file (${bytes})`)
    : say(
        `文件的第 ${revision} 版，共 ${revisions} 版（${bytes}）`,
        `revision ${revision} of ${revisions} of the file (${bytes})`,
      )
}

const changeHtml = (change: ChangeReport, say: Say): Html =>
  html`<li>
    <span class="tag ${change.allowed ? 'pass' : 'fail'}"
      >${change.allowed ? say('允许', 'allowed') : say('不允许', 'not allowed')}</span
    >
    ${say(change.zh, change.en)}
    <span class="soft small"
      >${say(`第 ${change.revision} 版`, `revision ${change.revision}`)}
      <span class="mono">${foreign(change.place)}</span></span
    >
  </li>`

function changesHtml({ changes, coverage, subIndication }: SignatureReport, say: Say): Part {
  if (subIndication === 'HASH_FAILURE')
    return html`<span class="tag fail"
      >${say('签名所覆盖的内容本身已被改动', 'the signed content itself was changed')}</span
    >`
  if (changes.length > 0)
    return html`<ul class="plain">
      ${changes.map((change) => changeHtml(change, say))}
    </ul>`
  return coverage
    ? say('没有改动', 'nothing')
    : html`<span class="tag unknown">${say('未知', 'not known')}</span>`
}

function signerHtml({ signer }: SignatureReport, say: Say): Part {
  if (!signer) return html`<span class="tag unknown">${say('未知', 'not known')}</span>`
  return html`<strong>${foreign(signer.commonName ?? signer.subject)}</strong>${
      signer.organisation && html` · ${foreign(signer.organisation)}`
    }<br /><span class="soft small">${foreign(signer.subject)}</span> <br /><span class="soft small"
      >${say('证书签发者：', 'certificate by ')}${foreign(signer.issuer)}</span
    >`
}

function factsHtml(signature: SignatureReport, say: Say): Html {
  const isSignature = signature.kind === 'signature'
  return html`<dl class="facts">
    <dt>${isSignature ? say('谁签的', 'Who signed') : say('时间戳机构', 'Time-stamping authority')}</dt>
    <dd>${signerHtml(signature, say)}</dd>
    <dt>${say('何时', 'When')}</dt>
    <dd>${timeHtml(signature, say)}</dd>
    <dt>${say('覆盖什么', 'What is covered')}</dt>
    <dd>${coverageText(signature, say)}</dd>
    <dt>${say('签后改动', 'Changed afterwards')}</dt>
    <dd>${changesHtml(signature, say)}</dd>
  </dl>`
}

const titleOf = ({ kind }: SignatureReport, number: number, say: Say): string =>
  kind === 'signature'
    ? say(`签名 ${number}`, `Signature ${number}`)
    : say(`签名 ${number}（文档时间戳）`, `Signature ${number} (document time stamp)`)

const notesHtml = ({ warnings }: SignatureReport, say: Say): Part =>
  warnings.length > 0 &&
  html`<h4>${say('说明', 'Notes')}</h4>
    ${reasonList(warnings, say)}`

/** @param number counted from 1 */
export function signatureHtml(signature: SignatureReport, number: number, say: Say): Html {
  const outcome = outcomeOf(signature.indication)
  const id = `signature-${number}`
  const name = signature.signer?.commonName
  return html`<section class="verdict ${outcome}" aria-labelledby="${id}">
    <header>
      <h3 id="${id}">
        ${outcomeHtml(outcome, say)} · ${titleOf(signature, number, say)} ${name && html`· ${foreign(name)}`}
      </h3>
      <p>${sentenceHtml(signature, say)}</p>
    </header>
    ${factsHtml(signature, say)} ${outcome !== 'pass' && reasonList(signature.reasons, say)}
    ${conditionsHtml(signature, say)} ${notesHtml(signature, say)} ${detailsHtml(signature, say)}
  </section>`
}
