/** `/cps`: certificate policy, practice statement, time-stamp policy and disclosure, as filled from the configuration. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Type } from 'typebox'
import { CodedError } from '../../ca/errors.ts'
import type { RouteDefinition } from '../http/route.ts'
import { sha256Hex } from '../lib/sha256.ts'
import { type Html, html } from './html.ts'
import type { Bilingual, Language } from './language.ts'
import { type MarkdownPage, parseMarkdown } from './markdown.ts'
import { pageRoute } from './page.ts'
import { type PolicyFacts, fillPolicyText, policyValues } from './policy-values.ts'
import type { PageView } from './view.ts'

export const POLICY_TEXTS = ['cps', 'cp', 'tsa', 'disclosure'] as const
export type PolicyTextName = (typeof POLICY_TEXTS)[number]

/** Sources of the texts, before filling. */
export type PolicyTexts = Readonly<Record<PolicyTextName, Bilingual>>

const FOLDER = join(import.meta.dirname, '../../policies/cp-cps')

/** Reads `policies/cp-cps`; done once at start. */
export function readPolicyTexts(folder = FOLDER): PolicyTexts {
  const read = (name: string, language: Language): string =>
    readFileSync(join(folder, `${name}.${language}.md`), 'utf8')
  const both = (name: PolicyTextName): Bilingual => ({ zh: read(name, 'zh'), en: read(name, 'en') })
  return { cps: both('cps'), cp: both('cp'), tsa: both('tsa'), disclosure: both('disclosure') }
}

const TITLES: Readonly<Record<PolicyTextName, Bilingual>> = {
  cps: { zh: '业务规则（CPS）', en: 'Practice statement (CPS)' },
  cp: { zh: '证书策略（CP）', en: 'Certificate policy (CP)' },
  tsa: { zh: '时间戳策略', en: 'Time-stamp policy' },
  disclosure: { zh: '信息披露声明', en: 'Disclosure statement' },
}

interface PolicyPage extends MarkdownPage {
  readonly sha256: string
}

type PolicyPages = ReadonlyMap<string, PolicyPage>

/** All pages, made once: a hole in a text stops the start, not a reader. @throws {CodedError} CONFIG_INVALID */
export function buildPolicyPages(texts: PolicyTexts, facts: PolicyFacts): PolicyPages {
  const pages = new Map<string, PolicyPage>()
  for (const language of ['zh', 'en'] as const) {
    const values = policyValues(facts, language)
    for (const name of POLICY_TEXTS) {
      const filled = fillPolicyText(texts[name][language], values)
      const sha256 = sha256Hex(filled)
      pages.set(`${name}.${language}`, { ...parseMarkdown(filled), sha256 })
    }
  }
  return pages
}

function chooser(view: PageView, current: PolicyTextName): Html {
  const entry = (name: PolicyTextName): Html => {
    const title = view.say(TITLES[name].zh, TITLES[name].en)
    return name === current
      ? html`<li><strong>${title}</strong></li>`
      : html`<li><a href="${view.link(`/cps/${name}`)}">${title}</a></li>`
  }
  return html`<nav class="no-print" aria-label="${view.say('文本', 'Texts')}">
    <ul>
      ${POLICY_TEXTS.map(entry)}
    </ul>
  </nav>`
}

function policyHtml(view: PageView, pages: PolicyPages, name: PolicyTextName): Html {
  const page = pages.get(`${name}.${view.language}`)
  if (!page) throw new CodedError('NOT_FOUND', 'there is no such text')
  return html`
    ${chooser(view, name)} ${page.content}
    <hr />
    <p class="soft small">
      ${view.say('本文 SHA-256：', 'SHA-256 of this text: ')}<span class="mono">${page.sha256}</span>
    </p>
  `
}

const isPolicyText = (name: string): name is PolicyTextName =>
  (POLICY_TEXTS as readonly string[]).includes(name)

export function cpsRoutes(texts: PolicyTexts, facts: PolicyFacts): readonly RouteDefinition[] {
  const pages = buildPolicyPages(texts, facts)
  const title = (view: PageView, name: PolicyTextName): string => view.say(TITLES[name].zh, TITLES[name].en)
  return [
    pageRoute(facts.institution, {
      path: '/cps',
      operationId: 'cpsPage',
      summary: 'Certification practice statement',
      render: (view) => ({ title: title(view, 'cps'), main: policyHtml(view, pages, 'cps') }),
    }),
    pageRoute(facts.institution, {
      path: '/cps/{name}',
      operationId: 'policyPage',
      summary: 'CP, CPS, time-stamp policy or disclosure statement',
      params: Type.Object({ name: Type.String({ maxLength: 40 }) }),
      errors: ['NOT_FOUND'],
      render: (view, { params }) => {
        const { name } = params as { name: string }
        if (!isPolicyText(name)) throw new CodedError('NOT_FOUND', 'there is no such text')
        return { title: title(view, name), main: policyHtml(view, pages, name) }
      },
    }),
  ]
}
