// Issuance: one certificate per HTTP request, and batches inside the process.
import { join } from 'node:path'
import { CodedError, parseCertificate } from '../../../ca/formats.ts'
import type { IssueRequest } from '../../../ca/ports.ts'
import { fromBase64, toBase64 } from '../../lib/bytes.ts'
import { toPem } from '../../lib/pem.ts'
import { serve } from '../../serve.ts'
import type { Benchmark, Setting, Side } from './benchmark.ts'
import { addEvidence, makeHouse, openBenchHouse, type PreparedHouse, startService, SUBJECT } from './house.ts'
import { httpSide } from './http-side.ts'
import { measureRounds } from './measure.ts'
import { startCfssl } from './peer-ca.ts'
import { runInProcess } from './processes.ts'
import { jsonRequest, makeCsr } from './requests.ts'
import type { Sample } from './statistics.ts'

/** Proof of possession, the issuer's signature, and its check. */
const OPERATIONS = { signs: 1, verifies: 2 }

const derOfPem = (pem: string): Uint8Array => fromBase64(pem.replace(/-----[^-]+-----|\s/g, ''))

const checkCertificate = (der: Uint8Array): void => {
  if (parseCertificate(der).subject.raw.length === 0) throw new Error('the certificate names nobody')
}

type IssueAnswer = { readonly certificatePem: string }
type CfsslAnswer = { readonly result: { readonly certificate: string } }

const jsonOf = <T>(body: Uint8Array): T => JSON.parse(new TextDecoder().decode(body)) as T

const loadOf = ({ isQuick }: Setting) => ({
  isCycled: false,
  warmUp: isQuick ? 32 : 300,
  seconds: isQuick ? 2 : 5,
})

/** More than a run can use up: a key is certified once, so no request is sent twice. */
const csrsPerRun = ({ isQuick }: Setting): number => (isQuick ? 1_500 : 12_000)

function overHttp(
  setting: Setting,
  house: PreparedHouse,
  server: Parameters<typeof httpSide>[1]['server'],
): Side {
  const body = { profile: 'device', subject: SUBJECT, identityEvidenceId: house.evidenceId }
  return httpSide(setting, {
    ...loadOf(setting),
    server,
    status: 201,
    requests: () =>
      Array.from({ length: csrsPerRun(setting) }, () =>
        jsonRequest('/v1/certificates', { ...body, csr: toBase64(makeCsr()) }, house.apiKey),
      ),
    check: (answer) => checkCertificate(derOfPem(jsonOf<IssueAnswer>(answer).certificatePem)),
  })
}

async function openSingle(
  setting: Setting,
  peerSide: (setting: Setting) => Promise<{ side: Side; stop(): Promise<void> } | undefined>,
) {
  const house = await makeHouse(setting, 0)
  const service = await startService(setting, house)
  const peer = await peerSide(setting).catch(async (error: unknown) => {
    await service.stop()
    throw error
  })
  const seconds = setting.isQuick ? 0.3 : 2
  return {
    ours: overHttp(setting, house, service),
    peer: peer?.side,
    limit: () => runInProcess<Sample>('bare.ts', 'measureOperations', { ...OPERATIONS, seconds }),
    close: async () => {
      await service.stop()
      await peer?.stop()
    },
  }
}

const cfsslSide = async (setting: Setting) => {
  const server = await startCfssl(setting)
  if (!server) return undefined
  const side = httpSide(setting, {
    ...loadOf(setting),
    // It remembers nothing: a few requests are enough.
    isCycled: true,
    server,
    status: 200,
    requests: () =>
      Array.from({ length: 500 }, () =>
        jsonRequest('/api/v1/cfssl/sign', { certificate_request: toPem('CERTIFICATE REQUEST', makeCsr()) }),
      ),
    check: (answer) => checkCertificate(derOfPem(jsonOf<CfsslAnswer>(answer).result.certificate)),
  })
  return { side, stop: server.stop }
}

const pkijsSide = (setting: Setting) => {
  const seconds = setting.isQuick ? 0.5 : 3
  const side = () => runInProcess<Sample>('peer-pkijs.ts', 'issue', { seconds })
  return Promise.resolve({ side, stop: () => Promise.resolve() })
}

function orThrow<T extends object>(outcome: T | CodedError): T {
  if (outcome instanceof CodedError) throw outcome
  return outcome
}

const BATCH = 200
/** One batch waits for its commit while the next is prepared. */
const BATCHES_AT_ONCE = 3

type CoreInput = { readonly dataDir: string; readonly seconds: number; readonly warmUp: number }

/** Event certificates a second through the core, in batches, while the service's jobs run. */
export async function issueInBatches({ dataDir, seconds, warmUp }: CoreInput): Promise<Sample> {
  const house = await openBenchHouse(dataDir, 0)
  const running = await serve(house)
  const identityEvidenceId = await addEvidence(house)
  const csrs = Array.from({ length: 2_000 }, makeCsr)
  const issueBatch = async (round: number): Promise<void> => {
    const requests = Array.from({ length: BATCH }, (_, index): IssueRequest => {
      const csrDer = csrs[(round * BATCH + index) % csrs.length] ?? new Uint8Array()
      return {
        actor: 'system',
        tenant: 'institution',
        profile: 'event',
        subject: SUBJECT,
        key: { csrDer },
        identityEvidenceId,
      }
    })
    const tokens = (await house.ca.prepareMany(requests)).map(orThrow)
    for (const outcome of await house.ca.issueMany(tokens)) orThrow(outcome)
  }
  try {
    const round = (first: number) =>
      Promise.all(
        Array.from({ length: BATCHES_AT_ONCE }, (_, index) => issueBatch(first * BATCHES_AT_ONCE + index)),
      )
    return await measureRounds('/s', { seconds, warmUp }, round, BATCH * BATCHES_AT_ONCE)
  } finally {
    await running.close()
    await house.close()
  }
}

let coreRuns = 0

/** Benchmarks of issuance. */
export const issuance: readonly Benchmark[] = [
  {
    name: 'issue-single',
    unit: '/s',
    what: 'one certificate per HTTP request: checked, linted, stored and logged durably; 32 connections',
    peerName: 'cfssl serve, storing nothing',
    open: (setting) => openSingle(setting, cfsslSide),
  },
  {
    name: 'issue-single-pkijs',
    unit: '/s',
    what: 'the same against a library alone',
    peerName: 'pkijs in one process, storing nothing',
    open: (setting) => openSingle(setting, pkijsSide),
  },
  {
    name: 'issue-core',
    unit: '/s',
    what: `event certificates from requests through the core in batches of ${BATCH}, stored and logged durably`,
    peerName: 'pkijs in one process, storing nothing',
    open: async (setting) => {
      const seconds = setting.isQuick ? 1 : 5
      return Promise.resolve({
        ours: () => {
          const dataDir = join(setting.folder, `core-${coreRuns++}`)
          const input = { dataDir, seconds, warmUp: setting.isQuick ? 1 : 5 }
          return runInProcess<Sample>('issuance.ts', 'issueInBatches', input, setting.profileFolder)
        },
        peer: async () => (await pkijsSide(setting)).side(),
        limit: () =>
          runInProcess<Sample>('bare.ts', 'measureOperations', { ...OPERATIONS, seconds: seconds / 2 }),
      })
    },
  },
]
