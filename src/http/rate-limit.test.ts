import test from 'ava'
import { CodedError } from '../../ca/errors.ts'
import { createRateLimit } from './rate-limit.ts'

const refused = { instanceOf: CodedError, code: 'RATE_LIMITED' }

test('a burst passes, a flood is refused, rest is rewarded, and clients do not share', (t) => {
  let now = 0
  const take = createRateLimit(10, () => now)
  for (let count = 0; count < 20; count++) take('a')
  t.throws(() => take('a'), refused)
  t.notThrows(() => take('b'))
  now = 100
  t.notThrows(() => take('a'))
  t.throws(() => take('a'), refused)
  now = 3_600_000
  for (let count = 0; count < 20; count++) take('a')
  t.throws(() => take('a'), refused)
})

test('memory is bounded: of many clients, the one that rested longest is forgotten', (t) => {
  const take = createRateLimit(1, () => 0)
  for (let count = 0; count < 2; count++) take('first')
  t.throws(() => take('first'), refused)
  for (let count = 0; count < 10_000; count++) take(`client ${count}`)
  t.notThrows(() => take('first'))
})
