// How much slower it gets with what is stored: the same load on a service with few certificates and on one with many.
import { join } from 'node:path'
import type { Benchmark, Opened, Setting, Side } from './benchmark.ts'
import { filledHouse } from './fill.ts'
import { makeHouse, type PreparedHouse, startService } from './house.ts'
import { httpSide } from './http-side.ts'
import { BATCH, batchSide } from './issuance.ts'
import type { Server } from './processes.ts'
import { ocspRequests } from './requests.ts'

const BASE = 10_000
const QUICK_BASE = 500
/** Certificates that are asked about in turn; from all over the table. */
const ASKED = 1_000

type Load = (setting: Setting, house: PreparedHouse, server: Server) => Side

const secondsOf = ({ isQuick }: Setting): number => (isQuick ? 1 : 8)

const issueLoad: Load = (setting, house, server) => batchSide(setting, house, server, secondsOf(setting))

const ocspLoad: Load = (setting, house, server) => {
  const issuerDer = new Uint8Array(Buffer.from(house.issuerBase64, 'base64'))
  const step = Math.max(1, Math.floor(house.serials.length / ASKED))
  const serials = house.serials.filter((_, at) => at % step === 0).slice(0, ASKED)
  return httpSide(setting, {
    isCycled: true,
    status: 200,
    seconds: secondsOf(setting),
    warmUp: ASKED,
    server,
    requests: () => ocspRequests('/ocsp', issuerDer, serials, ASKED, false),
    check: (body) => {
      if (body.length < 100) throw new Error('the answer is none')
    },
  })
}

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

const openGrowth =
  (certificates: number, load: Load) =>
  async (setting: Setting): Promise<Opened> => {
    const house = await filledHouse(setting.isQuick ? 2 * QUICK_BASE : certificates)
    const server = await startService(setting, house)
    return {
      ours: load(setting, house, server),
      peer: onSmall(setting, load),
      close: () => server.stop(),
    }
  }

const SIZES = [
  ['100k', 100_000],
  ['1m', 1_000_000],
  ['10m', 10_000_000],
] as const

const LOADS = [
  ['issue', `event certificates in batches of ${BATCH}`, issueLoad],
  ['ocsp', 'OCSP answers at hand', ocspLoad],
] as const

/** Benchmarks of growth; the peer is the same service with 10,000 certificates. */
export const growth: readonly Benchmark[] = SIZES.flatMap(([size, certificates]) =>
  LOADS.map(([name, what, load]): Benchmark => ({
    name: `growth-${name}-${size}`,
    unit: '/s',
    what: `${what} with ${certificates.toLocaleString('en')} certificates stored`,
    peerName: `itself with ${BASE.toLocaleString('en')} stored`,
    open: openGrowth(certificates, load),
  })),
)
