// A side of a benchmark that is a server under load.
import { join } from 'node:path'
import type { Setting, Side } from './benchmark.ts'
import { type LoadResult, type LoadSpec, writeRequests } from './load.ts'
import { runInProcess, type Server } from './processes.ts'

/** Connections of every load, kept open. */
export const CONNECTIONS = 32

/** What is sent to a server. */
export type HttpLoad = {
  readonly server: Pick<Server, 'host' | 'port' | 'rssMb'>
  /** Requests of one run; made before the clock starts. */
  readonly requests: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>
  readonly isCycled: boolean
  readonly status: number
  readonly connections?: number
  /** Things done by one request, 1 when left out. */
  readonly perRequest?: number
  readonly warmUp: number
  readonly seconds: number
  readonly maxRequests?: number
  /** Looks at an answer. @throws Error when it is not what was asked for */
  readonly check: (body: Uint8Array) => void
}

let files = 0

/** Measures a server under load, requests a second. */
export function httpSide({ folder }: Setting, load: HttpLoad): Side {
  return async () => {
    const requestsFile = join(folder, `requests-${files++}`)
    await writeRequests(requestsFile, await load.requests())
    const spec: LoadSpec = {
      host: load.server.host,
      port: load.server.port,
      connections: load.connections ?? CONNECTIONS,
      seconds: load.seconds,
      maxRequests: load.maxRequests ?? Number.MAX_SAFE_INTEGER,
      warmUp: load.warmUp,
      requestsFile,
      isCycled: load.isCycled,
      status: load.status,
    }
    const result = await runInProcess<LoadResult>('load.ts', 'generateLoad', spec)
    for (const body of [result.first, result.last]) load.check(new Uint8Array(Buffer.from(body, 'base64')))
    const rssMb = await load.server.rssMb()
    return {
      value: result.perSecond * (load.perRequest ?? 1),
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      ...(rssMb === undefined ? {} : { rssMb }),
    }
  }
}
