import test from 'ava'
import fc from 'fast-check'
import { isCoded } from '../../ca/errors.ts'
import {
  encodeCanonicalJson,
  encodeCanonicalText,
  type JsonValue,
  parseCanonicalJson,
} from './canonical-json.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

// RFC 8785 §3.2.3, the sorting example: keys are ordered by UTF-16 code units.
test('members are sorted by UTF-16 code units (RFC 8785 §3.2.3)', (t) => {
  const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 }
  t.is(
    encodeCanonicalText(value),
    '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
  )
})

// RFC 8785 §3.2.2, the string of the sample object.
test('strings are escaped as RFC 8785 §3.2.2.2 says', (t) => {
  const text = '\u20ac$\u000f\nA\'B"\\\\"/'
  t.is(encodeCanonicalText(text), '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"')
})

test('what has no canonical form is refused', (t) => {
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  const bad: unknown[] = [
    undefined,
    1.5,
    NaN,
    Infinity,
    2 ** 53,
    '\ud800',
    { '\udc00': 1 },
    new Date(0),
    new Map(),
    Uint8Array.of(1),
    () => 1,
    1n,
    Symbol('x'),
    { a: undefined },
    [undefined],
    new Array(1),
    cyclic,
  ]
  for (const value of bad)
    t.throws(() => encodeCanonicalJson(value as JsonValue), { code: 'INPUT_MALFORMED' })
})

test('bytes that are not in canonical form are refused', (t) => {
  for (const bad of [
    '',
    ' 1',
    '1 ',
    '{"b":1,"a":2}',
    '{"a":1,"a":1}',
    '{"a":1, "b":2}',
    '-0',
    '1.0',
    '1e2',
    '"\\u0041"',
    '"\\/"',
    '01',
    '[1,]',
    '\ufeff1',
    '9007199254740993',
    '['.repeat(5000) + ']'.repeat(5000),
    '["\\ud800"]',
  ]) {
    t.throws(() => parseCanonicalJson(utf8(bad)), { code: 'INPUT_MALFORMED' }, bad.slice(0, 30))
  }
  t.throws(() => parseCanonicalJson(Uint8Array.of(0x22, 0xc0, 0x80, 0x22)), { code: 'INPUT_MALFORMED' })
})

test('a member called __proto__ is data and nothing else', (t) => {
  const value = parseCanonicalJson(utf8('{"__proto__":{"polluted":1}}')) as Record<string, unknown>
  t.true(Object.hasOwn(value, '__proto__'))
  t.is(({} as Record<string, unknown>).polluted, undefined)
  t.is(encodeCanonicalText(value as JsonValue), '{"__proto__":{"polluted":1}}')
})

test('parse ∘ encode = identity, and fuzzed bytes give typed errors only', (t) => {
  const json = fc
    .jsonValue({ maxDepth: 4 })
    .filter((value) => !/\d\.\d|e[+-]|\\ud[89a-f]|-0/.test(JSON.stringify(value)))
  fc.assert(
    fc.property(json, (value) => {
      try {
        // -0 is 0 in JSON (RFC 8785 §3.2.2.3).
        const plain = JSON.parse(JSON.stringify(value)) as JsonValue
        t.deepEqual(parseCanonicalJson(encodeCanonicalJson(value as JsonValue)), plain)
      } catch (error) {
        t.true(isCoded(error, 'INPUT_MALFORMED'))
      }
    }),
  )
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.json().map(utf8)), (bytes) => {
      try {
        t.deepEqual(encodeCanonicalJson(parseCanonicalJson(bytes)), bytes)
      } catch (error) {
        t.true(isCoded(error))
      }
    }),
  )
})
