import test from 'ava'
import { openTestCore } from './testing/test-core.ts'
import { checkSecondReading } from './second-reading.ts'

test('pkijs agrees with the certificates of a ceremony, and not with a changed or foreign one', async (t) => {
  const { core } = await openTestCore()
  const [root, issuing] = [...core.issuers.values()]
  if (!root || !issuing) return t.fail('no issuers')
  const made = { certDer: issuing.certDer, issuerDer: root.certDer }
  await t.notThrowsAsync(checkSecondReading([{ certDer: root.certDer, issuerDer: root.certDer }, made]))
  const changed = issuing.certDer.slice()
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  await t.throwsAsync(checkSecondReading([{ ...made, certDer: changed }]), { code: 'ISSUANCE_MISMATCH' })
  await t.throwsAsync(checkSecondReading([{ ...made, issuerDer: issuing.certDer }]), {
    code: 'ISSUANCE_MISMATCH',
  })
})
