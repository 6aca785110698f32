import test from 'ava'
import { CodedError } from './errors.ts'
import { joinCalls } from './joined.ts'

const LIMITS = { atMost: 3, underWay: 1, waiting: 5, overloaded: 'CA_OVERLOADED' } as const

test('calls of one turn go on together, at most so many, and each gets its own output', async (t) => {
  const groups: number[][] = []
  const double = joinCalls(async (inputs: readonly number[]) => {
    groups.push([...inputs])
    await new Promise(setImmediate)
    return inputs.map((input) => input * 2)
  }, LIMITS)
  t.deepEqual(await Promise.all([1, 2, 3, 4, 5].map(double)), [2, 4, 6, 8, 10])
  t.deepEqual(groups, [
    [1, 2, 3],
    [4, 5],
  ])
})

test('no more groups are under way than may be', async (t) => {
  let running = 0
  let most = 0
  const call = joinCalls(
    async (inputs: readonly number[]) => {
      most = Math.max(most, ++running)
      await new Promise(setImmediate)
      running--
      return inputs
    },
    { ...LIMITS, atMost: 1, underWay: 2, waiting: 100 },
  )
  await Promise.all(Array.from({ length: 20 }, (_, index) => call(index)))
  t.is(most, 2)
})

test('whoever comes when too many wait is turned away at once; the others are served', async (t) => {
  const call = joinCalls((inputs: readonly number[]) => Promise.resolve(inputs), LIMITS)
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5, 6].map(call))
  t.deepEqual(
    outcomes.map(({ status }) => status),
    [...Array(5).fill('fulfilled'), 'rejected'],
  )
  const [last] = outcomes.slice(-1)
  t.is(last?.status === 'rejected' && (last.reason as CodedError).code, 'CA_OVERLOADED')
})

test('a group that fails fails all of its calls and no other', async (t) => {
  const call = joinCalls((inputs: readonly number[]) => {
    if (inputs.includes(2)) return Promise.reject(new CodedError('STORE_UNAVAILABLE', 'gone'))
    return Promise.resolve(inputs)
  }, LIMITS)
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(call))
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected', 'fulfilled'],
  )
})
