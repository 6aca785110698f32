import test from 'ava'
import { CONTENT_SECURITY_POLICY } from './page.ts'
import { PROBLEMS } from '../http/problem.ts'
import { htmlFaults } from './testing/check-html.ts'
import { type ServedPages, servePages, testPageDeps } from './testing/serve-pages.ts'
import { answerOf, verificationOf } from './testing/reports.ts'
import { CodedError } from '../../ca/errors.ts'
import type { AnswerKey } from '../verify/report.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const deps = testPageDeps((input) => {
  const word = text(input.document)
  if (word.startsWith('throw ')) throw new CodedError(word.slice('throw '.length), 'as the test asked')
  if (word === 'p7s' && input.content)
    return verificationOf('passed', `${input.fileName ?? ''}+${text(input.content)}`)
  return word.startsWith('answer ')
    ? answerOf(word.slice('answer '.length) as AnswerKey)
    : verificationOf('mixed', input.fileName)
})
let served: ServedPages
test.before(async () => {
  served = await servePages(deps)
})
test.after.always(() => served.close())

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${served.url}${path}`, { headers: { accept: 'text/html', ...headers } })

function post(files: Record<string, [string, string]>, path = '/verify?lang=en'): Promise<Response> {
  const form = new FormData()
  for (const [name, [content, fileName]] of Object.entries(files))
    form.set(name, new Blob([content]), fileName)
  return fetch(`${served.url}${path}`, { method: 'POST', body: form, headers: { accept: 'text/html' } })
}

const PATHS = [
  '/',
  '/verify',
  '/docs',
  '/problems',
  '/problems/NOT_FOUND',
  '/cps',
  '/cps/cp',
  '/cps/cps',
  '/cps/tsa',
  '/cps/disclosure',
  '/log',
]

for (const path of PATHS)
  for (const lang of ['zh', 'en'])
    test(`${path} in ${lang} is well-formed, guarded, and keeps its language`, async (t) => {
      const response = await get(`${path}?lang=${lang}`)
      const page = await response.text()
      t.is(response.status, 200)
      t.deepEqual(htmlFaults(page), [])
      t.is(response.headers.get('content-security-policy'), CONTENT_SECURITY_POLICY)
      t.is(response.headers.get('content-language'), lang === 'zh' ? 'zh-CN' : 'en')
      t.is(response.headers.get('x-content-type-options'), 'nosniff')
      t.true(page.includes(`<html lang="${lang === 'zh' ? 'zh-CN' : 'en'}"`))
      t.true(page.includes(`href="/verify?lang=${lang}"`))
      t.true(page.includes(`href="${path}?lang=${lang === 'zh' ? 'en' : 'zh'}"`))
      t.regex(page, lang === 'zh' ? /评估用/ : /Evaluation only/)
      t.false(/undefined|\[object|NaN/.test(page))
    })

test('the policy lets nothing run, load or be sent that is not ours', (t) => {
  t.true(CONTENT_SECURITY_POLICY.startsWith("default-src 'none'"))
  t.false(/unsafe|\*|data:|https?:/.test(CONTENT_SECURITY_POLICY))
})

test('Accept-Language chooses when the link does not', async (t) => {
  t.is((await get('/', { 'accept-language': 'en-US' })).headers.get('content-language'), 'en')
  t.is((await get('/', { 'accept-language': 'fr' })).headers.get('content-language'), 'zh-CN')
})

test('every error code has its page', async (t) => {
  const list = await (await get('/problems')).text()
  for (const code of Object.keys(PROBLEMS)) t.true(list.includes(`/problems/${code}?`), code)
})

test('assets: named by hash, cached for ever, 304 on their tag, another name is not found', async (t) => {
  const page = await (await get('/')).text()
  const hrefs = [...page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, href = '']) => href)
  t.true(new Set(hrefs).size >= 3)
  for (const href of new Set(hrefs)) {
    const first = await get(href)
    t.is(first.status, 200)
    t.regex(first.headers.get('cache-control') ?? '', /immutable/)
    t.is((await get(href, { 'if-none-match': first.headers.get('etag') ?? '' })).status, 304)
  }
  t.is((await get('/assets/site.0000000000000000.css')).status, 404)
  t.is((await get('/assets/..%2fpage.ts')).status, 404)
})

test('the reference has every operation, its errors and a curl line', async (t) => {
  const page = await (await get('/docs?lang=en')).text()
  for (const path of PATHS.filter((one) => !/\/(cps|problems)\/./.test(one)))
    t.true(page.includes(`<code>${path}</code>`), path)
  t.true(page.includes('curl'))
  t.true(page.includes('/problems/INPUT_TOO_LARGE?lang=en'))
})

test('a verdict shows every signature, and a name that is a script stays text', async (t) => {
  const response = await post({ document: ['x', '<img src=x onerror=alert(1)>.pdf'] })
  const page = await response.text()
  t.is(response.status, 200)
  t.is(response.headers.get('cache-control'), 'no-store')
  t.deepEqual(htmlFaults(page), [])
  t.regex(page, /3 signatures: 1 passed, 1 failed, 1 cannot be decided\./)
  t.regex(page, /Do not rely on this file/)
  t.true(page.includes('&lt;script&gt;alert(1)&lt;/script&gt;[U+202E]'))
  t.false(/<script>|<img src=x/.test(page))
})

test('the four conditions of the law are shown one by one, in Chinese too', async (t) => {
  const page = await (await post({ document: ['x', 'a.pdf'] }, '/verify?lang=zh')).text()
  t.deepEqual(htmlFaults(page), [])
  t.regex(page, /《电子签名法》第十三条/)
  t.regex(page, /仅为声称，未经证明/)
})

test('a stored report has its own link; a wrong one says so', async (t) => {
  await post({ document: ['x', 'kept.pdf'] })
  const page = await (await get('/verify?lang=en&id=ver_keptpdf')).text()
  t.regex(page, /kept\.pdf/)
  t.true(page.includes('href="/v1/verifications/ver_keptpdf"'))
  t.true(page.includes('href="/verify?id=ver_keptpdf&amp;lang=zh"'))
  const none = await get('/verify?lang=en&id=ver_none')
  t.is(none.status, 404)
  t.regex(await none.text(), /There is no such report/)
})

test('a signature and its file may come in either order', async (t) => {
  for (const files of [
    { document: ['p7s', 'a.p7s'], content: ['words', 'a.txt'] },
    { document: ['words', 'a.txt'], content: ['p7s', 'a.p7s'] },
  ] as Record<string, [string, string]>[])
    t.regex(await (await post(files)).text(), /a\.p7s\+words/)
})

const ANSWERS: [string, number, RegExp][] = [
  ['answer NO_SIGNATURE_FOUND', 200, /no electronic signature in this file/],
  ['answer PICTURE_OF_A_SEAL', 200, /A picture of a seal is not a signature/],
  ['answer DOCUMENT_DAMAGED', 200, /damaged and cannot be read/],
  ['answer DOCUMENT_ENCRYPTED', 200, /encrypted and needs its password/],
  ['answer DOCUMENT_PASSWORD_WRONG', 200, /password is not right/],
  ['answer DOCUMENT_ENCRYPTION_UNSUPPORTED', 200, /kind of encryption is not supported/],
  ['answer DOCUMENT_UNSUPPORTED', 200, /This kind of file is not supported/],
  ['answer DOCUMENT_TOO_LARGE', 200, /The file is too large/],
  ['throw PDF_MALFORMED', 422, /damaged and cannot be read/],
  ['throw PDF_ENCRYPTED', 422, /encrypted and needs its password/],
  ['throw STORE_UNAVAILABLE', 503, /not possible at the moment/],
]
for (const [document, status, words] of ANSWERS)
  test(`its own clear answer: ${document}`, async (t) => {
    const response = await post({ document: [document, 'a.pdf'] })
    const page = await response.text()
    t.is(response.status, status)
    t.regex(page, words)
    t.regex(page, /id="result"/)
    t.deepEqual(htmlFaults(page), [])
    t.false(/<h2 id="verdict">[^<]*<span[^>]*>✓/.test(page), 'never looks like a pass')
  })

test('no file, an empty file, and a file over the limit are answered on the page', async (t) => {
  t.regex(await (await post({ content: ['', ''] })).text(), /No file has come/)
  t.regex(await (await post({ document: ['', 'a.pdf'] })).text(), /No file has come/)
  const large = await post({ document: ['x'.repeat(7_000_000), 'a.pdf'] })
  t.is(large.status, 413)
  t.regex(await large.text(), /The file is too large/)
})

test('a browser gets a page for a wrong address, a program gets problem+json', async (t) => {
  const page = await get('/nothing?lang=en')
  t.is(page.status, 404)
  t.deepEqual(htmlFaults(await page.text()), [])
  t.is(page.headers.get('content-security-policy'), CONTENT_SECURITY_POLICY)
  for (const accept of ['*/*', 'application/json', 'application/problem+json']) {
    const problem = await get('/nothing', { accept })
    t.regex(problem.headers.get('content-type') ?? '', /^application\/problem\+json/)
    t.is(((await problem.json()) as { code: string }).code, 'NOT_FOUND')
  }
})

test('what the query holds cannot break out of the page', async (t) => {
  const page = await (await get('/verify?lang=en&id=%22%3E%3Cscript%3Ealert(1)%3C/script%3E')).text()
  t.deepEqual(htmlFaults(page), [])
  t.false(page.includes('<script>'))
})
