import test from 'ava'
import { prepareDataDir } from '../test/e2e/start.ts'
import { readConfig } from '../config.ts'
import { openHouse } from '../main.ts'
import { makeCsr } from '../test/e2e/csr.ts'
import { subjectOf } from '../test/e2e/objects.ts'
import { fromBase64 } from '../lib/bytes.ts'

test('intents that a crash left open are closed once, and a closed one is left alone', async (t) => {
  const dataDir = await prepareDataDir('reconcile')
  const house = await openHouse(readConfig({ YINXIN_LOG: 'silent' }, { dataDir }), { serving: false })
  t.teardown(() => house.close())
  const { ca, store, services } = house
  const subject = subjectOf('Reconcile TEST ONLY')
  const request = () => ({
    profile: 'organisation',
    subject,
    key: { csrDer: fromBase64(makeCsr(subject).replace(/-----[A-Z ]+-----|\s/g, '')) },
    identityEvidenceId: 'ev_test',
    actor: 'operator:test',
    tenant: 'alpha',
  })
  await services.reconciler.atStart()
  await ca.issue(await ca.prepare(request()))
  const { serialHex, issuerId } = await ca.prepare(request())
  const draft = { at: new Date(), actor: 'operator:test', tenant: 'alpha' }
  await store.ca.record([
    {
      ...draft,
      type: 'signature.intent',
      data: { intentId: 'one', keyId: 'once-1', digestAlg: 'SHA-256', digestHex: '00' },
    },
    {
      ...draft,
      type: 'signature.intent',
      data: { intentId: 'two', keyId: 'held-1', digestAlg: 'SHA-256', digestHex: '00', issuerId, serialHex },
    },
    { ...draft, type: 'crl.intent', data: { issuerId, shard: 3, crlNumber: '7' } },
  ])
  t.is(await services.reconciler.closeAbandoned(), 0, 'somebody may still be working on them')
  t.is(await services.reconciler.atStart(), 4)
  t.is(await services.reconciler.atStart(), 0)
  const { items } = await store.records.search({ tenant: 'all', limit: 6 })
  const found = items.map(({ record: { type, actor, tenant, data } }) => ({ type, actor, tenant, data }))
  const own = { actor: 'system', tenant: 'alpha' }
  for (const expected of [
    { ...own, type: 'certificate.orphaned', data: { serialHex, issuerId, code: 'CRASH' } },
    { ...own, type: 'signature.refused', data: { intentId: 'one', code: 'CRASH' } },
    { ...own, type: 'key.destroyed', data: { keyId: 'once-1' } },
    { ...own, type: 'signature.refused', data: { intentId: 'two', code: 'CRASH' } },
    { ...own, type: 'crl.refused', data: { issuerId, shard: 3, crlNumber: '7', code: 'CRASH' } },
  ])
    t.true(
      found.some((record) => JSON.stringify(record, order) === JSON.stringify(expected, order)),
      expected.type,
    )
  t.false(found.some(({ type, data }) => type === 'key.destroyed' && data['keyId'] === 'held-1'))
})

/** Fields in one order, so that records can be compared as text. */
const order = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value
