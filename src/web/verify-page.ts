/**
 * `/verify`: put in a file, get the verdict.
 *
 * The form posts to this page and the server renders the answer; the script adds dragging and progress, and takes
 * the answer out of the same page. So there is one renderer, and everything works without a script.
 */
import { Type } from 'typebox'
import { CodedError } from '../../ca/errors.ts'
import type { Caller } from '../services/tenancy.ts'
import type { VerificationView } from '../services/verify-document.ts'
import { type RequestContext, type RouteDefinition, type Upload, route } from '../http/route.ts'
import { answerForCode, answerHtml } from './answers.ts'
import { type Html, type Part, html } from './html.ts'
import type { Institution } from './institution.ts'
import { PageQuery, pageReply } from './page.ts'
import { verdictHtml } from './verdict.ts'
import { type PageView, pageView } from './view.ts'

export interface VerifyInput {
  /** The PDF, or the .p7s of a detached signature. */
  readonly document: Uint8Array
  readonly fileName: string | null
  /** What a detached signature signs. */
  readonly content?: Uint8Array
  /** Of an encrypted PDF; it opens the file and is kept nowhere. */
  readonly password?: string
}

/** What the page needs of the services; `Services` fits. */
export interface VerifyServices {
  readonly verifyDocument: (caller: Caller, input: VerifyInput) => Promise<VerificationView>
  readonly verifications: { readonly get: (caller: Caller, id: string) => Promise<VerificationView> }
}

export interface VerifyPageDeps {
  readonly institution: Institution
  readonly documentLimitBytes: number
  readonly services: VerifyServices
}

function fileField(name: string, label: string, hint: string, required: boolean): Html {
  return html`<label for="${name}">${label}</label>
    <input
      type="file"
      id="${name}"
      name="${name}"
      aria-describedby="${name}-hint"
      ${required && html` required`}
    />
    <p class="soft small" id="${name}-hint">${hint}</p>`
}

/** Shown once a file turned out to be encrypted. */
const passwordField = ({ say }: PageView, isAsked: boolean): Html =>
  html`<p class="password" ${!isAsked && html` hidden`}>
    <label for="password">${say('文件的密码', 'Password of the file')}</label>
    <input type="password" id="password" name="password" maxlength="127" autocomplete="off" />
  </p>`

function formHtml(view: PageView, limitBytes: number, isPasswordAsked: boolean): Html {
  const { say, link } = view
  const limit = Math.floor(limitBytes / 1_048_576)
  return html`<form
    id="verify"
    method="post"
    action="${link('/verify')}"
    enctype="multipart/form-data"
    data-sending="${say('正在上传…', 'Sending…')}"
    data-checking="${say('正在验证…', 'Verifying…')}"
    data-failed="${say('未能完成，请重试。', 'It did not work. Please try again.')}"
  >
    <div class="drop">
      <p class="only-script soft">
        ${say('把文件拖到本页任意位置，或', 'Drop a file anywhere on this page, or')}
      </p>
      ${fileField(
        'document',
        say('选择文件', 'choose a file'),
        say(`PDF，或 .p7s 签名文件；最大 ${limit} MB。`, `PDF, or a .p7s signature; ${limit} MB at most.`),
        true,
      )}
      <details>
        <summary>${say('签名在单独的 .p7s 文件里？', 'Is the signature a separate .p7s file?')}</summary>
        ${fileField(
          'content',
          say('另一个文件', 'The other file'),
          say(
            '.p7s 与它所签的原文件，各选一个，顺序不限。',
            'The .p7s and the file that it signs, one in each place, in any order.',
          ),
          false,
        )}
      </details>
      ${passwordField(view, isPasswordAsked)}
      <button type="submit">${say('验证', 'Verify')}</button>
      <p role="status"></p>
      <progress hidden aria-label="${say('进度', 'Progress')}"></progress>
    </div>
    <p class="soft small">
      ${say(
        '文件只用于本次验证，不保留；报告与摘要留存。也可在自己的机器上用 yinxin verify 验证。',
        'The file is used for this verification and not kept; the report and digests are. You can also verify on your own machine with yinxin verify.',
      )}
    </p>
  </form>`
}

interface PageAnswer {
  readonly status: number
  readonly result: Part
  /** The file is encrypted, and no password that opens it was given. */
  readonly isPasswordAsked?: boolean
}

const ASKS_PASSWORD = ['DOCUMENT_ENCRYPTED', 'DOCUMENT_PASSWORD_WRONG']

