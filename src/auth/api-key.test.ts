import { randomBytes } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { isCoded } from '../../ca/errors.ts'
import { buildApiKey, hashApiKey, isApiKey, isUsable, parseApiKey } from './api-key.ts'

test('a new key is recognised by its hash, and by no other', (t) => {
  const key = buildApiKey(randomBytes)
  const other = buildApiKey(randomBytes)
  const parts = parseApiKey(key.text)
  t.is(parts.prefix, key.prefix)
  t.is(hashApiKey(parts), key.hash)
  t.true(isApiKey(parts, key.hash))
  t.false(isApiKey(parts, other.hash))
  t.false(isApiKey({ ...parts, prefix: other.prefix }, key.hash))
  t.false(isApiKey(parts, ''))
  t.false(key.hash.includes(parts.secret))
})

test('a changed character is another key', (t) => {
  const key = buildApiKey(randomBytes)
  const last = key.text.endsWith('0') ? '1' : '0'
  t.false(isApiKey(parseApiKey(key.text.slice(0, -1) + last), key.hash))
})

for (const text of ['', 'yx__', 'yx_abc_def', ' yx_', 'Bearer x', `yx_${'A'.repeat(12)}_${'0'.repeat(64)}`]) {
  test(`"${text}" is no key`, (t) => {
    t.throws(() => parseApiKey(text), { code: 'API_KEY_MALFORMED' })
  })
}

test('a key with a line break after it is refused', (t) => {
  t.throws(() => parseApiKey(`${buildApiKey(randomBytes).text}\n`), { code: 'API_KEY_MALFORMED' })
})

test('fuzz: only keys parse, everything else is a typed error that repeats nothing', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
      try {
        const { prefix, secret } = parseApiKey(text)
        return text === `yx_${prefix}_${secret}`
      } catch (error) {
        return isCoded(error, 'API_KEY_MALFORMED') && (text.length < 8 || !error.message.includes(text))
      }
    }),
  )
  t.pass()
})

test('a key is good until it expires or is revoked', (t) => {
  const now = new Date('2026-03-01T00:00:00Z')
  const later = new Date(now.getTime() + 1)
  t.true(isUsable({ expiresAt: null, revokedAt: null }, now))
  t.true(isUsable({ expiresAt: later, revokedAt: null }, now))
  t.false(isUsable({ expiresAt: now, revokedAt: null }, now))
  t.false(isUsable({ expiresAt: later, revokedAt: later }, now))
})
