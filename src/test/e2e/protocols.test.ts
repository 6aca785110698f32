/** What relying parties, regulators and tools ask: OCSP, CRLs, time stamps, the log, figures, OpenAPI, pages. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { strongEtag } from '../../http/caching.ts'
import { leavesFromBundles, verifyLog } from '../../audit/verify-log.ts'
import { formatDay, toShanghaiDay } from '../../stats/day.ts'
import { requireTool, run } from '../judges.ts'
import { type CertificateJson, issueHeld, signPdf } from './objects.ts'
import { startService, type TestService } from './start.ts'

let service: TestService
let certificate: CertificateJson
let folder: string

test.before(async () => {
  service = await startService('protocols')
  folder = await mkdtemp(join(tmpdir(), 'yinxin-protocols-'))
  certificate = await issueHeld(service.alpha, 'Protocols TEST ONLY')
  const [issuer = '', root = ''] = certificate.chainPem
  await writeFile(join(folder, 'cert.pem'), certificate.certificatePem)
  await writeFile(join(folder, 'issuer.pem'), issuer)
  await writeFile(join(folder, 'root.pem'), root)
})
test.after.always(async () => {
  await service.close()
  await rm(folder, { recursive: true, force: true })
})

const openssl = (...words: string[]) => run('openssl', words, { cwd: folder })

const revoke = (reason: string) =>
  service.alpha.api.json(
    'POST',
    `/v1/certificates/${certificate.issuerId}/${certificate.serialHex}/revocation`,
    {
      json: { reason, legalGround: 'holder-request' },
    },
  )

test.serial(
  'OCSP: good, then on hold within a second; POST is not cached, GET is (RFC 5019 §6.2)',
  async (t) => {
    if (!requireTool(t, 'openssl')) return
    const ask = async () => {
      const { stdout, stderr } = await openssl(
        ...['ocsp', '-issuer', 'issuer.pem', '-cert', 'cert.pem', '-url', `${service.address}/ocsp`],
        ...['-CAfile', 'root.pem', '-verify_other', 'issuer.pem'],
      )
      return stdout + stderr
    }
    const good = await ask()
    t.regex(good, /Response verify OK/)
    t.regex(good, /cert.pem: good/)
    await revoke('certificateHold')
    t.regex(await ask(), /cert.pem: revoked[\s\S]*certificateHold/)
    await revoke('removeFromCRL')
    t.regex(await ask(), /cert.pem: good/)

    await openssl('ocsp', '-issuer', 'issuer.pem', '-cert', 'cert.pem', '-no_nonce', '-reqout', 'request.der')
    const request = await readFile(join(folder, 'request.der'))
    const post = await service.fetch(`${service.address}/ocsp`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/ocsp-request' },
      body: request,
    })
    t.is(post.headers.get('content-type'), 'application/ocsp-response')
    t.is(post.headers.get('cache-control'), 'no-store')
    const url = `${service.address}/ocsp/${encodeURIComponent(request.toString('base64'))}`
    const get = await service.fetch(url)
    t.is(get.status, 200)
    const seconds = Number(
      /^max-age=(\d+), public, no-transform, must-revalidate$/.exec(
        get.headers.get('cache-control') ?? '',
      )?.[1],
    )
    t.true(seconds > 0)
    const [expires, modified] = ['expires', 'last-modified'].map((name) =>
      Date.parse(get.headers.get(name) ?? ''),
    )
    t.true((modified ?? 0) <= Date.now())
    t.true(Math.abs((expires ?? 0) - Date.now() - seconds * 1000) < 60_000)
    t.regex(get.headers.get('etag') ?? '', /^"[0-9a-f]{32}"$/)
    t.is(get.headers.get('content-length'), String((await get.arrayBuffer()).byteLength))
    // Unescaped slashes and pluses, as some clients send them.
    t.is((await service.fetch(`${service.address}/ocsp/${request.toString('base64')}`)).status, 200)
  },
)

const crlUrl = (path: string): string => `${service.address}/crl/${path}.crl`

/** CRLs of a first start are made one after the other. */
async function fetchCrl(t: ExecutionContext, path: string): Promise<Response> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const response = await service.fetch(crlUrl(path))
    if (response.status === 200) return response
    await sleep(100)
  }
  t.fail(`no CRL at ${path}`)
  throw new Error('no CRL')
}

