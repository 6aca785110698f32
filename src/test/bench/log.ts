// The audit log: records durable through the committer, in the tree through the sequencer.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { join } from 'node:path'
import type { RecordDraft } from '../../../ca/ports.ts'
import { buildNoteKey, parseEd25519Spki } from '../../audit/note.ts'
import { createLog, openSequencer, type SequencerPorts } from '../../audit/sequencer.ts'
import { openStore, type Store } from '../../store/store.ts'
import type { Benchmark } from './benchmark.ts'
import { peakMemory } from './measure.ts'
import { runInProcess } from './processes.ts'
import { percentile, type Sample } from './statistics.ts'

type LogInput = { readonly folder: string; readonly seconds: number }

/** Callers that each wait for their record before they write the next. */
const CALLERS = 512
/** About what a record of ours takes in the tree. */
const LEAF_BYTES = 400

const hex = (count: number): string => randomBytes(count).toString('hex')

const draft = (): RecordDraft => ({
  type: 'signature.created',
  at: new Date(),
  actor: 'system',
  tenant: 'institution',
  data: { serialHex: hex(16), issuerId: 'issuing-1', contentSha256: hex(32), format: 'pades' },
})

function sequencerPorts(store: Store): SequencerPorts {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
  const key = buildNoteKey('bench.test.invalid/log', parseEd25519Spki(spki))
  const signNote = (body: Uint8Array) => Promise.resolve(new Uint8Array(sign(null, body, privateKey)))
  return {
    store: store.log,
    published: store.published,
    signer: { key, sign: signNote },
    now: () => new Date(),
  }
}

/** Records a second that are durable and in a published tree; callers and sequencer work at the same time. */
export async function appendRecords({ folder, seconds }: LogInput): Promise<Sample> {
  const store = await openStore({
    database: { client: 'sqlite3', file: join(folder, 'log.db') },
    documentsDir: join(folder, 'documents'),
    checkpointFile: join(folder, 'checkpoint'),
    randomBytes: (count) => new Uint8Array(randomBytes(count)),
  })
  const ports = sequencerPorts(store)
  await createLog(ports)
  const sequencer = await openSequencer(ports)
  const times: number[] = []
  const started = performance.now()
  const end = started + seconds * 1000
  let isOver = false
  const sequence = async (): Promise<void> => {
    while ((await sequencer.tick()).sequenced > 0 || !isOver) await new Promise(setImmediate)
  }
  const call = async (): Promise<void> => {
    while (performance.now() < end) {
      const from = performance.now()
      await store.ca.record([draft()])
      times.push(performance.now() - from)
    }
  }
  const calls = Promise.all(Array.from({ length: CALLERS }, call)).then(() => {
    isOver = true
  })
  await Promise.all([calls, sequence()])
  const total = (performance.now() - started) / 1000
  await sequencer.close()
  await store.close()
  return {
    value: times.length / total,
    p50Ms: percentile(times, 50) ?? 0,
    p99Ms: percentile(times, 99) ?? 0,
    rssMb: peakMemory(),
  }
}

let runs = 0

/** Benchmarks of the audit log. */
export const log: readonly Benchmark[] = [
  {
    name: 'log-append',
    unit: '/s',
    what: `records of ${CALLERS} callers, each durable on return, all in the published tree at the end`,
    peerName: null,
    open: async (setting) => {
      const seconds = setting.isQuick ? 1 : 5
      return Promise.resolve({
        ours: () => {
          const input = { folder: join(setting.folder, `log-${runs++}`), seconds }
          return runInProcess<Sample>('log.ts', 'appendRecords', input, setting.profileFolder)
        },
        // A leaf hash and, amortised, one inner node for each record.
        limit: () =>
          runInProcess<Sample>('bare.ts', 'measureOperations', {
            hashes: 2,
            hashBytes: LEAF_BYTES,
            seconds: seconds / 3,
          }),
      })
    },
  },
]
