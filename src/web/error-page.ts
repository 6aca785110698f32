/** A problem document as a page, for a person whose browser asked for HTML. */
import { type ErrorPage, findProblem } from '../http/problem.ts'
import { answerForCode, answerHtml } from './answers.ts'
import { type Html, foreign, html } from './html.ts'
import type { Institution } from './institution.ts'
import { pageReply } from './page.ts'
import { verifyHtml } from './verify-page.ts'
import { type PageView, pageView } from './view.ts'

/** An internal error has no page of its own: there is nothing for the caller to do. */
const codeHtml = (code: string, { link }: PageView): Html =>
  findProblem(code)
    ? html`<a href="${link(`/problems/${code}`)}"><code>${code}</code></a>`
    : html`<code>${code}</code>`

/** Renders problems as pages; the verify form gets its own words, in place. */
export function createErrorPage(institution: Institution, documentLimitBytes: number): ErrorPage {
  return (problem, request) => {
    const onVerify = request.path === '/verify'
    const path = onVerify ? '/verify' : '/'
    const view = pageView(institution, path, request.language, request.acceptLanguage)
    const { say } = view
    const title = say(problem.titleZh, problem.title)
    const main = onVerify
      ? verifyHtml(view, documentLimitBytes, {
          result: answerHtml(answerForCode(problem.code), say, { code: problem.code }),
        })
      : html`<h1>${title}</h1>
          <dl class="facts">
            <dt>HTTP</dt>
            <dd>${problem.status}</dd>
            <dt>${say('代码', 'Code')}</dt>
            <dd>${codeHtml(problem.code, view)}</dd>
            <dt>${say('请求编号', 'Request id')}</dt>
            <dd><span class="mono">${foreign(problem.requestId)}</span></dd>
          </dl>
          <p><a href="${view.link('/')}">${say('回到首页', 'Back to the start')}</a></p>`
    return pageReply(view, { status: problem.status, title, main, cacheControl: 'no-store' })
  }
}
