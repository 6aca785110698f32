import test from 'ava'
import type { Ca } from '../../ca/ports.ts'
import { readConfig } from '../config.ts'
import { openTempStore } from '../test/temp-store.ts'
import { recordConfiguration } from './configuration.ts'

const now = (): Date => new Date('2026-01-05T08:00:00Z')

test('a configuration change is recorded once, by name and hash', async (t) => {
  const { store } = await openTempStore(t)
  const ca = {
    profiles: [{ name: 'event', class: 'event', sha256: 'a'.repeat(64), identityEvidence: 'required' }],
  } as unknown as Ca
  const changes = async (): Promise<unknown[]> =>
    (await store.records.search({ tenant: 'all', type: 'config.changed' })).items.map(
      ({ record }) => record.data['changed'],
    )
  const config = readConfig({})
  await recordConfiguration({ ca, store, now, config })
  await recordConfiguration({ ca, store, now, config })
  t.is((await changes()).length, 1)
  await recordConfiguration({ ca, store, now, config: { ...config, documentHours: 48 } })
  const [newest] = await changes()
  t.deepEqual(Object.keys(newest as object), ['settings'])
  t.regex((newest as { settings: string }).settings, /^[0-9a-f]{64}$/)
})
