/** Renders a verdict: plain words first, facts next, details to unfold. Nothing of the report is left out silently. */
import { type Html, type Part, foreign, html } from './html.ts'
import { instantHtml } from './instant.ts'
import type { Say } from './language.ts'
import { outcomeHtml, toneOf } from './outcome.ts'
import { conditionsHtml } from './verdict-conditions.ts'
import { detailsHtml } from './verdict-details.ts'
import type { Outcome, Reason, SignatureVerdict, VerdictView } from './verdict-view.ts'
import type { PageView } from './view.ts'

const reasonItems = (reasons: readonly Reason[], say: Say): Part =>
  reasons.length > 0 &&
  html`<ul class="reasons">
    ${reasons.map(
      (reason) =>
        html`<li>${foreign(say(reason.zh, reason.en))} <code class="small">${reason.key}</code></li>`,
    )}
  </ul>`

function documentSentence({ outcome, signatures }: VerdictView, say: Say): string {
  const count = (wanted: Outcome): number => signatures.filter((one) => one.outcome === wanted).length
  const [passed, failed, undecided] = [count('passed'), count('failed'), count('undecided')]
  const zh = [
    `${passed} 个通过`,
    failed > 0 && `${failed} 个不通过`,
    undecided > 0 && `${undecided} 个无法判断`,
  ]
  const en = [
    `${passed} passed`,
    failed > 0 && `${failed} failed`,
    undecided > 0 && `${undecided} cannot be decided`,
  ]
  const counted = say(
    `文件有 ${signatures.length} 个签名：${zh.filter(Boolean).join('，')}。`,
    `The file has ${signatures.length} signature${signatures.length === 1 ? '' : 's'}: ${en.filter(Boolean).join(', ')}.`,
  )
  const meaning = {
    passed: say(
      '所有签名有效，签后没有不允许的改动。',
      'Every signature is valid, and nothing was changed that may not be.',
    ),
    failed: say('请勿信赖此文件。', 'Do not rely on this file.'),
    undecided: say(
      '缺少作出判断所需的依据；这不等于通过。',
      'What a decision needs is missing; this is not a pass.',
    ),
  }[outcome]
  return `${counted}${say('', ' ')}${meaning}`
}

function signatureSentence({ outcome, reasons }: SignatureVerdict, say: Say): string {
  const [first] = reasons
  if (outcome !== 'passed' && first) return say(first.zh, first.en)
  if (outcome === 'passed')
    return say(
      '签名有效，证书可信，签后没有不允许的改动。',
      'The signature is valid, its certificate trusted, and nothing was changed that may not be.',
    )
  return outcome === 'failed'
    ? say('签名无效。', 'The signature is not valid.')
    : say('依据不足，无法判断。', 'There is not enough to decide.')
}

function timeHtml({ time }: SignatureVerdict, say: Say): Part {
  if (time.proved)
    return html`${instantHtml(time.proved, say)} <span class="tag pass">${say('已证明', 'proved')}</span>${
        time.proof &&
        html`<br /><span class="soft small">${foreign(say(time.proof.zh, time.proof.en))}</span>`
      }${
        time.claimed &&
        html`<br /><span class="soft small"
            >${say('签名人声称：', 'claimed by the signer: ')}${instantHtml(time.claimed, say)}</span
          >`
      }`
  if (time.claimed)
    return html`${instantHtml(time.claimed, say)}
      <span class="tag unknown">${say('仅为声称，未经证明', 'claimed only, not proved')}</span>`
  return html`<span class="tag unknown">${say('未知', 'not known')}</span>`
}

function coverageText({ coverage }: SignatureVerdict, say: Say): string {
  if (!coverage) return say('未知', 'not known')
  if (coverage.wholeFile) return say('整个文件', 'the whole file')
  const { revision, revisions, bytesCovered, bytesTotal } = coverage
  const bytes =
    bytesCovered !== undefined && bytesTotal !== undefined
      ? say(`（${bytesCovered} / ${bytesTotal} 字节）`, ` (${bytesCovered} of ${bytesTotal} bytes)`)
      : ''
  if (revision !== undefined && revisions !== undefined)
    return say(`第 ${revision} 版，共 ${revisions} 版`, `revision ${revision} of ${revisions}`) + bytes
  return say('只覆盖文件的一部分', 'a part of the file only') + bytes
}

