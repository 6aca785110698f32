import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { buildPolicyPages, POLICY_TEXTS, readPolicyTexts } from './cps.ts'
import { renderHtml } from './html.ts'
import { parseMarkdown } from './markdown.ts'
import { fillPolicyText, periodText, policyValues } from './policy-values.ts'
import { readProfiles, testFacts } from './testing/serve-pages.ts'

const texts = readPolicyTexts()
const sections = (text: string): (string | undefined)[] =>
  parseMarkdown(text).headings.map(({ text: heading }) => /^[\d.]+/.exec(heading)?.[0])

test('every text is filled, in both languages', (t) => {
  const pages = buildPolicyPages(texts, testFacts())
  t.is(pages.size, POLICY_TEXTS.length * 2)
  for (const [name, page] of pages) t.false(/\{\{|undefined|NaN/.test(renderHtml(page.content)), name)
})

test('a text with a hole is refused', (t) => {
  t.throws(() => fillPolicyText('a {{nothing}} b', policyValues(testFacts(), 'zh')), {
    code: 'CONFIG_INVALID',
  })
  t.throws(() => fillPolicyText('{{constructor}}', {}), { code: 'CONFIG_INVALID' })
})

test('Chinese and English have the same sections', (t) => {
  for (const name of POLICY_TEXTS) t.deepEqual(sections(texts[name].zh), sections(texts[name].en), name)
})

test('the CPS has the nine parts of the rule and of RFC 3647', (t) => {
  const parts = sections(texts.cps.zh).filter((number) => /^\d$/.test(number ?? ''))
  t.deepEqual(parts, ['1', '2', '3', '4', '5', '6', '7', '8', '9'])
})

test('every CPS section that a profile names as its source is there', (t) => {
  const folder = join(import.meta.dirname, '../../policies/profiles')
  const known = new Set(sections(texts.cps.zh))
  const named = new Set<string>()
  for (const file of readdirSync(folder))
    for (const [, number = ''] of readFileSync(join(folder, file), 'utf8').matchAll(/CPS (\d[\d.]*\d)/g))
      named.add(number)
  t.true(named.size > 3)
  t.deepEqual(
    [...named].filter((number) => !known.has(number)),
    [],
  )
})

test('validity in the CPS is that of the profiles', (t) => {
  const event = readProfiles().find(({ name }) => name === 'event')
  t.truthy(event)
  const page = buildPolicyPages(texts, testFacts()).get('cps.en')
  const text = page ? renderHtml(page.content) : ''
  const { minSeconds, maxSeconds } = event!.validity
  t.true(text.includes(`${periodText(minSeconds.value, 'en')} to ${periodText(maxSeconds.value, 'en')}`))
})

test('an evaluation CA says so in every text, a licensed one names its licence', (t) => {
  for (const page of buildPolicyPages(texts, testFacts()).values())
    t.regex(renderHtml(page.content), /评估用|Evaluation only/)
  const day = '2026-01-01'
  const licence = { number: 'TEST-ONLY-1', issuer: { zh: '测', en: 'T' }, issued: day, expires: '2031-01-01' }
  const facts = testFacts({ legalName: { zh: '仅供测试', en: 'TEST ONLY' }, evaluation: false, licence })
  const page = buildPolicyPages(texts, facts).get('disclosure.en')
  t.regex(page ? renderHtml(page.content) : '', /TEST-ONLY-1/)
})

test('periods read as people say them', (t) => {
  t.is(periodText(300, 'en'), '5 minutes')
  t.is(periodText(3600, 'zh'), '1 小时')
  t.is(periodText(86_400, 'en'), '1 day')
  t.is(periodText(31_536_000, 'en'), '1 year')
  t.is(periodText(94_694_400, 'zh'), '3 年')
  t.is(periodText(90, 'en'), '90 seconds')
})
