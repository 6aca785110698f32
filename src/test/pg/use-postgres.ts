/** Imported first, it makes every store of the test file one on PostgreSQL. */
import test from 'ava'
import { absent } from '../judges.ts'
import { chooseTestDatabase } from '../test-database.ts'
import { type Cluster, findPostgres, startCluster } from './cluster.ts'

/** True where PostgreSQL is installed; where it is not, `runOn` says so. */
const isInstalled = findPostgres() !== undefined

let cluster: Promise<Cluster> | undefined
let databases = 0

chooseTestDatabase(async () => {
  cluster ??= startCluster()
  const connection = await (await cluster).createDatabase(`store_${databases++}`)
  return { client: 'pg', connection }
})

test.after.always(async () => {
  await (await cluster)?.remove()
})

/** Declares the tests of a file on PostgreSQL, or one that says why they are not there. */
export async function runOnPostgres(load: () => Promise<unknown>): Promise<void> {
  if (isInstalled) {
    await load()
    return
  }
  test('the same on PostgreSQL', (t) => {
    absent(t, 'PostgreSQL is not installed (Debian: postgresql)')
  })
}
