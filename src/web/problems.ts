/** `/problems`: every error code that a problem document can carry, from the table that makes them. */
import { Type } from 'typebox'
import { CodedError } from '../../ca/errors.ts'
import { PROBLEMS, type ProblemRow, findProblem } from '../http/problem.ts'
import type { RouteDefinition } from '../http/route.ts'
import { type Html, html } from './html.ts'
import type { Institution } from './institution.ts'
import { pageRoute } from './page.ts'
import type { PageView } from './view.ts'

/** What to do about a status, since the code says what happened but not whose turn it is. */
function advice(status: number, { say }: PageView): string {
  if (status === 401 || status === 403)
    return say('请检查 API 密钥及其角色。', 'Check the API key and its roles.')
  if (status === 404 || status === 410)
    return say(
      '请检查标识；他人的对象与不存在的对象回答相同。',
      'Check the identifier; what belongs to others answers like what does not exist.',
    )
  if (status === 409)
    return say('请先查询当前状态，再决定是否重试。', 'Read the present state before you try again.')
  if (status === 413)
    return say('请减小输入；错误正文给出上限。', 'Send less; the problem document states the limit.')
  if (status === 429 || status === 503)
    return say(
      '请在 Retry-After 之后以同一 Idempotency-Key 重试。',
      'Try again after Retry-After, with the same Idempotency-Key.',
    )
  if (status >= 500)
    return say(
      '请求未完成，也未留下半成品。报告时请附 requestId。',
      'Nothing was half done. Quote requestId when you report it.',
    )
  return say(
    '请按 detail 与 errors 指出的字段修改后重发。',
    'Correct the fields that detail and errors name, then send again.',
  )
}

const rows = (): [string, ProblemRow][] =>
  Object.entries(PROBLEMS).sort(([a, one], [b, two]) => one.status - two.status || (a < b ? -1 : 1))

const list = (view: PageView): Html => html`
  <h1>${view.say('错误代码', 'Error codes')}</h1>
  <p>
    ${view.say(
      '接口出错时返回 RFC 9457 problem+json。代码 code 稳定，不改名、不复用。',
      'A failed request answers with RFC 9457 problem+json. A code is stable: never renamed, never reused.',
    )}
  </p>
  <div class="scroll" tabindex="0">
    <table>
      <thead>
        <tr>
          <th scope="col">HTTP</th>
          <th scope="col">${view.say('代码', 'Code')}</th>
          <th scope="col">${view.say('含义', 'Meaning')}</th>
        </tr>
      </thead>
      <tbody>
        ${rows().map(
          ([code, row]) =>
            html`<tr>
              <td>${row.status}</td>
              <td>
                <a href="${view.link(`/problems/${code}`)}"><code>${code}</code></a>
              </td>
              <td>${view.say(row.titleZh, row.title)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>
`

const one = (view: PageView, code: string, row: ProblemRow): Html => html`
  <p><a href="${view.link('/problems')}">${view.say('全部错误代码', 'All error codes')}</a></p>
  <h1><code>${code}</code></h1>
  <p class="lead">${view.say(row.titleZh, row.title)}</p>
  <dl class="facts">
    <dt>HTTP</dt>
    <dd>${row.status}</dd>
    <dt>${view.say('如何处理', 'What to do')}</dt>
    <dd>${advice(row.status, view)}</dd>
    <dt>${view.say('另一语言', 'In Chinese')}</dt>
    <dd lang="${view.language === 'zh' ? 'en' : 'zh-CN'}">${view.say(row.title, row.titleZh)}</dd>
  </dl>
`

export const problemRoutes = (institution: Institution): readonly RouteDefinition[] => [
  pageRoute(institution, {
    path: '/problems',
    operationId: 'problemsPage',
    summary: 'Every error code',
    render: (view) => ({ title: view.say('错误代码', 'Error codes'), main: list(view) }),
  }),
  pageRoute(institution, {
    path: '/problems/{code}',
    operationId: 'problemPage',
    summary: 'One error code: what it means and what to do',
    params: Type.Object({ code: Type.String({ maxLength: 100 }) }),
    errors: ['NOT_FOUND'],
    render: (view, { params }) => {
      const { code } = params as { code: string }
      const row = findProblem(code)
      if (!row) throw new CodedError('NOT_FOUND', 'there is no such error code')
      return { title: code, main: one(view, code, row) }
    },
  }),
]
