/** Machines of a test: each a process with a data folder of its own, all over one PostgreSQL. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeOcspRequest } from '../../../ca/testing/ocsp-request.ts'
import { parseCertificate, parseOcspResponse } from '../../../ca/formats.ts'
import { fromBase64 } from '../../lib/bytes.ts'
import { type Client, createClient } from '../../sdk/client.ts'
import { type ServingChild, serveChild, yinxin } from '../e2e/child.ts'
import type { CertificateJson } from '../e2e/objects.ts'
import type { Run } from '../judges.ts'

/** The first start makes the CA; every further machine gets a copy of its folder, as an operator would do it. */
export interface Machines {
  /** Starts a machine; the first one makes the CA. */
  readonly start: (name: string, extra?: Readonly<Record<string, string>>) => Promise<ServingChild>
  readonly apiOf: (child: ServingChild) => Client
  /** Runs a command on a machine's folder. */
  readonly command: (name: string, words: readonly string[]) => Promise<Run>
  readonly close: () => Promise<void>
}

/** @param database connection string */
export async function openMachines(database: string): Promise<Machines> {
  const folder = await mkdtemp(join(tmpdir(), 'yinxin-machines-'))
  const running: ServingChild[] = []
  const known = new Set<string>()
  let apiKey = ''
  const env = { YINXIN_DATABASE: database, YINXIN_DOCUMENTS: join(folder, 'documents'), YINXIN_THREADS: '0' }
  return {
    async start(name, extra) {
      const [first] = known
      if (first !== undefined && !known.has(name))
        await cp(join(folder, first), join(folder, name), {
          recursive: true,
          filter: (path) => !/serving\.lock|\.new$/.test(path),
        })
      known.add(name)
      const child = await serveChild(join(folder, name), { ...env, ...extra })
      running.push(child)
      apiKey ||= child.apiKey ?? ''
      return child
    },
    apiOf: (child) => createClient({ baseUrl: child.address, apiKey }),
    command: (name, words) => yinxin(join(folder, name), words, env),
    async close() {
      for (const child of running) await child.crash()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const derOf = (pem: string): Uint8Array => fromBase64(pem.replace(/-----[^-]+-----|\s/g, ''))

/** What a machine's responder says about a certificate: a status, or why there is none. */
export async function askOcsp(
  { address }: Pick<ServingChild, 'address'>,
  { chainPem: [issuer = ''], serialHex }: Pick<CertificateJson, 'chainPem' | 'serialHex'>,
): Promise<string> {
  const body = encodeOcspRequest(parseCertificate(derOf(issuer)), serialHex, 'SHA-1')
  const answer = await fetch(`${address}/ocsp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/ocsp-request' },
    body: new Uint8Array(body),
  })
  const response = parseOcspResponse(new Uint8Array(await answer.arrayBuffer()))
  if (response.status !== 'successful') return response.status
  return response.basic?.responses[0]?.status.kind ?? 'none'
}
