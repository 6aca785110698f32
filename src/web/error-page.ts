/** A problem document as a page, for a person whose browser asked for HTML. */
import type { Reply } from '../http/route.ts'
import { answerForCode, answerHtml } from './answers.ts'
import { foreign, html } from './html.ts'
import type { Institution } from './institution.ts'
import { pageReply } from './page.ts'
import { verifyHtml } from './verify-page.ts'
import { pageView } from './view.ts'

export interface ProblemFacts {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly titleZh: string
  readonly requestId: string
}

export interface ErrorPageRequest {
  readonly method: string
  readonly path: string
  readonly language: unknown
  readonly acceptLanguage: string
}

/** Renders problems as pages; the verify form gets its own words, in place. */
export function createErrorPages(institution: Institution, documentLimitBytes: number) {
  return (problem: ProblemFacts, request: ErrorPageRequest): Reply => {
    const onVerify = request.path === '/verify'
    const path = onVerify ? '/verify' : '/'
    const view = pageView(institution, path, request.language, request.acceptLanguage)
    const { say } = view
    const title = say(problem.titleZh, problem.title)
    const main = onVerify
      ? verifyHtml(view, documentLimitBytes, answerHtml(answerForCode(problem.code), say, problem.code))
      : html`<h1>${title}</h1>
          <dl class="facts">
            <dt>HTTP</dt>
            <dd>${problem.status}</dd>
            <dt>${say('代码', 'Code')}</dt>
            <dd>
              <a href="${view.link(`/problems/${problem.code}`)}"><code>${problem.code}</code></a>
            </dd>
            <dt>${say('请求编号', 'Request id')}</dt>
            <dd><span class="mono">${foreign(problem.requestId)}</span></dd>
          </dl>
          <p><a href="${view.link('/')}">${say('回到首页', 'Back to the start')}</a></p>`
    return pageReply(view, { status: problem.status, title, main, cacheControl: 'no-store' })
  }
}
