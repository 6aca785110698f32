/** `/`: leads a person to verify, the API, the CPS and the log, and says who answers for all of it. */
import type { RouteDefinition } from '../http/route.ts'
import { type Html, type Part, foreign, html } from './html.ts'
import type { Institution } from './institution.ts'
import { pageRoute } from './page.ts'
import type { PageView } from './view.ts'

interface Way {
  readonly path: string
  readonly title: string
  readonly text: string
}

const ways = ({ say }: PageView): readonly Way[] => [
  {
    path: '/docs',
    title: say('接口文档', 'API reference'),
    text: say(
      '签发、签署、验证、吊销、统计，每个接口附 curl 示例。',
      'Issue, sign, verify, revoke, count: each operation with a curl example.',
    ),
  },
  {
    path: '/cps',
    title: say('证书策略与业务规则', 'Certificate policy and practice statement'),
    text: say(
      'CP、CPS、时间戳策略与信息披露；数值取自正在运行的配置。',
      'CP, CPS, time-stamp policy and disclosure; figures come from the running configuration.',
    ),
  },
  {
    path: '/log',
    title: say('公开日志', 'Public log'),
    text: say(
      '每一次签发、签名与吊销都是一条记录。无需信任我们即可核对。',
      'Every issuance, signature and revocation is a record. Check it without trusting us.',
    ),
  },
]

/** What the law wants published; what is not there is said to be not there. */
export function published(view: PageView): Html {
  const { institution, say } = view
  const { licence } = institution
  const pair = (text: { zh: string; en: string } | undefined): Part =>
    text ? foreign(say(text.zh, text.en)) : say('未填写', 'not given')
  return html`<dl class="facts">
    <dt>${say('机构名称', 'Legal name')}</dt>
    <dd>${pair(institution.legalName)}</dd>
    <dt>${say('法定代表人', 'Legal representative')}</dt>
    <dd>${pair(institution.legalRepresentative)}</dd>
    <dt>${say('住所', 'Address')}</dt>
    <dd>${pair(institution.address)}</dd>
    <dt>${say('联系方式', 'Contact')}</dt>
    <dd>${contact(institution, view)}</dd>
    <dt>${say('许可证', 'Licence')}</dt>
    <dd>
      ${
        licence
          ? html`${foreign(licence.number)} · ${pair(licence.issuer)} · ${licence.issued} – ${licence.expires}`
          : say('无（评估用或未获许可）', 'none (evaluation, or not licensed)')
      }
    </dd>
  </dl>`
}

function contact({ email, telephone }: Institution, { say }: PageView): Part {
  const parts = [email, telephone].filter((text) => text !== undefined)
  return parts.length === 0
    ? say('未填写', 'not given')
    : parts.map((text, index) => [index > 0 && ' · ', foreign(text)])
}

function landing(view: PageView): Html {
  const { say, link } = view
  return html`
    <h1>${say('这份文件的签名，靠得住吗？', 'Is the signature on this file to be relied on?')}</h1>
    <p class="lead">
      ${say(
        '放入文件，即可看到：谁签的、何时签的、签后改过什么，以及是否符合《电子签名法》第十三条。',
        'Put in a file and see who signed it, when, what changed afterwards, and whether it meets article 13 of the Electronic Signature Law.',
      )}
    </p>
    <p><a class="button" href="${link('/verify')}">${say('验证文件', 'Verify a file')}</a></p>
    <ul class="cards">
      ${ways(view).map(
        (way) =>
          html`<li class="card">
            <h2><a href="${link(way.path)}">${way.title}</a></h2>
            <p>${way.text}</p>
          </li>`,
      )}
    </ul>
    <h2>${say('谁在提供服务', 'Who provides this service')}</h2>
    ${published(view)}
    <p class="soft small">
      ${say(
        '证书持有人如发现或怀疑私钥失密，应立即停止使用，并通过上述联系方式告知本机构（《电子签名法》第十五条）。',
        'Holders who know or suspect that their key is compromised must stop using it and tell the institution at once (Electronic Signature Law art. 15).',
      )}
    </p>
  `
}

export const landingRoute = (institution: Institution): RouteDefinition =>
  pageRoute(institution, {
    path: '/',
    operationId: 'landingPage',
    summary: 'Landing page',
    render: (view) => ({
      title: view.say('电子认证与电子签名', 'Certificates and signatures'),
      main: landing(view),
    }),
  })