test.serial('CRL: full list and shard are signed, cacheable, and name a held certificate', async (t) => {
  if (!requireTool(t, 'openssl')) return
  await revoke('certificateHold')
  const { issuerId, serialHex } = certificate
  const status = await service.house.store.ca.findStatus(issuerId, serialHex)
  const scopes = [issuerId, ...(status?.shard == null ? [] : [`${issuerId}/${status.shard}`])]
  for (const scope of scopes) {
    let text = ''
    for (let attempt = 0; attempt < 300 && !text.includes(serialHex.toUpperCase()); attempt++) {
      const response = await fetchCrl(t, scope)
      t.regex(response.headers.get('cache-control') ?? '', /^public, max-age=\d+$/)
      t.truthy(response.headers.get('last-modified'))
      const octets = new Uint8Array(await response.arrayBuffer())
      t.is(response.headers.get('content-length'), String(octets.length))
      const etag = response.headers.get('etag') ?? ''
      t.is(etag, strongEtag(octets))
      const headers = { 'If-None-Match': `"other", W/${etag}` }
      const again = await service.fetch(crlUrl(scope), { headers })
      t.true(again.status === 304 || again.headers.get('etag') !== etag)
      await again.arrayBuffer()
      await writeFile(join(folder, 'list.crl'), octets)
      const judged = await openssl(
        'crl',
        '-in',
        'list.crl',
        '-noout',
        '-text',
        '-CAfile',
        'issuer.pem',
        '-verify',
      )
      t.regex(judged.stderr + judged.stdout, /verify OK/)
      text = judged.stdout
      await sleep(100)
    }
    t.true(text.includes(serialHex.toUpperCase()), scope)
  }
  await revoke('removeFromCRL')
  t.is((await service.fetch(crlUrl('nobody'))).status, 404)
  t.is((await service.fetch(crlUrl(`${issuerId}/65535`))).status, 404)
})

test('time stamps: openssl asks and verifies', async (t) => {
  if (!requireTool(t, 'openssl')) return
  await writeFile(join(folder, 'data'), 'TEST ONLY')
  await openssl('ts', '-query', '-data', 'data', '-sha256', '-cert', '-out', 'query.tsq')
  const response = await service.fetch(`${service.address}/tsa`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/timestamp-query' },
    body: await readFile(join(folder, 'query.tsq')),
  })
  t.is(response.headers.get('content-type'), 'application/timestamp-reply')
  await writeFile(join(folder, 'reply.tsr'), new Uint8Array(await response.arrayBuffer()))
  const judged = await openssl(
    ...['ts', '-verify', '-queryfile', 'query.tsq', '-in', 'reply.tsr', '-CAfile', 'root.pem'],
    ...['-untrusted', 'issuer.pem'],
  )
  t.regex(judged.stdout + judged.stderr, /Verification: OK/)
})

test('certificates of the CAs are served as DER', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const bytes = await service.anonymous.bytes('GET', `/issuers/${certificate.issuerId}.cer`)
  await writeFile(join(folder, 'issuer.cer'), bytes)
  const judged = await openssl('x509', '-inform', 'DER', '-in', 'issuer.cer')
  t.is(judged.stdout.trim(), (certificate.chainPem[0] ?? '').trim())
  t.is((await service.fetch(`${service.address}/issuers/nobody.cer`)).status, 404)
})

/** A bundle of entries as an outsider reads it; the last one is partial. */
const readBundle = (index: number, width: number): Promise<Uint8Array> => {
  const name = `${String(index).padStart(3, '0')}${width < 256 ? `.p/${width}` : ''}`
  return service.anonymous.bytes('GET', `/log/tile/entries/${name}`)
}

const today = (): string => formatDay(toShanghaiDay(new Date().toISOString()))

interface FiguresJson {
  readonly totals: Readonly<Record<string, number>>
  readonly size: number
  readonly checkpoint: string
}

