/** What unfolds below a signature: certificates, revocation, algorithms, and the words of EN 319 102-1. */
import { type Html, type Part, foreign, html } from './html.ts'
import { instantHtml } from './instant.ts'
import type { Say } from './language.ts'
import type { CertificateFact, SignatureVerdict } from './verdict-view.ts'

const certificateHtml = (certificate: CertificateFact, say: Say): Html =>
  html`<li>
    <strong>${foreign(certificate.subject)}</strong>
    ${certificate.isAnchor && html`<span class="tag">${say('信任锚', 'trust anchor')}</span>`}
    <dl class="facts small">
      <dt>${say('签发者', 'Issuer')}</dt>
      <dd>${foreign(certificate.issuer)}</dd>
      <dt>${say('序列号', 'Serial number')}</dt>
      <dd><span class="mono">${certificate.serialHex}</span></dd>
      <dt>${say('有效期', 'Valid')}</dt>
      <dd>${instantHtml(certificate.notBefore, say)} – ${instantHtml(certificate.notAfter, say)}</dd>
      ${
        certificate.revocation &&
        html`<dt>${say('吊销状态', 'Revocation')}</dt>
          <dd>${foreign(say(certificate.revocation.zh, certificate.revocation.en))}</dd>`
      }
    </dl>
  </li>`

const chainHtml = ({ chain }: SignatureVerdict, say: Say): Part =>
  chain.length > 0 &&
  html`<details>
    <summary>
      ${say(`证书链（${chain.length}）与吊销状态`, `Certificates (${chain.length}) and revocation`)}
    </summary>
    <ol>
      ${chain.map((certificate) => certificateHtml(certificate, say))}
    </ol>
  </details>`

/** Details of one signature. */
export const detailsHtml = (signature: SignatureVerdict, say: Say): Html => html`
  ${chainHtml(signature, say)}
  <details>
    <summary>${say('技术细节', 'Technical details')}</summary>
    <dl class="facts">
      <dt>EN 319 102-1</dt>
      <dd><code>${signature.indication}</code></dd>
      <dt>${say('签名域', 'Field')}</dt>
      <dd>${foreign(signature.label)}</dd>
      <dt>${say('级别', 'Level')}</dt>
      <dd>${signature.level}</dd>
      <dt>${say('算法', 'Algorithms')}</dt>
      <dd>
        ${signature.algorithms.length > 0 ? signature.algorithms.join(' · ') : say('未知', 'not known')}
      </dd>
    </dl>
  </details>
`
