// Issuance: one certificate per HTTP request, and batches inside the process.
import { parseCertificate } from '../../../ca/formats.ts'
import { fromBase64, toBase64 } from '../../lib/bytes.ts'
import { toPem } from '../../lib/pem.ts'
import type { Benchmark, Setting, Side } from './benchmark.ts'
import { makeHouse, type PreparedHouse, startService, SUBJECT } from './house.ts'
import { httpSide } from './http-side.ts'
import { startCfssl } from './peer-ca.ts'
import { runInProcess } from './processes.ts'
import { jsonRequest, makeCsr } from './requests.ts'
import type { Sample } from './statistics.ts'

/** Proof of possession, the issuer's signature, and its check. */
export const OPERATIONS = { signs: 1, verifies: 2 }

const derOfPem = (pem: string): Uint8Array => fromBase64(pem.replace(/-----[^-]+-----|\s/g, ''))

const checkCertificate = (der: Uint8Array): void => {
  if (parseCertificate(der).subject.raw.length === 0) throw new Error('the certificate names nobody')
}

type IssueAnswer = { readonly certificatePem: string }
type CfsslAnswer = { readonly result: { readonly certificate: string } }

const jsonOf = <T>(body: Uint8Array): T => JSON.parse(new TextDecoder().decode(body)) as T

const loadOf = ({ isQuick }: Setting) => ({
  isCycled: false,
  // So many until everything is compiled.
  warmUp: isQuick ? 32 : 3_000,
  seconds: isQuick ? 2 : 10,
})

/** More than a run can use up: a key is certified once, so no request is sent twice. */
const csrsPerRun = ({ isQuick }: Setting): number => (isQuick ? 1_500 : 24_000)

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

async function openIssuance(
  setting: Setting,
  ourSide: typeof overHttp,
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
    ours: ourSide(setting, house, service),
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

/** Certificates in one request. */
export const BATCH = 200
/** Requests of one run, sent in turn: an event key may be certified again. */
const BATCH_REQUESTS = 100
/** So many batches wait while others are worked on. */
const BATCH_CONNECTIONS = 8

type BatchAnswer = { readonly issued: number; readonly items: readonly IssueAnswer[] }

/** Issues batches of event certificates over HTTP. */
export function batchSide(
  setting: Setting,
  house: PreparedHouse,
  server: Parameters<typeof httpSide>[1]['server'],
  seconds = 60,
): Side {
  const item = { profile: 'event', subject: SUBJECT, identityEvidenceId: house.evidenceId }
  const makeRequest = (): Uint8Array => {
    const items = Array.from({ length: BATCH }, () => ({ ...item, csr: toBase64(makeCsr()) }))
    return jsonRequest('/v1/certificates/batch', { items }, house.apiKey)
  }
  return httpSide(setting, {
    isCycled: true,
    warmUp: setting.isQuick ? 4 : 40,
    seconds: setting.isQuick ? 2 : seconds,
    connections: BATCH_CONNECTIONS,
    perRequest: BATCH,
    server,
    status: 200,
    requests: () => Array.from({ length: setting.isQuick ? 10 : BATCH_REQUESTS }, makeRequest),
    check: (answer) => {
      const { issued, items } = jsonOf<BatchAnswer>(answer)
      if (issued !== BATCH) throw new Error(`${issued} of ${BATCH} were issued`)
      for (const { certificatePem } of items) checkCertificate(derOfPem(certificatePem))
    },
  })
}

/** Benchmarks of issuance. */
export const issuance: readonly Benchmark[] = [
  {
    name: 'issue-single',
    unit: '/s',
    what: 'one certificate per HTTP request: checked, linted, stored and logged durably; 32 connections',
    peerName: 'cfssl serve, storing nothing',
    open: (setting) => openIssuance(setting, overHttp, cfsslSide),
  },
  {
    name: 'issue-single-pkijs',
    unit: '/s',
    what: 'the same against a library alone',
    peerName: 'pkijs in one process, storing nothing',
    open: (setting) => openIssuance(setting, overHttp, pkijsSide),
  },
  {
    name: 'issue-batch',
    unit: '/s',
    what: `event certificates over HTTP in batches of ${BATCH}: proof of possession, lint, both records and the certificate durable; ${BATCH_CONNECTIONS} connections, 60 s`,
    peerName: 'cfssl serve, one a request, storing nothing',
    open: (setting) => openIssuance(setting, batchSide, cfsslSide),
  },
]
