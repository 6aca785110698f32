import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { openStore } from '../../store/store.ts'
import { makeTempFolder } from '../temp-store.ts'
import { useCluster } from './cluster.ts'

test('leases end by the clock of the database, whatever the machines think; one that is released is free at once', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  const folder = await makeTempFolder(t)
  const connection = await cluster.createDatabase('leases')
  const open = async (name: string) => {
    const files = { documentsDir: `${folder}/${name}`, checkpointFile: `${folder}/${name}-checkpoint` }
    const store = await openStore({ database: { client: 'pg', connection }, ...files, randomBytes })
    t.teardown(() => store.close())
    return store
  }
  // Both start at once: one migrates, the other waits for it.
  const [a, b] = await Promise.all([open('a'), open('b')])
  const [past, future] = [new Date(0), new Date('2100-01-01T00:00:00Z')]
  t.like(await a.leases.acquire('crl', 'a', past, 2_000), { holder: 'a', epoch: 1 })
  t.is(await b.leases.acquire('crl', 'b', future, 2_000), undefined)
  t.like(await a.leases.acquire('crl', 'a', past, 2_000), { holder: 'a', epoch: 1 })
  await sleep(2_100)
  t.like(await b.leases.acquire('crl', 'b', past, 60_000), { holder: 'b', epoch: 2 })
  t.is(await a.leases.acquire('crl', 'a', future, 2_000), undefined)
  await b.leases.release('b')
  t.like(await a.leases.acquire('crl', 'a', past, 2_000), { holder: 'a', epoch: 3 })
})
