import test from 'ava'
import { runChaos } from './chaos.ts'

const KILLS = 8

test('check 17: kill -9 under load, at any moment: nothing lost, nothing twice, no receipt lies', async (t) => {
  t.timeout(240_000)
  const result = await runChaos({ kills: KILLS, wholeEvery: 4 })
  t.deepEqual(result.findings, [])
  t.true(result.kills >= KILLS)
  t.true(result.certificates > KILLS && result.signatures > 0 && result.revoked > 0)
  t.log(`${result.certificates} certificates, ${result.orphaned} orphaned serials, ${result.seconds} s`)
})
