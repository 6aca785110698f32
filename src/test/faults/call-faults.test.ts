import test from 'ava'
import { absent } from '../judges.ts'
import { makeTempFolder } from '../temp-store.ts'
import { listCallFaults, runCallFaults } from './call-faults.ts'

test('check 16: single system calls of the whole service fail, or only their answers: nothing lost, nothing twice', async (t) => {
  t.timeout(240_000)
  const faults = listCallFaults([1, 4]).filter(({ call }) => call !== 'truncate')
  const result = await runCallFaults(await makeTempFolder(t), faults, 8)
  if (result === undefined)
    return absent(t, 'no C compiler: calls cannot be made to fail (Debian: build-essential)')
  t.deepEqual(result.findings, [])
  t.true(result.hits >= faults.length / 2, `${result.hits} of ${faults.length} faults struck`)
  t.true(result.certificates > 0 && result.signatures > 0 && result.revoked > 0)
  t.log(
    `${result.hits} of ${faults.length} faults struck; ${result.certificates} certificates, ${result.orphaned} orphaned`,
  )
})
