import test from 'ava'
import { createLeaseHolder } from './lease.ts'

const MS = 6_000

function setUp() {
  const state = { at: 0, owner: 'me' as string, until: 0, asked: 0, isDown: false }
  const acquire = (ms: number): Promise<object | undefined> => {
    state.asked++
    if (state.isDown) return Promise.reject(new Error('database is away'))
    if (state.owner !== 'me' && state.until > state.at) return Promise.resolve(undefined)
    state.owner = 'me'
    state.until = state.at + ms
    return Promise.resolve({})
  }
  return { state, holder: createLeaseHolder(acquire, MS, () => new Date(state.at)) }
}

test('a lease is renewed at a third of its time, and not asked for in between', async (t) => {
  const { state, holder } = setUp()
  for (state.at = 0; state.at < 60_000; state.at += 100) t.true(await holder.hold())
  t.is(state.asked, 30)
})

test('a lease of another is taken over soon after its end', async (t) => {
  const { state, holder } = setUp()
  state.owner = 'other'
  state.until = 10_000
  for (state.at = 0; !(await holder.hold()); state.at += 100);
  t.true(state.at >= 10_000 && state.at <= 10_000 + MS / 6, `taken over at ${state.at}`)
})

test('a lease that could not be renewed is not held', async (t) => {
  const { state, holder } = setUp()
  t.true(await holder.hold())
  state.at = 3_000
  state.isDown = true
  await t.throwsAsync(holder.hold())
  state.isDown = false
  state.owner = 'other'
  state.until = 20_000
  t.false(await holder.hold())
})
