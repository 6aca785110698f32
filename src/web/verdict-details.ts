/** What unfolds below a signature: certificates and their status, time stamps, algorithms, the words of EN 319 102-1. */
import type {
  AnchorReport,
  ChainReport,
  RevocationReport,
  SignatureReport,
  TimestampReport,
} from '../verify/report.ts'
import { type Html, type Part, foreign, html } from './html.ts'
import { instantHtml } from './instant.ts'
import type { Say } from './language.ts'
import { outcomeHtml, outcomeOf } from './outcome.ts'
import { reasonHtml, reasonList } from './reasons.ts'

const statusWord = (status: RevocationReport['status'], say: Say): string =>
  ({
    good: say('未吊销', 'not revoked'),
    revoked: say('已吊销', 'revoked'),
    unknown: say('无法判断', 'cannot be decided'),
    anchor: say('信任锚，不查询', 'trust anchor, not asked for'),
    'not-offered': say('不提供状态', 'no status is offered'),
    'not-checked': say('未检查', 'not checked'),
  })[status]

const STATUS_TONE: Readonly<Partial<Record<RevocationReport['status'], string>>> = {
  good: 'pass',
  revoked: 'fail',
  unknown: 'unknown',
  'not-checked': 'unknown',
}

function revocationHtml(revocation: RevocationReport, say: Say): Html {
  const { status, source, thisUpdate, nextUpdate, signer, revokedAt, revocationReason, reason } = revocation
  return html`<span class="tag ${STATUS_TONE[status] ?? ''}">${statusWord(status, say)}</span>
    ${revokedAt && html`${instantHtml(revokedAt, say)} ${revocationReason}`}
    ${source && html`<br />${source.toUpperCase()}${signer && html` · ${foreign(signer)}`}`}
    ${thisUpdate && html`<br />${say('发布于 ', 'as of ')}${instantHtml(thisUpdate, say)}`}
    ${nextUpdate && html`<br />${say('下次更新 ', 'next update ')}${instantHtml(nextUpdate, say)}`}
    ${reason && html`<br />${reasonHtml(reason, say)}`}`
}

const certificateHtml = (certificate: ChainReport, say: Say): Html =>
  html`<li>
    <strong>${foreign(certificate.subject)}</strong>
    <dl class="facts small">
      <dt>${say('签发者', 'Issuer')}</dt>
      <dd>${foreign(certificate.issuer)}</dd>
      <dt>${say('序列号', 'Serial number')}</dt>
      <dd><span class="mono">${certificate.serialHex}</span></dd>
      <dt>${say('有效期', 'Valid')}</dt>
      <dd>${instantHtml(certificate.notBefore, say)} – ${instantHtml(certificate.notAfter, say)}</dd>
      <dt>${say('吊销状态', 'Revocation')}</dt>
      <dd>${revocationHtml(certificate.revocation, say)}</dd>
      <dt>SHA-256</dt>
      <dd><span class="mono">${certificate.sha256}</span></dd>
    </dl>
  </li>`

const anchorHtml = (anchor: AnchorReport | null, say: Say): Html =>
  anchor
    ? html`<p>
        ${say('信任锚：', 'Trust anchor: ')}${foreign(anchor.name)}
        <span class="soft small"
          >${foreign([anchor.source, anchor.jurisdiction].filter(Boolean).join(' · '))}</span
        >
      </p>`
    : html`<p>
        <span class="tag unknown">${say('没有通往信任锚的证书链', 'no chain to a trust anchor')}</span>
      </p>`

function chainHtml(chain: readonly ChainReport[], anchor: AnchorReport | null, say: Say): Html {
  return html`${anchorHtml(anchor, say)}${
    chain.length > 0 &&
    html`<ol>
      ${chain.map((certificate) => certificateHtml(certificate, say))}
    </ol>`
  }`
}

const kindOf = (kind: TimestampReport['kind'], say: Say): string =>
  ({
    'signature-timestamp': say('签名时间戳', 'signature time stamp'),
    'content-timestamp': say('内容时间戳', 'content time stamp'),
    'document-timestamp': say('文档时间戳', 'document time stamp'),
  })[kind]

const timestampHtml = (timestamp: TimestampReport, say: Say): Html => {
  const outcome = outcomeOf(timestamp.indication)
  return html`<li>
    <span class="tag ${outcome}">${outcomeHtml(outcome, say)}</span> ${kindOf(timestamp.kind, say)}
    ${timestamp.time && html`· ${instantHtml(timestamp.time, say)}`}
    ${timestamp.accuracyMs !== null && html`± ${timestamp.accuracyMs} ms`}
    ${timestamp.authority && html`<br /><span class="small">${foreign(timestamp.authority.subject)}</span>`}
    ${reasonList(timestamp.reasons, say)} ${chainHtml(timestamp.chain, timestamp.anchor, say)}
  </li>`
}

const timestampsHtml = ({ timestamps }: SignatureReport, say: Say): Part =>
  timestamps.length > 0 &&
  html`<details>
    <summary>${say(`时间戳（${timestamps.length}）`, `Time stamps (${timestamps.length})`)}</summary>
    <ul class="reasons">
      ${timestamps.map((timestamp) => timestampHtml(timestamp, say))}
    </ul>
  </details>`

function untilHtml(until: string | null, say: Say): Part {
  if (until === 'never') return say('不被接受', 'not accepted')
  return until === null ? say('未定', 'no end set') : instantHtml(until, say)
}

function technicalHtml(signature: SignatureReport, say: Say): Html {
  const { algorithms, indication, subIndication } = signature
  const names = [algorithms.signature, algorithms.digest, algorithms.key].filter((name) => name !== null)
  return html`<dl class="facts">
    <dt>EN 319 102-1</dt>
    <dd><code>${indication}</code>${subIndication && html` <code>${subIndication}</code>`}</dd>
    <dt>${say('格式与级别', 'Format and level')}</dt>
    <dd>${signature.format} ${signature.level} ${signature.subFilter && foreign(signature.subFilter)}</dd>
    <dt>${say('签名域', 'Field')}</dt>
    <dd>${signature.field === null ? '–' : foreign(signature.field)}</dd>
    <dt>${say('算法', 'Algorithms')}</dt>
    <dd>${names.length > 0 ? names.join(' · ') : say('未知', 'not known')}</dd>
    <dt>${say('算法可接受至', 'Accepted until')}</dt>
    <dd>${untilHtml(algorithms.acceptableUntil, say)}</dd>
  </dl>`
}

/** Details of one signature. */
export const detailsHtml = (signature: SignatureReport, say: Say): Html => html`
  <details>
    <summary>
      ${say(`证书（${signature.chain.length}）与吊销状态`, `Certificates (${signature.chain.length}) and revocation`)}
    </summary>
    ${chainHtml(signature.chain, signature.anchor, say)}
  </details>
  ${timestampsHtml(signature, say)}
  <details>
    <summary>${say('技术细节', 'Technical details')}</summary>
    ${technicalHtml(signature, say)}
  </details>
`
