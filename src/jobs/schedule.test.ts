import { setTimeout as wait } from 'node:timers/promises'
import test from 'ava'
import { startJobs } from './schedule.ts'

const now = (): Date => new Date(0)

test('a job never runs twice at a time, and stop waits for the run in progress', async (t) => {
  let running = 0
  let most = 0
  let ended = 0
  const job = {
    name: 'slow',
    everyMs: 1,
    run: async () => {
      running++
      most = Math.max(most, running)
      await wait(20)
      running--
      ended++
    },
  }
  const schedule = startJobs([job], now, { error: () => t.fail() })
  await wait(70)
  await schedule.stop()
  t.is(running, 0)
  t.is(most, 1)
  const count = ended
  t.true(count >= 2)
  await wait(30)
  t.is(ended, count)
})

test('a failed run is logged, counted and tried again', async (t) => {
  let calls = 0
  const logged: object[] = []
  const job = {
    name: 'flaky',
    everyMs: 1,
    run: async () => {
      calls++
      if (calls < 3) throw new Error('not yet')
      await wait(0)
    },
  }
  const schedule = startJobs([job], now, { error: (fields) => logged.push(fields) })
  while (schedule.health()[0]?.lastSuccess === null) await wait(2)
  await schedule.stop()
  t.is(logged.length, 2)
  t.is(schedule.health()[0]?.failuresInARow, 0)
})
