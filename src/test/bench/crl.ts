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

/** Milliseconds for one full CRL, published; the memory is what came on top of a house that stands open. */
export async function publish({ dataDir, entries, seconds }: CrlInput): Promise<Sample> {
  const house = await openBenchHouse(dataDir)
  try {
    const { issuerId } = issuingCa(house)
    const before = process.memoryUsage.rss() / 2 ** 20
    const sample = await measureRounds('ms', { seconds, warmUp: 1 }, async () => {
      const { entryCount } = await house.ca.crl({ issuerId, shard: null })
      if (entryCount !== entries) throw new Error(`the CRL has ${entryCount} entries, not ${entries}`)
    })
    return { ...sample, rssMb: (sample.rssMb ?? 0) - before }
  } finally {
    await house.close()
  }
}

const crlBenchmark = (name: string, entries: number, hasPeer: boolean): Benchmark => ({
  name,
  unit: 'ms',
  what: `full CRL of ${entries.toLocaleString('en')} entries (a tenth when quick): read, compared with the last, signed, stored; MiB: on top of the open CA`,
  peerName: hasPeer ? 'pkijs from memory, comparing and storing nothing' : null,
  open: async (setting) => {
    const count = setting.isQuick ? entries / 10 : entries
    const seconds = setting.isQuick ? 0.5 : 4
    const input = { dataDir: join(setting.folder, 'data'), entries: count, seconds }
    await runInProcess('crl.ts', 'prepareRevoked', input)
    const bare = { hashes: 1, hashBytes: count * ENTRY_BYTES, signs: 1, verifies: 1, unit: 'ms', seconds: 1 }
    return {
      ours: () => runInProcess<Sample>('crl.ts', 'publish', input, setting.profileFolder),
      // Ten times as many entries take the peer minutes.
      peer: hasPeer
        ? () => runInProcess<Sample>('peer-pkijs.ts', 'crl', { entries: count, seconds })
        : undefined,
      limit: () => runInProcess<Sample>('bare.ts', 'measureOperations', bare),
    }
  },
})

/** Benchmarks of CRLs. */
export const crl: readonly Benchmark[] = [
  crlBenchmark('crl-100k', 100_000, true),
  crlBenchmark('crl-1m', 1_000_000, false),
]
