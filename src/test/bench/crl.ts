// CRLs: built from the status database, compared with the last one, signed and stored; OpenSSL judges the list.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { streamCrl } from '../../../ca/formats.ts'
import { toPem } from '../../lib/pem.ts'
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

/** Publishes the first list; those that are measured follow one of their size, as every list but one does. */
export async function publishFirst({ dataDir }: CrlInput): Promise<void> {
  const house = await openBenchHouse(dataDir)
  await house.ca.crl({ issuerId: issuingCa(house).issuerId, shard: null })
  await house.close()
}

/** Lets OpenSSL verify the published list and count its entries. @throws Error when it does not agree */
export async function judge({ dataDir, entries }: CrlInput): Promise<void> {
  const house = await openBenchHouse(dataDir)
  const [list, issuer] = ['list.crl', 'issuer.pem'].map((name) => join(dirname(dataDir), name))
  try {
    const { issuerId, certDer } = issuingCa(house)
    const row = await house.store.ca.lastCrl({ issuerId, shard: null })
    if (!row || !list || !issuer) throw new Error('no list was published')
    await writeFile(list, streamCrl(house.store.ca, row.content))
    await writeFile(issuer, toPem('CERTIFICATE', certDer))
    const found = await readWithOpenssl(list, issuer)
    if (!found.isVerified || found.entries !== entries)
      throw new Error(`OpenSSL: ${found.isVerified ? 'verified' : 'not verified'}, ${found.entries} entries`)
  } finally {
    await house.close()
  }
}

async function readWithOpenssl(
  list: string,
  issuer: string,
): Promise<{ isVerified: boolean; entries: number }> {
  const child = spawn('openssl', ['crl', '-inform', 'DER', '-in', list, '-verify', '-CAfile', issuer, '-noout', '-text'], { stdio: ['ignore', 'pipe', 'pipe'] }) // prettier-ignore
  const ended = once(child, 'close')
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  let entries = 0
  let rest = ''
  for await (const text of child.stdout.setEncoding('latin1')) {
    const lines = (rest + String(text)).split('\n')
    rest = lines.pop() ?? ''
    entries += lines.filter((line) => line.includes('Serial Number: ')).length
  }
  await ended
  return { isVerified: errors.includes('verify OK'), entries }
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
  what: `full CRL of ${entries.toLocaleString('en')} entries (a tenth when quick): read, compared with the last, signed, read again, stored; openssl crl verifies and counts it; MiB: on top of the open CA`,
  peerName: hasPeer ? 'pkijs from memory, comparing and storing nothing' : null,
  open: async (setting) => {
    const count = setting.isQuick ? entries / 10 : entries
    const seconds = setting.isQuick ? 0.5 : 4
    const input = { dataDir: join(setting.folder, 'data'), entries: count, seconds }
    await runInProcess('crl.ts', 'prepareRevoked', input)
    await runInProcess('crl.ts', 'publishFirst', input)
    await runInProcess('crl.ts', 'judge', input)
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
