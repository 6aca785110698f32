import test from 'ava'
import { createRandom } from './random.ts'
import { toHex } from './bytes.ts'

test('octets are never given out twice, whatever is asked for', (t) => {
  const random = createRandom(64)
  const seen = new Set<string>()
  for (let count = 0; count < 1_000; count++) seen.add(toHex(random(16)))
  t.is(seen.size, 1_000)
  t.is(random(0).length, 0)
  t.is(random(63).length, 63)
  t.is(random(1_000).length, 1_000)
  const mine = random(16)
  const before = toHex(mine)
  random(16).fill(0)
  t.is(toHex(mine), before, 'no two callers share memory')
})
