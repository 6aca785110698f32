import test from 'ava'
import { chooseLanguage, languageTag, sayIn } from './language.ts'

test('lang in the query decides; else Accept-Language by quality; else Chinese', (t) => {
  t.is(chooseLanguage('en', 'zh-CN'), 'en')
  t.is(chooseLanguage('zh', 'en'), 'zh')
  t.is(chooseLanguage(undefined, ''), 'zh')
  t.is(chooseLanguage(undefined, 'en-GB,en;q=0.9'), 'en')
  t.is(chooseLanguage(undefined, 'fr, en;q=0.3, zh-TW;q=0.8'), 'zh')
  t.is(chooseLanguage(undefined, 'fr,de'), 'zh')
  t.is(chooseLanguage(undefined, 'en;q=0'), 'zh')
})

test('nonsense in either place is no language', (t) => {
  t.is(chooseLanguage(['en'], 'en;q=x'), 'zh')
  t.is(chooseLanguage('"><script>', ',;=,,'), 'zh')
})

test('tags and texts', (t) => {
  t.is(languageTag('zh'), 'zh-CN')
  t.is(sayIn('en')('中', 'E'), 'E')
  t.is(sayIn('zh')('中', 'E'), '中')
})
