/** The frame of every page: head, navigation, language switch, foot. */
import { ICON, SCRIPT, STYLE } from './assets.ts'
import { type Html, type Part, foreign, html } from './html.ts'
import { languageTag } from './language.ts'
import type { PageView } from './view.ts'

const NAVIGATION = [
  { path: '/verify', zh: '验证', en: 'Verify' },
  { path: '/docs', zh: '接口', en: 'API' },
  { path: '/cps', zh: '业务规则', en: 'CPS' },
  { path: '/log', zh: '日志', en: 'Log' },
] as const

const navigation = (view: PageView): Html => html`
  <nav aria-label="${view.say('主导航', 'Main')}">
    <ul>
      ${NAVIGATION.map(
        ({ path, zh, en }) =>
          html`<li><a href="${view.link(path)}" ${current(view, path)}>${view.say(zh, en)}</a></li>`,
      )}
    </ul>
  </nav>
`

const current = (view: PageView, path: string): Part =>
  (view.path === path || view.path.startsWith(`${path}/`)) && html` aria-current="page"`

function languageSwitch(view: PageView): Html {
  const other = view.language === 'zh' ? 'en' : 'zh'
  const href = `${view.path}?${new URLSearchParams({ ...view.query, lang: other }).toString()}`
  return html`<a class="language" href="${href}" lang="${languageTag(other)}" hreflang="${languageTag(other)}"
    >${other === 'zh' ? '中文' : 'English'}</a
  >`
}

const evaluationNotice = (view: PageView): Part =>
  view.institution.evaluation &&
  html`<aside class="evaluation" aria-label="${view.say('评估提示', 'Evaluation notice')}">
    <p class="wide">
      <strong>${view.say('评估用', 'Evaluation only')}</strong> ·
      ${view.say(
        '本系统为评估环境，未获电子认证服务许可，所发证书不得作为信赖依据。',
        'This is an evaluation system without a licence. Do not rely on its certificates.',
      )}
    </p>
  </aside>`

function foot(view: PageView): Html {
  const { institution, say } = view
  const licence = institution.licence
    ? `${say('电子认证服务许可证', 'Licence')} ${institution.licence.number}`
    : say('无电子认证服务许可证', 'No licence')
  return html`<footer class="site-foot">
    <div class="wide">
      <p>${foreign(say(institution.legalName.zh, institution.legalName.en))} · ${licence}</p>
      <p>
        ${say(
          '签名的效力来自证书与密码技术，而不是印章或手写签名的图像。',
          'A signature has its force from the certificate and the cryptography, not from the picture of a seal or a name.',
        )}
      </p>
      <p><a href="${view.link('/problems')}">${say('错误代码', 'Error codes')}</a></p>
    </div>
  </footer>`
}

/** A whole page. */
export const layout = (view: PageView, title: string, main: Html): Html =>
  html`<!doctype html>
    <html lang="${languageTag(view.language)}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · ${view.say('印信', 'Yinxin')}</title>
        <link rel="icon" type="image/svg+xml" href="${ICON.href}" />
        <link rel="stylesheet" href="${STYLE.href}" />
        <script src="${SCRIPT.href}" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">${view.say('跳到正文', 'Skip to content')}</a>
        ${evaluationNotice(view)}
        <header class="site-head">
          <div class="wide">
            <a class="brand" href="${view.link('/')}"
              ><img src="${ICON.href}" width="30" height="30" alt="" />${view.say('印信', 'Yinxin 印信')}</a
            >
            ${navigation(view)} ${languageSwitch(view)}
          </div>
        </header>
        <main id="main" class="wide" tabindex="-1">${main}</main>
        ${foot(view)}
      </body>
    </html> `
