// How much slower it gets with what is stored: the same load on a service with few certificates and on one with many.
import { join } from 'node:path'
import type { Benchmark, Opened, Setting, Side } from './benchmark.ts'
import { filledHouse } from './fill.ts'
import { makeHouse, type PreparedHouse, startService } from './house.ts'
import { httpSide } from './http-side.ts'
import { BATCH, batchSide, OPERATIONS } from './issuance.ts'
import { runInProcess, type Server } from './processes.ts'
import { ocspRequests } from './requests.ts'
import type { Sample } from './statistics.ts'
import { OCSP_ANSWER_BYTES, startEcho } from './status.ts'

const BASE = 10_000
const QUICK_BASE = 500
/** Certificates that are asked about in turn; from all over the table. */
const ASKED = 1_000

type Load = (setting: Setting, house: PreparedHouse, server: Server) => Side

const secondsOf = ({ isQuick }: Setting): number => (isQuick ? 1 : 8)

const issueLoad: Load = (setting, house, server) => batchSide(setting, house, server, secondsOf(setting))

function askAll(
  setting: Setting,
  house: PreparedHouse,
  server: Server,
  path: string,
  check: (body: Uint8Array) => void,
): Side {
  const issuerDer = new Uint8Array(Buffer.from(house.issuerBase64, 'base64'))
  const step = Math.max(1, Math.floor(house.serials.length / ASKED))
  const serials = house.serials.filter((_, at) => at % step === 0).slice(0, ASKED)
  return httpSide(setting, {
    isCycled: true,
    status: 200,
    seconds: secondsOf(setting),
    warmUp: ASKED,
    server,
    requests: () => ocspRequests(path, issuerDer, serials, ASKED, false),
    check,
  })
}

const ocspLoad: Load = (setting, house, server) =>
  askAll(setting, house, server, '/ocsp', (body) => {
    if (body.length < 100) throw new Error('the answer is none')
  })

/** A service of its own for each run, so that what a run issues does not make the small one large. */
const onSmall =
  (setting: Setting, load: Load): Side =>
  async () => {
    const folder = join(setting.folder, `small-${small++}`)
    const house = await makeHouse({ ...setting, folder }, setting.isQuick ? QUICK_BASE : BASE)
    const server = await startService({ ...setting, folder }, house)
    try {
      return await load({ ...setting, folder }, house, server)()
    } finally {
      await server.stop()
    }
  }

let small = 0

/** Both limits are of this machine at this moment, whatever is stored. */
type Limit = (setting: Setting, house: PreparedHouse) => Promise<{ side: Side; stop(): Promise<void> }>

const issueLimit: Limit = (setting) => {
  const input = { ...OPERATIONS, seconds: setting.isQuick ? 0.3 : 2 }
  const side = () => runInProcess<Sample>('bare.ts', 'measureOperations', input)
  return Promise.resolve({ side, stop: () => Promise.resolve() })
}

const ocspLimit: Limit = async (setting, house) => {
  const echo = await startEcho(setting, OCSP_ANSWER_BYTES)
  return { side: askAll(setting, house, echo, '/', () => undefined), stop: () => echo.stop() }
}

interface Case {
  readonly load: Load
  readonly limit: Limit
}

/** The smallest size has no peer: it is what the others are compared with. */
async function openBase(setting: Setting, { load, limit }: Case): Promise<Opened> {
  const house = await makeHouse(setting, setting.isQuick ? QUICK_BASE : BASE)
  const { side, stop } = await limit(setting, house)
  return { ours: onSmall(setting, load), limit: side, close: stop }
}

async function openLarge(setting: Setting, certificates: number, { load, limit }: Case): Promise<Opened> {
  const house = await filledHouse(setting.isQuick ? 2 * QUICK_BASE : certificates)
  const server = await startService(setting, house)
  try {
    const { side, stop } = await limit(setting, house)
    return {
      ours: load(setting, house, server),
      peer: onSmall(setting, load),
      limit: side,
      close: async () => {
        await stop()
        await server.stop()
      },
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}

const SIZES = [
  ['10k', BASE],
  ['100k', 100_000],
  ['1m', 1_000_000],
  ['10m', 10_000_000],
] as const

const LOADS = [
  ['issue', `event certificates in batches of ${BATCH}`, { load: issueLoad, limit: issueLimit }],
  ['ocsp', 'OCSP answers at hand', { load: ocspLoad, limit: ocspLimit }],
] as const

/** Benchmarks of growth, by load and size; the peer is the same service with 10,000 certificates. */
export const growth: readonly Benchmark[] = LOADS.flatMap(([name, what, work]) =>
  SIZES.map(([size, certificates]): Benchmark => ({
    name: `growth-${name}-${size}`,
    unit: '/s',
    what: `${what} with ${certificates.toLocaleString('en')} certificates stored`,
    peerName: certificates === BASE ? null : `itself with ${BASE.toLocaleString('en')} stored`,
    open: (setting) =>
      certificates === BASE ? openBase(setting, work) : openLarge(setting, certificates, work),
  })),
)
