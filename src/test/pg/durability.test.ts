import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { openStore, type Store } from '../../store/store.ts'
import { draft, makeTempFolder } from '../temp-store.ts'
import { type Cluster, useCluster } from './cluster.ts'

/** What loses commits that were answered, and who can set it: the server, the database, the role. */
const WEAK = [
  ['fsync', 'off', 'SYSTEM'],
  ['full_page_writes', 'off', 'SYSTEM'],
  ['synchronous_commit', 'off', 'SYSTEM'],
  ['synchronous_commit', 'local', 'DATABASE durable'],
  ['synchronous_commit', 'remote_write', 'ROLE yinxin'],
] as const

async function set(cluster: Cluster, owner: string, change: string): Promise<void> {
  await cluster.sql(`ALTER ${owner} ${change}`)
  if (owner === 'SYSTEM') await cluster.sql('SELECT pg_reload_conf()')
}

/** Sessions take over what was reloaded a moment later. */
async function waitFor(store: Store, isReady: boolean): Promise<void> {
  const ask = (): Promise<boolean> =>
    store.ping(new Date()).then(
      () => true,
      () => false,
    )
  for (let tries = 0; (await ask()) !== isReady; tries++) {
    if (tries > 100) throw new Error(`the store ${isReady ? 'stays refused' : 'is not refused'}`)
    await sleep(50)
  }
}

test('a PostgreSQL that may lose commits is refused at start, and is not ready when it is set so later', async (t) => {
  const cluster = await useCluster(t)
  if (!cluster) return
  const connection = await cluster.createDatabase('durable')
  const folder = await makeTempFolder(t)
  const open = (): Promise<Store> =>
    openStore({
      database: { client: 'pg', connection },
      documentsDir: `${folder}/documents`,
      checkpointFile: `${folder}/checkpoint`,
      randomBytes,
    })
  const store = await open()
  t.teardown(() => store.close())
  await store.ping(new Date())
  for (const [name, value, owner] of WEAK) {
    await set(cluster, owner, `SET ${name} = ${value}`)
    if (owner === 'SYSTEM') await waitFor(store, false)
    const error = await t.throwsAsync(open(), { code: 'STORE_UNAVAILABLE' }, `${owner}: ${name} ${value}`)
    t.regex(error.message, new RegExp(`${name} is ${value}`))
    await set(cluster, owner, `RESET ${name}`)
    await waitFor(store, true)
  }
  const again = await open()
  await again.ca.record([draft()])
  await again.close()
})
