// Documents: signing inside the process and over HTTP, and verifying.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { buildSealPng } from '../../cli/demo/seal-image.ts'
import { run } from '../judges.ts'
import { findTool } from '../judges.ts'
import type { Benchmark, Opened, Setting, Side } from './benchmark.ts'
import { makeHouse, startService, SUBJECT } from './house.ts'
import { httpSide } from './http-side.ts'
import { buildRequest } from './load.ts'
import { makePdf } from './make-pdf.ts'
import { type PdfInput, SIGNATURES } from './pdf-work.ts'
import { runInProcess } from './processes.ts'
import { measureRounds } from './measure.ts'
import type { Sample } from './statistics.ts'

const MB = 1_000_000

let folders = 0

async function inputFor(setting: Setting, bytes: number, pages: number): Promise<PdfInput> {
  const folder = join(setting.folder, `pdf-${folders++}`)
  await mkdir(folder)
  return { folder, bytes, pages, seconds: setting.isQuick ? 0.5 : 4, warmUp: setting.isQuick ? 1 : 5 }
}

const bare = (operations: object): Side => {
  const input = { ...operations, unit: 'ms', seconds: 1 }
  return () => runInProcess<Sample>('bare.ts', 'measureOperations', input)
}

const openSign =
  (bytes: number, pages: number) =>
  async (setting: Setting): Promise<Opened> =>
    Promise.resolve({
      ours: async () =>
        runInProcess<Sample>(
          'pdf-work.ts',
          'sign',
          await inputFor(setting, bytes, pages),
          setting.profileFolder,
        ),
      peer: async () =>
        runInProcess<Sample>('pdf-work.ts', 'signWithLibpdf', await inputFor(setting, bytes, pages)),
      // The file hashed once, its attributes signed, the signature verified.
      limit: bare({ hashes: 1, hashBytes: bytes, signs: 1, verifies: 1 }),
    })

const BOUNDARY = 'yinxin-bench'

/** multipart/form-data with a document, a seal and the request. */
function signRequest(pdf: Uint8Array, seal: Uint8Array, request: object, apiKey: string): Uint8Array {
  const part = (headers: string, body: Uint8Array): Uint8Array =>
    Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n${headers}\r\n\r\n`), body, Buffer.from('\r\n')])
  const file = (name: string, type: string): string =>
    `Content-Disposition: form-data; name="${name}"; filename="${name}"\r\nContent-Type: ${type}`
  const body = Buffer.concat([
    part('Content-Disposition: form-data; name="request"', Buffer.from(JSON.stringify(request))),
    part(file('document', 'application/pdf'), pdf),
    part(file('image', 'image/png'), seal),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ])
  const type = `multipart/form-data; boundary=${BOUNDARY}`
  return buildRequest('POST', '/v1/signatures', { 'Content-Type': type, Authorization: `Bearer ${apiKey}`, Accept: 'application/pdf' }, body) // prettier-ignore
}

async function openHttp(setting: Setting): Promise<Opened> {
  const house = await makeHouse(setting, 0)
  const service = await startService(setting, house)
  const request = {
    signer: { event: { subject: SUBJECT, identityEvidenceId: house.evidenceId } },
    level: 'B-T',
    reason: '同意 I agree',
    appearance: { page: 1, rect: [70, 500, 330, 640], lines: ['测试 TEST ONLY', '2026-01-01'] },
  }
  const seal = buildSealPng({ colour: [200, 24, 24] })
  const measure = httpSide(setting, {
    server: service,
    connections: 1,
    isCycled: true,
    status: 201,
    warmUp: setting.isQuick ? 1 : 5,
    seconds: setting.isQuick ? 1 : 5,
    requests: () => [signRequest(makePdf(MB, 50), seal, request, house.apiKey)],
    check: (body) => {
      if (Buffer.from(body).indexOf('/ETSI.CAdES.detached') < 0)
        throw new Error('the answer is not a signed PDF')
    },
  })
  return {
    ours: async () => {
      const sample = await measure()
      return { ...sample, value: sample.p50Ms ?? 0 }
    },
    // Received, signed and stored bytes hashed; key, lint, certificate, signature, token; each verified once.
    limit: bare({ keys: 1, hashes: 3, hashBytes: MB, signs: 4, verifies: 4 }),
    close: () => service.stop(),
  }
}

const pdfsigSide =
  (file: string, seconds: number): Side =>
  async () =>
    measureRounds('ms', { seconds, warmUp: 1 }, async () => {
      const { stdout } = await run('pdfsig', ['-nocert', file])
      const valid = stdout.split('Signature is Valid.').length - 1
      if (valid !== SIGNATURES) throw new Error(`pdfsig finds ${valid} of ${SIGNATURES} signatures valid`)
    }).then(({ value }) => ({ value }))

async function openVerify(setting: Setting): Promise<Opened> {
  const input = await inputFor(setting, MB, 50)
  const { file } = await runInProcess<{ file: string }>('pdf-work.ts', 'makeSigned', input)
  const { folder, seconds, warmUp } = input
  return {
    ours: () =>
      runInProcess<Sample>(
        'pdf-work.ts',
        'verifySigned',
        { folder, file, seconds, warmUp },
        setting.profileFolder,
      ),
    peer: findTool('pdfsig') === undefined ? undefined : pdfsigSide(file, seconds),
    // For each signature: the file hashed; signature, its certificate, time stamp and TSA certificate verified.
    limit: bare({ hashes: SIGNATURES, hashBytes: MB, verifies: 4 * SIGNATURES }),
  }
}

/** Benchmarks of documents. */
export const pdf: readonly Benchmark[] = [
  {
    name: 'sign-pdf-1mb',
    unit: 'ms',
    what: 'PAdES-B-B of a 1 MB file of 50 pages with a held P-256 key, two durable records included',
    peerName: '@libpdf/core, recording nothing',
    open: openSign(MB, 50),
  },
  {
    name: 'sign-pdf-50mb',
    unit: 'ms',
    what: 'the same of a 50 MB file of 200 pages',
    peerName: '@libpdf/core, recording nothing',
    open: openSign(50 * MB, 200),
  },
  {
    name: 'sign-pdf-http',
    unit: 'ms',
    what: 'whole route, one connection: 1 MB file, event certificate, visible seal and text, B-T, own output verified, stored',
    peerName: null,
    open: openHttp,
  },
  {
    name: 'verify-pdf-10sigs',
    unit: 'ms',
    what: 'verify a 1 MB file with ten signatures of level B-T; report stored and recorded',
    peerName: 'pdfsig, a process each, no changes analysed',
    open: openVerify,
  },
]
