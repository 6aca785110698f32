/** Chinese and English: which one a person reads, and how texts carry both. */

export type Language = 'zh' | 'en'

/** A text in both languages. */
export interface Bilingual {
  readonly zh: string
  readonly en: string
}

/** Picks the Chinese or the English text. */
export type Say = (zh: string, en: string) => string

/** A chooser of texts for one language. */
export const sayIn =
  (language: Language): Say =>
  (zh, en) =>
    language === 'zh' ? zh : en

/** Value of `lang` in HTML and of `Content-Language`. */
export const languageTag = (language: Language): string => (language === 'zh' ? 'zh-CN' : 'en')

/**
 * The language of a page: `?lang=` first, then Accept-Language by quality (RFC 9110 §12.5.4), else Chinese.
 *
 * @param asked value of `lang` in the query, whatever it is
 */
export function chooseLanguage(asked: unknown, acceptLanguage: string): Language {
  if (asked === 'zh' || asked === 'en') return asked
  let best: Language = 'zh'
  let bestQuality = 0
  for (const entry of acceptLanguage.slice(0, 1000).split(',')) {
    const [range = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
    const language = range.split('-')[0]
    if (language !== 'zh' && language !== 'en') continue
    const quality = Number(parameters.find((part) => part.startsWith('q='))?.slice(2) ?? 1)
    if (quality > bestQuality) [best, bestQuality] = [language, quality]
  }
  return best
}
