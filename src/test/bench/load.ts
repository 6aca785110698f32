// The load generator; runs in a process of its own (see runInProcess).
import { readFile, writeFile } from 'node:fs/promises'
import { openConnection } from './http-connection.ts'
import { percentile } from './statistics.ts'

/** What to send. */
export type LoadSpec = {
  readonly host: string
  readonly port: number
  readonly connections: number
  /** Seconds after which nothing more is sent. */
  readonly seconds: number
  /** Requests at most, warm-up not counted. */
  readonly maxRequests: number
  /** Requests that are sent first and not counted. */
  readonly warmUp: number
  /** File written by {@link writeRequests}. */
  readonly requestsFile: string
  /** Whether requests may be sent again when all were; otherwise the load ends. */
  readonly isCycled: boolean
  readonly status: number
}

/** What came back. */
export type LoadResult = {
  readonly perSecond: number
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Bodies of the first and the last counted answer, Base64. */
  readonly first: string
  readonly last: string
}

/** An HTTP/1.1 request as octets. */
export function buildRequest(
  method: 'GET' | 'POST',
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array = new Uint8Array(),
): Uint8Array {
  const lines = Object.entries({ Host: 'localhost', ...headers, 'Content-Length': String(body.length) })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return new Uint8Array(Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n`), body]))
}

/** Writes requests into a file for {@link generateLoad}: each behind its length in four octets. */
export async function writeRequests(file: string, requests: readonly Uint8Array[]): Promise<void> {
  const parts = requests.flatMap((request) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(request.length)
    return [length, request]
  })
  await writeFile(file, Buffer.concat(parts))
}

/** Reads what {@link writeRequests} wrote. */
export async function readRequests(file: string): Promise<Uint8Array[]> {
  const bytes = await readFile(file)
  const requests: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at)
    requests.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return requests
}

/** Requests in order, from all connections together. */
function createFeed(requests: readonly Uint8Array[], isCycled: boolean): () => Uint8Array | undefined {
  let next = 0
  return () => {
    if (next >= requests.length && isCycled) next = 0
    return requests[next++]
  }
}

/**
 * Sends from all connections at once, each waiting for its answer.
 *
 * @throws Error at the first answer with another status: a benchmark of refusals says nothing
 */
export async function generateLoad(spec: LoadSpec): Promise<LoadResult> {
  const take = createFeed(await readRequests(spec.requestsFile), spec.isCycled)
  const connections = Array.from({ length: spec.connections }, () => openConnection(spec.host, spec.port))
  const times: number[] = []
  const bodies: Uint8Array[] = []
  const drive = async (
    limit: number,
    end: number,
    onAnswer: (ms: number, body: Uint8Array) => void,
  ): Promise<void> => {
    let sent = 0
    await Promise.all(
      connections.map(async (connection) => {
        while (sent < limit && performance.now() < end) {
          const request = take()
          if (!request) return
          sent++
          const from = performance.now()
          const { status, body } = await connection.send(request)
          if (status !== spec.status)
            throw new Error(
              `status ${status}, not ${spec.status}: ${Buffer.from(body).toString('latin1', 0, 500)}`,
            )
          onAnswer(performance.now() - from, body)
        }
      }),
    )
  }
  try {
    await drive(spec.warmUp, Number.POSITIVE_INFINITY, () => undefined)
    const started = performance.now()
    await drive(spec.maxRequests, started + spec.seconds * 1000, (ms, body) => {
      times.push(ms)
      if (bodies.length < 2) bodies.push(body)
      else bodies[1] = body
    })
    const seconds = (performance.now() - started) / 1000
    return {
      perSecond: times.length / seconds,
      count: times.length,
      p50Ms: percentile(times, 50) ?? 0,
      p99Ms: percentile(times, 99) ?? 0,
      first: Buffer.from(bodies[0] ?? []).toString('base64'),
      last: Buffer.from(bodies.at(-1) ?? []).toString('base64'),
    }
  } finally {
    for (const connection of connections) connection.close()
  }
}
