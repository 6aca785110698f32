// The service to be measured: a data folder with an evaluation CA, an API key, identity evidence and certificates.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { IntentRow, IssuedRow } from '../../../ca/ports.ts'
import { firstKey } from '../../cli/first-key.ts'
import { readConfig } from '../../config.ts'
import type { House } from '../../house.ts'
import { openHouse } from '../../main.ts'
import { operatorCaller } from '../../services/tenancy.ts'
import type { Setting } from './benchmark.ts'
import { findFreePort, runInProcess, type Server, startServer } from './processes.ts'

/** Who is named in the certificates of benchmarks. */
export const SUBJECT = [
  { type: 'C', value: 'CN' },
  { type: 'O', value: 'TEST ONLY Example Instruments' },
  { type: 'CN', value: 'TEST ONLY 测试' },
]

/** What a prepared data folder holds; plain data, so that it crosses processes. */
export type PreparedHouse = {
  readonly dataDir: string
  /** Connection string; SQLite in the data folder when left out. */
  readonly database?: string | undefined
  readonly port: number
  readonly apiKey: string
  readonly evidenceId: string
  readonly issuerId: string
  /** DER of the issuing CA, Base64. */
  readonly issuerBase64: string
  readonly serials: readonly string[]
}

type HouseInput = {
  readonly dataDir: string
  readonly database?: string | undefined
  readonly port: number
  readonly certificates: number
  readonly revoked?: boolean
}

const root = join(import.meta.dirname, '../../..')
const MAX_LISTED = 5_000

/** Opens a house for work in this process: no requests to others, logs at their usual level. */
export const openBenchHouse = (dataDir: string, port = 8080, database?: string): Promise<House> =>
  openHouse(
    readConfig(
      { YINXIN_FETCH: '0', YINXIN_LOG: 'error' },
      { dataDir, port, baseUrl: `http://127.0.0.1:${port}`, database },
    ),
    { serving: true },
  )

/** Evidence for {@link SUBJECT}. @returns its id */
export async function addEvidence({ services }: Pick<House, 'services'>): Promise<string> {
  const { id } = await services.identityEvidence.add(operatorCaller('bench'), {
    subject: SUBJECT,
    method: 'business-licence',
    source: 'benchmark',
    result: 'passed',
    checkedAt: new Date(Date.now() - 1000),
    operator: 'bench',
    materialSha256: [randomBytes(32).toString('hex')],
  })
  return id
}

const hex = (count: number): string => randomBytes(count).toString('hex')

/** A row as issuance would leave it; its certificate is random octets of the usual size. */
function fillRow(issuerId: string, at: Date): IssuedRow {
  const serialHex = `01${hex(15)}`
  const intent: IntentRow = {
    issuerId,
    serialHex,
    profile: 'device',
    class: 'device',
    tbsSha256: hex(32),
    spkiSha256: hex(32),
    shard: Number.parseInt(serialHex.slice(-8), 16) % 16,
    actor: 'system',
    tenant: 'institution',
    at,
  }
  return {
    ...intent,
    certDer: randomBytes(750),
    certSha256: hex(32),
    algorithm: 'ecdsa-sha256',
    notBefore: at,
    notAfter: new Date(at.getTime() + 365 * 86_400_000),
    subject: 'CN=TEST ONLY',
    commonName: 'TEST ONLY',
    subjectSalt: hex(16),
    keyId: null,
    identityEvidenceId: null,
  }
}

const FILL_BATCH = 1000

/** Stores certificates without making them, each with its records. @returns serials of the first ones */
export async function fillCertificates({ store }: House, issuerId: string, count: number): Promise<string[]> {
  const serials: string[] = []
  for (let done = 0; done < count; done += FILL_BATCH) {
    const at = new Date()
    const rows = Array.from({ length: Math.min(FILL_BATCH, count - done) }, () => fillRow(issuerId, at))
    const record = (type: string, { serialHex, certSha256 }: IssuedRow) => ({
      type,
      at,
      actor: 'system',
      tenant: 'institution',
      data: { serialHex, issuerId, certSha256, profile: 'device', class: 'device' },
    })
    await store.ca.recordIntents(rows, rows.map((row) => record('certificate.intent', row))) // prettier-ignore
    await store.ca.recordIssued(rows, rows.map((row) => record('certificate.issued', row))) // prettier-ignore
    for (const { serialHex } of rows) if (serials.length < MAX_LISTED) serials.push(serialHex)
  }
  return serials
}

/** The CA that signs for subscribers. */
export function issuingCa({ ca }: Pick<House, 'ca'>): {
  readonly issuerId: string
  readonly certDer: Uint8Array
} {
  const issuer = ca.issuers.find(({ role }) => role === 'issuing')
  if (!issuer) throw new Error('there is no issuing CA')
  return issuer
}

/** Makes a data folder; runs in a process of its own. */
export async function prepareHouse(input: HouseInput): Promise<PreparedHouse> {
  const { dataDir, database, port, certificates } = input
  const house = await openBenchHouse(dataDir, port, database)
  try {
    const apiKey = (await firstKey(house)) ?? ''
    const { issuerId, certDer } = issuingCa(house)
    const serials = await fillCertificates(house, issuerId, certificates)
    const evidenceId = await addEvidence(house)
    return {
      dataDir,
      database,
      port,
      apiKey,
      evidenceId,
      issuerId,
      issuerBase64: Buffer.from(certDer).toString('base64'),
      serials,
    }
  } finally {
    await house.close()
  }
}

/** Makes a data folder with so many certificates. */
export async function makeHouse(
  { folder }: Setting,
  certificates: number,
  database?: string,
): Promise<PreparedHouse> {
  const port = await findFreePort()
  const input: HouseInput = { dataDir: join(folder, 'data'), database, port, certificates }
  return runInProcess('house.ts', 'prepareHouse', input)
}

const READY_POLL_MS = 10

/** Starts the service over a data folder, as an operator would; only its rate limit gives way to the load. */
export async function startService(
  { folder, profileFolder }: Setting,
  { dataDir, port, database }: Pick<PreparedHouse, 'dataDir' | 'port' | 'database'>,
): Promise<Server> {
  const profile = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
  return startServer({
    command: process.execPath,
    args: [...profile, join(root, 'src/main.ts'), 'serve', '--data', dataDir, '--port', String(port)],
    port,
    logFile: join(folder, 'service.log'),
    env: {
      // As `npm start` does.
      NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compile'),
      YINXIN_RATE: '1000000',
      YINXIN_FETCH: '0',
      YINXIN_BASE_URL: `http://127.0.0.1:${port}`,
      ...(database === undefined ? {} : { YINXIN_DATABASE: database }),
    },
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok,
    pollMs: READY_POLL_MS,
  })
}
