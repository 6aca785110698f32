import test from 'ava'
import { wholeCrl } from '../../ca/formats.ts'
import { draft, NOW, openTempStore } from '../test/temp-store.ts'
import { createCrlWatch } from './crl-watch.ts'
import { createReadiness } from './readiness.ts'

const DAY = 86_400_000
const later = (days: number): Date => new Date(NOW.getTime() + days * DAY)

test('the CRL of an offline root: fine, then near its end, then over; missing is as bad as over', async (t) => {
  const { store } = await openTempStore(t)
  let now = NOW
  let isRevoked = false
  const issuers = [
    {
      issuerId: 'root',
      role: 'root' as const,
      certDer: new Uint8Array(),
      chainDer: [],
      shards: 0,
      canSign: false,
    },
  ]
  const watch = createCrlWatch({
    ca: { issuers, isRevoked: () => Promise.resolve(isRevoked) },
    store,
    now: () => now,
  })
  const ready = createReadiness(watch.checks)
  const is = (ok: boolean, detail?: string) => ({
    ready: ok,
    checks: [{ name: 'crl-root', ok, ...(detail === undefined ? {} : { detail }) }],
  })
  t.deepEqual(await ready(), is(false, 'CRL_EXPIRED'))
  const publish = (shard: number | null, number: string, days: number) =>
    store.ca.publishCrl(
      {
        issuerId: 'root',
        shard,
        number,
        thisUpdate: NOW,
        nextUpdate: later(days),
        entryCount: 0,
        content: wholeCrl(new Uint8Array([0x30, 0])),
      },
      null,
      [draft()],
    )
  await publish(null, '1', 180)
  for (const [days, expected] of [
    [0, is(true)],
    [134, is(true)],
    [136, is(true, 'CRL_ENDS_SOON')],
    [180, is(false, 'CRL_EXPIRED')],
  ] as const) {
    now = later(days)
    t.deepEqual(await ready(), expected, `after ${days} days`)
  }
  now = later(1)
  isRevoked = true
  t.deepEqual(await ready(), is(false, 'ISSUER_REVOKED'))
  await publish(0, '1', 7)
  await publish(1, '1', 3)
  const ends = await watch.ends()
  t.deepEqual(
    ends.map(({ name, nextUpdate }) => [name, nextUpdate]),
    [
      ['root', later(180)],
      ['root/shards', later(3)],
    ],
  )
})
