// OCSP and time stamps over HTTP.
import { join } from 'node:path'
import { parseOcspResponse, parseTimeStampResponse } from '../../../ca/formats.ts'
import type { Benchmark, Opened, Setting, Side } from './benchmark.ts'
import { makeHouse, startService } from './house.ts'
import { httpSide } from './http-side.ts'
import { buildRequest } from './load.ts'
import { openOpensslTsa, startOpensslOcsp } from './peer-ca.ts'
import { findFreePort, runInProcess, type Server, startServer } from './processes.ts'
import { makeTimestampRequest, ocspRequests } from './requests.ts'
import { median, percentile, type Sample } from './statistics.ts'

const checkOcsp = (body: Uint8Array): void => {
  const { status } = parseOcspResponse(body)
  if (status !== 'successful') throw new Error(`the OCSP answer is ${status}`)
}

const secondsOf = ({ isQuick }: Setting): number => (isQuick ? 1 : 5)
/** Certificates that are asked about in turn. */
const ASKED = 1_000

/** Starts the least HTTP server: it answers everything with so many octets. */
export async function startEcho({ folder }: Setting, size: number): Promise<Server> {
  const port = await findFreePort()
  return startServer({
    command: process.execPath,
    args: [join(import.meta.dirname, 'echo-server.ts'), String(port), String(size)],
    port,
    logFile: join(folder, 'echo.log'),
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/`)).ok,
  })
}

/** About what one answer with the responder's certificate takes. */
export const OCSP_ANSWER_BYTES = 1_000

async function openOcsp(setting: Setting, isFresh: boolean): Promise<Opened> {
  const certificates = setting.isQuick ? 500 : 10_000
  const house = await makeHouse(setting, certificates)
  const servers = [await startService(setting, house)]
  const [service] = servers
  const close = async (): Promise<void> => {
    for (const server of servers) await server.stop()
  }
  try {
    const peer = await startOpensslOcsp(setting, certificates)
    if (peer) servers.push(peer.server)
    const echo = isFresh ? undefined : await startEcho(setting, OCSP_ANSWER_BYTES)
    if (echo) servers.push(echo)
    const seconds = secondsOf(setting)
    const count = isFresh ? 4_000 * seconds : ASKED
    const asking = (path: string, issuer: Uint8Array, serials: readonly string[]) => () =>
      ocspRequests(path, issuer, serials.slice(0, ASKED), count, isFresh)
    const issuerDer = new Uint8Array(Buffer.from(house.issuerBase64, 'base64'))
    // Each certificate once, so that the cache has an answer for each before the clock starts.
    const load = { isCycled: true, status: 200, seconds, warmUp: ASKED }
    return {
      ours: httpSide(setting, {
        ...load,
        server: service as Server,
        requests: asking('/ocsp', issuerDer, house.serials),
        check: checkOcsp,
      }),
      peer:
        peer &&
        httpSide(setting, {
          ...load,
          warmUp: 100,
          server: peer.server,
          requests: asking('/', peer.issuerDer, peer.serials),
          check: checkOcsp,
        }),
      limit: echo
        ? httpSide(setting, {
            ...load,
            server: echo,
            requests: asking('/', issuerDer, house.serials),
            check: () => undefined,
          })
        : () => runInProcess<Sample>('bare.ts', 'measureOperations', { signs: 1, seconds: seconds / 3 }),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A process for each reply, one after the other. */
function opensslTsaSide(reply: (queryDer: Uint8Array) => Promise<void>, rounds: number): Side {
  return async () => {
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const query = makeTimestampRequest()
      const from = performance.now()
      await reply(query)
      times.push(performance.now() - from)
    }
    const total = times.reduce((sum, time) => sum + time, 0)
    return { value: (rounds * 1000) / total, p50Ms: median(times) ?? 0, p99Ms: percentile(times, 99) ?? 0 }
  }
}

async function openTsa(setting: Setting): Promise<Opened> {
  const house = await makeHouse(setting, 0)
  const service = await startService(setting, house)
  const reply = await openOpensslTsa(setting)
  const seconds = secondsOf(setting)
  return {
    ours: httpSide(setting, {
      server: service,
      isCycled: true,
      status: 200,
      seconds,
      warmUp: 300,
      requests: () =>
        Array.from({ length: 3_000 * seconds }, () =>
          buildRequest(
            'POST',
            '/tsa',
            { 'Content-Type': 'application/timestamp-query' },
            makeTimestampRequest(),
          ),
        ),
      check: (body) => {
        if (!parseTimeStampResponse(body).tokenDer) throw new Error('the answer has no token')
      },
    }),
    peer: reply && opensslTsaSide(reply, setting.isQuick ? 10 : 50),
    limit: () => runInProcess<Sample>('bare.ts', 'measureOperations', { signs: 1, seconds: seconds / 3 }),
    close: () => service.stop(),
  }
}

/** Benchmarks of the public status services. */
export const status: readonly Benchmark[] = [
  {
    name: 'ocsp-cached',
    unit: '/s',
    what: 'OCSP over POST without nonce about 1,000 of 10,000 certificates, answers at hand; 32 connections',
    peerName: 'openssl ocsp -port, same index size',
    open: (setting) => openOcsp(setting, false),
  },
  {
    name: 'ocsp-signed',
    unit: '/s',
    what: 'the same with a nonce: each answer looked up and signed',
    peerName: 'openssl ocsp -port, same index size',
    open: (setting) => openOcsp(setting, true),
  },
  {
    name: 'tsa',
    unit: '/s',
    what: 'RFC 3161 time stamps over HTTP; 32 connections',
    peerName: 'openssl ts -reply, a process each',
    open: openTsa,
  },
]