/** The page, with an answer or without. */
export const verifyHtml = (
  view: PageView,
  limitBytes: number,
  { result, isPasswordAsked = false }: Partial<PageAnswer>,
): Html => html`
  <h1>${view.say('验证文件', 'Verify a file')}</h1>
  <p class="lead no-print">
    ${view.say(
      '查看签名是否有效、谁签的、何时签的、签后改过什么。',
      'See whether its signatures are valid, who signed and when, and what changed afterwards.',
    )}
  </p>
  <div id="result">${result}</div>
  ${formHtml(view, limitBytes, isPasswordAsked)}
`

const isCms = ({ bytes, fileName }: Upload): boolean =>
  /\.(p7s|p7m|sig)$/i.test(fileName ?? '') && bytes[0] !== 0x25

/** Which of the two files is the signature: people put them in either way. */
function readFiles(uploads: ReadonlyMap<string, Upload>): VerifyInput | undefined {
  const files = ['document', 'content'].flatMap((name) => {
    const upload = uploads.get(name)
    return upload && upload.bytes.length > 0 ? [upload] : []
  })
  const [first, second] = files
  if (!first) return undefined
  const swapped = second !== undefined && !isCms(first) && isCms(second)
  const [document, content] = swapped ? [second, first] : [first, second]
  const fileName = document.fileName === undefined || document.fileName === '' ? null : document.fileName
  return { document: document.bytes, fileName, ...(content ? { content: content.bytes } : {}) }
}

async function answer(
  view: PageView,
  find: () => Promise<VerificationView | undefined>,
): Promise<PageAnswer> {
  try {
    const verification = await find()
    if (!verification) return { status: 400, result: answerHtml('no-file', view.say) }
    const isPasswordAsked = ASKS_PASSWORD.includes(verification.report.answer.key)
    return { status: 200, result: verdictHtml(verification, view), isPasswordAsked }
  } catch (error) {
    // A foreign error goes up to the one place that logs it and answers 500.
    if (!(error instanceof CodedError) || answerForCode(error.code) === 'busy') throw error
    const kind = answerForCode(error.code)
    return {
      status: kind === 'not-found' ? 404 : 422,
      result: answerHtml(kind, view.say, { code: error.code }),
      isPasswordAsked: error.code === 'PDF_ENCRYPTED',
    }
  }
}

type VerifyContext = RequestContext<unknown, { lang?: string; id?: string }>

async function reply(
  deps: VerifyPageDeps,
  context: VerifyContext,
  find?: () => Promise<VerificationView | undefined>,
) {
  const { lang, id } = context.query
  const kept = id === undefined ? {} : { id }
  const view = pageView(deps.institution, '/verify', lang, context.header('accept-language'), kept)
  const answered = find ? await answer(view, find) : { status: 200, result: undefined }
  return pageReply(view, {
    status: answered.status,
    title: view.say('验证文件', 'Verify a file'),
    main: verifyHtml(view, deps.documentLimitBytes, answered),
    cacheControl: 'no-store',
  })
}

export const verifyRoutes = (deps: VerifyPageDeps): readonly RouteDefinition[] => [
  route({
    method: 'GET',
    path: '/verify',
    operationId: 'verifyPage',
    tag: 'Pages',
    summary: 'Form to verify a file; with `id`, a stored report',
    permission: 'public',
    query: Type.Object(
      { ...PageQuery.properties, id: Type.Optional(Type.String({ minLength: 1, maxLength: 80 })) },
      { additionalProperties: true },
    ),
    responses: { 200: { description: 'The page', contentType: 'text/html' } },
    errors: [],
    handler: (context) => {
      const { id } = context.query
      return id === undefined
        ? reply(deps, context as VerifyContext)
        : reply(deps, context as VerifyContext, () => deps.services.verifications.get(context.caller, id))
    },
  }),
  route({
    method: 'POST',
    path: '/verify',
    operationId: 'verifyPagePost',
    tag: 'Pages',
    summary: 'The form of /verify: the answer is the page with the verdict',
    permission: 'public',
    query: PageQuery,
    body: Type.Object(
      { password: Type.Optional(Type.String({ maxLength: 127, description: 'Of an encrypted PDF' })) },
      { additionalProperties: false },
    ),
    upload: { parts: ['document', 'content'], required: [], fields: ['password'] },
    responses: {
      200: { description: 'The page with the verdict', contentType: 'text/html' },
      422: { description: 'The page with what stood in the way', contentType: 'text/html' },
    },
    errors: ['INPUT_TOO_LARGE', 'REQUEST_INVALID'],
    handler: (context) =>
      reply(deps, context as unknown as VerifyContext, async () => {
        const input = readFiles(context.uploads)
        const { password } = context.body
        // A form sends a field that nobody filled in as well.
        const given = password === undefined || password === '' ? {} : { password }
        return input && deps.services.verifyDocument(context.caller, { ...input, ...given })
      }),
  }),
]
