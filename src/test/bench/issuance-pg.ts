// Issuance over PostgreSQL: the service, its load and the database share this machine.
import { findPostgres, startCluster } from '../pg/cluster.ts'
import type { Benchmark, Opened, Setting } from './benchmark.ts'
import { makeHouse, startService } from './house.ts'
import { batchSide } from './issuance.ts'
import { runInProcess } from './processes.ts'
import type { Sample } from './statistics.ts'

/** Commits stay durable; the rest is what a machine of its own would be given. */
const SETTINGS = ['shared_buffers=1GB', 'max_wal_size=8GB', 'wal_compression=lz4', 'checkpoint_timeout=15min']

/** Proof of possession, the issuer's signature, and its check. */
const OPERATIONS = { signs: 1, verifies: 2 }

async function openOnPostgres(setting: Setting): Promise<Opened> {
  if (findPostgres() === undefined) throw new Error('PostgreSQL is not installed (Debian: postgresql)')
  const cluster = await startCluster(SETTINGS)
  const end = async (error: unknown): Promise<never> => {
    await cluster.remove()
    throw error
  }
  const house = await makeHouse(setting, 0, await cluster.createDatabase('bench')).catch(end)
  const service = await startService(setting, house).catch(end)
  const seconds = setting.isQuick ? 0.3 : 2
  return {
    ours: batchSide(setting, house, service),
    limit: () => runInProcess<Sample>('bare.ts', 'measureOperations', { ...OPERATIONS, seconds }),
    close: async () => {
      await service.stop()
      await cluster.remove()
    },
  }
}

/** Benchmarks of issuance over PostgreSQL. */
export const issuancePg: readonly Benchmark[] = [
  {
    name: 'issue-batch-pg',
    unit: '/s',
    what: 'issue-batch over a PostgreSQL on the same machine, commits durable',
    peerName: null,
    open: openOnPostgres,
  },
]