test('figures are those that a recount over HTTP finds, and the log verifies without any code of its writer', async (t) => {
  await signPdf(service.alpha, 'Protocols TEST ONLY')
  await service.sequenced()
  const day = today()
  const figures = await service.staff.api.json<FiguresJson>('GET', '/v1/regulator/statistics', {
    query: { from: day, to: day },
  })
  t.true((figures.totals['issued'] ?? 0) >= 2)
  const key = new TextDecoder().decode(await service.anonymous.bytes('GET', '/log/key')).trim()
  const report = await verifyLog({
    leaves: leavesFromBundles(readBundle, figures.size),
    checkpoint: new TextEncoder().encode(figures.checkpoint),
    verifierKey: key,
    periods: [{ from: day, to: day }],
  })
  t.deepEqual(report.findings, [])
  t.true(report.ok)
  t.is(report.size, figures.size)
  t.deepEqual({ ...report.figures[0]?.totals }, { ...figures.totals })

  const { size } = await service.house.services.log.head()
  const consistency = await service.anonymous.json<{ proof: string[] }>('GET', '/log/consistency', {
    query: { from: 1, to: size },
  })
  t.true(consistency.proof.length > 0)
  t.is((await service.fetch(`${service.address}/log/consistency?from=1&to=${size + 10_000}`)).status, 404)
})

type Json = Readonly<Record<string, unknown>>

/** Every `$ref` of a document. */
function refsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, part]) =>
    name === '$ref' && typeof part === 'string' ? [part] : refsOf(part),
  )
}

const resolve = (document: Json, ref: string): unknown =>
  ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((value, name) => (value as Json | undefined)?.[name], document)

test('the OpenAPI document keeps the rules that tools rely on', async (t) => {
  const document = await service.anonymous.json<Json>('GET', '/openapi.json')
  t.is(document['openapi'], '3.1.0')
  const refs = refsOf(document)
  t.true(refs.length > 0)
  for (const ref of refs) t.truthy(resolve(document, ref), ref)
  const ids: string[] = []
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Json>>>>
  for (const [path, operations] of Object.entries(paths))
    for (const [method, operation] of Object.entries(operations)) {
      ids.push(String(operation['operationId']))
      const parameters = operation['parameters'] as readonly { name: string; in: string; required: boolean }[]
      const inPath = parameters.filter((parameter) => parameter.in === 'path')
      t.true(inPath.every(({ required }) => required))
      t.deepEqual(
        inPath.map(({ name }) => name).sort(),
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '').sort(),
        `${method} ${path}`,
      )
      const responses = operation['responses'] as Readonly<Record<string, Json>>
      t.true(Object.keys(responses).some((status) => /^2\d\d$/.test(status)))
      for (const [status, response] of Object.entries(responses)) {
        t.regex(status, /^([1-5]\d\d|default)$/)
        t.is(typeof response['description'], 'string')
      }
    }
  t.is(new Set(ids).size, ids.length)
  t.deepEqual(ids.sort(), service.running.routes.map(({ operationId }) => operationId).sort())
})

test('pages are served, each with its own title and no inline script', async (t) => {
  for (const path of ['/', '/verify', '/docs', '/problems', '/problems/KEY_WEAK', '/cps', '/log']) {
    const response = await fetch(service.address + path, { headers: { Accept: 'text/html' } })
    t.is(response.status, 200, path)
    t.regex(response.headers.get('content-type') ?? '', /^text\/html/)
    t.truthy(response.headers.get('content-security-policy'), path)
    t.regex(await response.text(), /<title>[^<]+<\/title>/)
  }
  const missing = await fetch(`${service.address}/nothing`, { headers: { Accept: 'text/html' } })
  t.is(missing.status, 404)
  t.regex(missing.headers.get('content-type') ?? '', /^text\/html/)
})

test('health, readiness and metrics', async (t) => {
  t.deepEqual(await service.anonymous.json('GET', '/healthz'), { status: 'ok' })
  const ready = await service.anonymous.json<{ ready: boolean }>('GET', '/readyz')
  t.true(ready.ready)
  const metrics = new TextDecoder().decode(
    await service.staff.api.bytes('GET', '/metrics', { accept: 'text/plain' }),
  )
  t.regex(metrics, /yinxin_requests_total\{operation="health",status="2xx"\} \d+/)
  t.false(metrics.includes('alpha'))
})
