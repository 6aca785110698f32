/** `/docs`: the API reference, rendered from the OpenAPI document that the routes make. */
import type { RouteDefinition } from '../http/route.ts'
import { type Html, type Part, html } from './html.ts'
import type { Institution } from './institution.ts'
import { inlineMarkdown } from './markdown.ts'
import { type Answer, type Field, type Operation, groupByTag, readOperations } from './openapi-view.ts'
import { pageRoute } from './page.ts'
import type { PageView } from './view.ts'

export interface DocsDeps {
  readonly institution: Institution
  readonly baseUrl: string
  /** The OpenAPI document; a function, since it holds these pages too. */
  readonly openApi: () => Record<string, unknown>
}

const TAGS_ZH: Readonly<Record<string, string>> = {
  Certificates: '证书',
  Signatures: '签名',
  Verifications: '验证',
  Protocols: '协议端点',
  Log: '日志',
  Regulator: '监管',
  Statistics: '统计',
  Tenants: '租户',
  Keys: '密钥',
  'Identity evidence': '身份核验',
  'API keys': 'API 密钥',
  Operation: '运行',
  Pages: '网页',
}

const slug = (word: string): string => word.toLowerCase().replace(/[^a-z0-9]+/g, '-')

function fieldTable(view: PageView, title: string, fields: readonly Field[]): Part {
  if (fields.length === 0) return undefined
  return html`<h3>${title}</h3>
    <div class="scroll" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">${view.say('名称', 'Name')}</th>
            <th scope="col">${view.say('类型', 'Type')}</th>
            <th scope="col">${view.say('说明', 'Description')}</th>
          </tr>
        </thead>
        <tbody>
          ${fields.map(
            (field) =>
              html`<tr>
                <td>
                  <code>${field.name}</code
                  >${field.place === 'body' ? undefined : html` <span class="soft">${field.place}</span>`}
                  ${field.required && html`<strong>${view.say('必填', 'required')}</strong>`}
                </td>
                <td>${field.type}</td>
                <td>${field.description}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`
}

const answerRows = (view: PageView, answers: readonly Answer[]): Html => html`
  <h3>${view.say('回答', 'Answers')}</h3>
  <dl class="facts">
    ${answers.map(
      (answer) =>
        html`<dt>${answer.status}</dt>
          <dd>
            ${
              answer.contentType.startsWith('application/problem')
                ? problemCodes(view, answer.description)
                : html`${answer.description} <span class="soft">${answer.contentType}</span>`
            }
          </dd>`,
    )}
  </dl>
`

/** Codes of a problem answer, each with a link to its page. */
function problemCodes(view: PageView, description: string): Part {
  const codes = description.split(', ')
  if (!codes.every((code) => /^[A-Z][A-Z0-9_]+$/.test(code))) return description
  return codes.map((code) => html`<a href="${view.link(`/problems/${code}`)}"><code>${code}</code></a> `)
}

function operationHtml(view: PageView, operation: Operation): Html {
  const { say } = view
  const success = operation.answers.find(
    (answer) => answer.fields.length > 0 && answer.status.startsWith('2'),
  )
  return html`<details class="operation" id="${operation.id}">
    <summary>
      <span class="method">${operation.method}</span><code>${operation.path}</code>
      <span class="plain-weight">${inlineMarkdown(operation.summary)}</span>
    </summary>
    ${operation.description !== '' && html`<p>${inlineMarkdown(operation.description)}</p>`}
    <p>
      ${say('权限', 'Permission')}:
      ${
        operation.permission === 'public'
          ? say('公开', 'public, no key')
          : html`<code>${operation.permission}</code>`
      }
    </p>
    <pre tabindex="0"><code>${operation.curl}</code></pre>
    ${fieldTable(view, say('参数', 'Parameters'), operation.parameters)}
    ${fieldTable(view, say('请求正文', 'Body'), operation.body)} ${answerRows(view, operation.answers)}
    ${success && fieldTable(view, `${say('回答字段', 'Fields of the answer')} ${success.status}`, success.fields)}
  </details>`
}

function intro(view: PageView, deps: DocsDeps): Html {
  const { say } = view
  return html`
    <h1>${say('接口文档', 'API reference')}</h1>
    <p class="lead">
      ${say(
        '本页由服务自身的 OpenAPI 文档生成，因此与实际行为一致（字段说明为英文）。',
        'This page is made from the OpenAPI document of the service itself, so it cannot disagree with it.',
      )}
      <a href="/openapi.json">openapi.json</a>
    </p>
    <ul>
      <li>
        ${say('密钥：', 'Key: ')}<code>Authorization: Bearer …</code> · ${say('地址：', 'address: ')}<code
          >${deps.baseUrl}</code
        >
      </li>
      <li>
        ${say(
          '凡创建对象的 POST 都接受 Idempotency-Key：相同的密钥与正文，得到第一次的回答。',
          'Every POST that makes something takes Idempotency-Key: same key and body, same answer as the first time.',
        )}
      </li>
      <li>
        ${say('出错返回 problem+json，见', 'Errors are problem+json: see')}
        <a href="${view.link('/problems')}">${say('错误代码', 'error codes')}</a>${say('。', '.')}
        ${say('时间为 RFC 3339 UTC。', 'Times are RFC 3339, UTC.')}
      </li>
    </ul>
  `
}

function docs(view: PageView, deps: DocsDeps): Html {
  // The pages come first in the document, and matter least to whoever reads this one.
  const groups = [...groupByTag(readOperations(deps.openApi()))].sort(
    ([a], [b]) => Number(a === 'Pages') - Number(b === 'Pages'),
  )
  const name = (tag: string): string => view.say(TAGS_ZH[tag] ?? tag, tag)
  return html`
    ${intro(view, deps)}
    <nav aria-label="${view.say('本页目录', 'On this page')}">
      <p>
        ${groups.map(([tag], index) => [index > 0 && ' · ', html`<a href="#${slug(tag)}">${name(tag)}</a>`])}
      </p>
    </nav>
    ${groups.map(
      ([tag, operations]) =>
        html`<section aria-labelledby="${slug(tag)}">
          <h2 id="${slug(tag)}">${name(tag)}</h2>
          ${operations.map((operation) => operationHtml(view, operation))}
        </section>`,
    )}
  `
}

export const docsRoute = (deps: DocsDeps): RouteDefinition =>
  pageRoute(deps.institution, {
    path: '/docs',
    operationId: 'docsPage',
    summary: 'Readable API reference',
    render: (view) => ({ title: view.say('接口文档', 'API reference'), main: docs(view, deps) }),
  })
