import test from 'ava'
import { encodeName, nameToString, parseName } from './name.ts'

const encode = (value: string): Uint8Array => encodeName([{ type: 'CN', value }])

test('attack: a name of characters that are drawn as nothing is refused', (t) => {
  const unseen = [
    ...['\u115f', '\u1160', 'a\u3164b', 'a\uffa0b', '\u17b4', '\u2800', '\u180b'],
    ...['a\ufe0f', 'a\u{e0100}', 'a\u034fb', 'a\u00adb', 'a\u200bb', 'a\ufeffb', '\u202eab', 'a\u{1d173}b'],
  ]
  for (const value of unseen)
    t.throws(() => encode(value), { code: 'PROFILE_VIOLATION' }, JSON.stringify(value))
})

test('names of people and companies in the scripts of the world are taken', (t) => {
  for (const value of [
    '北京某某科技有限公司 TEST ONLY',
    '홍길동',
    'Ångström & Søn',
    '𠮷野家',
    'नेपाल',
    'ทดสอบ',
  ])
    t.is(nameToString(parseName(encode(value))), `CN=${value}`)
})
