// CRLs: built from the status database, compared with the last one, signed and stored.
import { join } from 'node:path'
import type { Benchmark } from './benchmark.ts'
import { fillCertificates, issuingCa, openBenchHouse } from './house.ts'
import { measureRounds } from './measure.ts'
import { runInProcess } from './processes.ts'
import type { Sample } from './statistics.ts'

type CrlInput = { readonly dataDir: string; readonly entries: number; readonly seconds: number }

/** About what one entry takes: serial, time, reason. */
const ENTRY_BYTES = 49

/** Revokes every certificate with one statement: revoking them one by one is another measurement. */
const REVOKE_ALL = `INSERT INTO revocations
  (serial_id, issuer_id, serial_hex, shard, state, revoked_at, reason, legal_ground, not_after)
  SELECT s.id, s.issuer_id, s.serial_hex, s.shard, 'revoked', ?, 'superseded', 'holder-request', c.not_after
  FROM serials s JOIN certificates c ON c.serial_id = s.id WHERE s.profile = 'device'`

/** Makes a data folder with so many revoked certificates. */
export async function prepareRevoked({ dataDir, entries }: CrlInput): Promise<void> {
  const house = await openBenchHouse(dataDir)
  await fillCertificates(house, issuingCa(house).issuerId, entries)
  await house.store.committer.write<void>({
    run: async (trx) => void (await trx.rows(REVOKE_ALL, [Date.now()])),
    records: [],
  })
  await house.close()
}

/** Milliseconds for one full CRL, published. */
export async function publish({ dataDir, entries, seconds }: CrlInput): Promise<Sample> {
  const house = await openBenchHouse(dataDir)
  try {
    const { issuerId } = issuingCa(house)
    return await measureRounds('ms', { seconds, warmUp: 1 }, async () => {
      const { entryCount } = await house.ca.crl({ issuerId, shard: null })
      if (entryCount !== entries) throw new Error(`the CRL has ${entryCount} entries, not ${entries}`)
    })
  } finally {
    await house.close()
  }
}

/** Benchmarks of CRLs. */
export const crl: readonly Benchmark[] = [
  {
    name: 'crl-100k',
    unit: 'ms',
    what: 'full CRL of 100,000 entries (10,000 when quick): read, compared with the last, signed, stored',
    peerName: 'pkijs from memory, comparing and storing nothing',
    open: async (setting) => {
      const entries = setting.isQuick ? 10_000 : 100_000
      const seconds = setting.isQuick ? 0.5 : 4
      const input = { dataDir: join(setting.folder, 'data'), entries, seconds }
      await runInProcess('crl.ts', 'prepareRevoked', input)
      const bare = {
        hashes: 1,
        hashBytes: entries * ENTRY_BYTES,
        signs: 1,
        verifies: 1,
        unit: 'ms',
        seconds: 1,
      }
      return {
        ours: () => runInProcess<Sample>('crl.ts', 'publish', input, setting.profileFolder),
        peer: () => runInProcess<Sample>('peer-pkijs.ts', 'crl', { entries, seconds }),
        limit: () => runInProcess<Sample>('bare.ts', 'measureOperations', bare),
      }
    },
  },
]
