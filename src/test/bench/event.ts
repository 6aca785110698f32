// Event signatures over digests: key, certificate, CMS and time stamp, all recorded and stored before the answer.
import { randomBytes } from 'node:crypto'
import { parseSignedData } from '../../../ca/formats.ts'
import { fromBase64 } from '../../lib/bytes.ts'
import type { Benchmark, Setting, Side } from './benchmark.ts'
import { makeHouse, type PreparedHouse, startService, SUBJECT } from './house.ts'
import { httpSide } from './http-side.ts'
import { runInProcess, type Server } from './processes.ts'
import { jsonRequest } from './requests.ts'
import type { Sample } from './statistics.ts'

/** A key; signatures of the CA, of that key and of the TSA; the check of each. */
const OPERATIONS = { keys: 1, signs: 3, verifies: 3 }

/** Signers in one request, each with one digest. */
const SIGNERS = 50
const CONNECTIONS = 8

type Answer = {
  readonly signed: number
  readonly items: readonly { readonly signatures: readonly { readonly cms: string }[] }[]
}

function side(setting: Setting, { evidenceId, apiKey }: PreparedHouse, server: Server): Side {
  const item = () => ({
    signer: { subject: SUBJECT, identityEvidenceId: evidenceId },
    intent: { text: 'TEST ONLY' },
    digests: [randomBytes(32).toString('hex')],
  })
  const request = (): Uint8Array =>
    jsonRequest('/v1/event-signatures', { items: Array.from({ length: SIGNERS }, item) }, apiKey)
  return httpSide(setting, {
    isCycled: true,
    warmUp: setting.isQuick ? 4 : 60,
    seconds: setting.isQuick ? 2 : 10,
    connections: CONNECTIONS,
    perRequest: SIGNERS,
    server,
    status: 200,
    requests: () => Array.from({ length: setting.isQuick ? 10 : 100 }, request),
    check: (body) => {
      const { signed, items } = JSON.parse(new TextDecoder().decode(body)) as Answer
      if (signed !== SIGNERS) throw new Error(`${signed} of ${SIGNERS} were signed`)
      for (const { signatures } of items)
        for (const { cms } of signatures) {
          const [signer] = parseSignedData(fromBase64(cms)).signerInfos
          if (signer?.unsignedAttributes.length !== 1) throw new Error('the signature has no time stamp')
        }
    },
  })
}

/** Benchmarks of event signatures. */
export const event: readonly Benchmark[] = [
  {
    name: 'event-signature',
    unit: '/s',
    what: `signatures over digests: one-time key, certificate, CMS and time stamp, stored and logged durably; requests for ${SIGNERS} signers, ${CONNECTIONS} connections`,
    peerName: null,
    open: async (setting) => {
      const house = await makeHouse(setting, 0)
      const service = await startService(setting, house)
      const seconds = setting.isQuick ? 0.3 : 2
      return {
        ours: side(setting, house, service),
        limit: () => runInProcess<Sample>('bare.ts', 'measureOperations', { ...OPERATIONS, seconds }),
        close: () => service.stop(),
      }
    },
  },
]