function changesHtml({ changes, coverage }: SignatureVerdict, say: Say): Part {
  if (changes.length === 0)
    return coverage
      ? say('没有改动', 'nothing')
      : html`<span class="tag unknown">${say('未知', 'not known')}</span>`
  return html`<ul class="reasons">
    ${changes.map(
      (change) =>
        html`<li>
          <span class="tag ${change.allowed ? 'pass' : 'fail'}"
            >${change.allowed ? say('允许', 'allowed') : say('不允许', 'not allowed')}</span
          >
          ${foreign(say(change.zh, change.en))}
          ${change.place !== undefined && html`<span class="soft small mono">${foreign(change.place)}</span>`}
        </li>`,
    )}
  </ul>`
}

function factsHtml(signature: SignatureVerdict, say: Say): Html {
  const { signer } = signature
  return html`<dl class="facts">
    <dt>${say('谁签的', 'Who')}</dt>
    <dd>
      ${
        signer
          ? html`<strong>${foreign(signer.name)}</strong><br /><span class="soft small"
                >${foreign(signer.subject)}</span
              >`
          : say('未知', 'not known')
      }
    </dd>
    <dt>${say('何时签的', 'When')}</dt>
    <dd>${timeHtml(signature, say)}</dd>
    <dt>${say('覆盖什么', 'What is covered')}</dt>
    <dd>${coverageText(signature, say)}</dd>
    <dt>${say('签后改动', 'Changed after signing')}</dt>
    <dd>${changesHtml(signature, say)}</dd>
  </dl>`
}

function signatureHtml(signature: SignatureVerdict, index: number, view: PageView): Html {
  const { say } = view
  const id = `signature-${index + 1}`
  return html`<section class="verdict ${toneOf(signature.outcome)}" aria-labelledby="${id}">
    <header>
      <h3 id="${id}">
        ${outcomeHtml(signature.outcome, say)} · ${say(`签名 ${index + 1}`, `Signature ${index + 1}`)}
        ${signature.signer && html`· ${foreign(signature.signer.name)}`}
      </h3>
      <p>${foreign(signatureSentence(signature, say))}</p>
    </header>
    ${factsHtml(signature, say)} ${reasonItems([...signature.reasons, ...signature.warnings], say)}
    ${conditionsHtml(signature, say)} ${detailsHtml(signature, say)}
  </section>`
}

function aboutHtml(verdict: VerdictView, view: PageView): Html {
  const { say, link } = view
  return html`<dl class="facts">
      <dt>${say('文件', 'File')}</dt>
      <dd>${verdict.fileName ? foreign(verdict.fileName) : say('未命名', 'no name')}</dd>
      ${
        verdict.sha256 !== undefined &&
        html`<dt>SHA-256</dt>
          <dd><span class="mono">${verdict.sha256}</span></dd>`
      }
      <dt>${say('验证时间', 'Verified at')}</dt>
      <dd>${instantHtml(verdict.verifiedAt, say)}</dd>
      <dt>${say('验证策略', 'Policy')}</dt>
      <dd>${foreign(verdict.policy)}</dd>
    </dl>
    ${
      verdict.id !== undefined &&
      html`<p class="actions">
        <a
          class="button quiet"
          href="/v1/verifications/${encodeURIComponent(verdict.id)}"
          download="verification-${verdict.id}.json"
          >${say('下载报告（JSON）', 'Download the report (JSON)')}</a
        >
        <a class="button quiet" href="${link('/verify', { id: verdict.id })}"
          >${say('本报告的链接', 'Link to this report')}</a
        >
      </p>`
    }`
}

/** The document's verdict, then each signature's. */
export function verdictHtml(verdict: VerdictView, view: PageView): Html {
  const { say } = view
  return html`
    <section class="verdict ${toneOf(verdict.outcome)}" aria-labelledby="verdict">
      <header>
        <h2 id="verdict">${outcomeHtml(verdict.outcome, say)}</h2>
        <p>${documentSentence(verdict, say)}</p>
      </header>
      ${reasonItems(verdict.reasons, say)} ${aboutHtml(verdict, view)}
    </section>
    ${verdict.signatures.map((signature, index) => signatureHtml(signature, index, view))}
  `
}
