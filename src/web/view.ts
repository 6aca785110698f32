/** What a page knows of the request that it answers. */
import type { Institution } from './institution.ts'
import { type Language, type Say, chooseLanguage, sayIn } from './language.ts'

/** Language, path and links of one page. */
export interface PageView {
  readonly language: Language
  readonly say: Say
  /** Path of this page and the query that a change of language keeps. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly institution: Institution
  /** A link to another page in the same language. */
  readonly link: (path: string, query?: Readonly<Record<string, string>>) => string
}

const queryText = (query: Readonly<Record<string, string>>): string => {
  const text = new URLSearchParams(query).toString()
  return text === '' ? '' : `?${text}`
}

/**
 * @param asked value of `lang` in the query
 * @param query what of the query a change of language keeps
 */
export function pageView(
  institution: Institution,
  path: string,
  asked: unknown,
  acceptLanguage: string,
  query: Readonly<Record<string, string>> = {},
): PageView {
  const language = chooseLanguage(asked, acceptLanguage)
  const link = (to: string, more: Readonly<Record<string, string>> = {}): string =>
    `${to}${queryText({ ...more, lang: language })}`
  return { language, say: sayIn(language), path, query, institution, link }
}
