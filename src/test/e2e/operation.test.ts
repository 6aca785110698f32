/** Days that go wrong: shut down at work, a clock set back, a full disk, a large file. */
import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { parseCertificate, parseOcspResponse } from '../../../ca/formats.ts'
import { encodeOcspRequest } from '../../../ca/testing/ocsp-request.ts'
import { fromBase64 } from '../../lib/bytes.ts'
import { ApiError, createClient } from '../../sdk/client.ts'
import { bytesOf, join, SAMPLE_OBJECTS, sampleTablePdf } from '../sample-pdf.ts'
import { serveChild, yinxin } from './child.ts'
import { addEvidence, issueHeld, type SignatureJson, signPdf, subjectOf } from './objects.ts'
import { prepareDataDir, startService, type TestKey } from './start.ts'

const NAME = 'Operation TEST ONLY'

test.serial(
  'SIGTERM at work: what was accepted is answered and stored, the process ends with 0',
  async (t) => {
    t.timeout(180_000)
    const dataDir = await prepareDataDir('shutdown')
    const child = await serveChild(dataDir)
    t.teardown(() => child.crash())
    const { address, apiKey = '' } = child
    const key: TestKey = { id: '', text: apiKey, api: createClient({ baseUrl: address, apiKey }) }
    const event = { subject: subjectOf(NAME), identityEvidenceId: await addEvidence(key, NAME) }
    const signed: SignatureJson[] = []
    const refused: unknown[] = []
    const workers = Array.from({ length: 4 }, async () => {
      for (;;)
        try {
          signed.push(
            await key.api.json<SignatureJson>('POST', '/v1/signatures', {
              json: { signer: { event }, level: 'B-B' },
              files: { document: { bytes: bytesOf('TEST ONLY'), name: 'a.txt' } },
            }),
          )
        } catch (error) {
          // A connection that is refused after the end is no answer; a problem would be one.
          if (error instanceof ApiError) refused.push(error.problem)
          return
        }
    })
    await sleep(1500)
    t.is(await child.stop(), 0)
    await Promise.all(workers)
    t.deepEqual(refused, [])
    t.true(signed.length > 0)
    t.is((await yinxin(dataDir, ['audit', 'verify', '--json'])).status, 0)
    const again = await serveChild(dataDir)
    const api = createClient({ baseUrl: again.address, apiKey })
    for (const { id, signedSha256 } of signed) {
      const bytes = await api.bytes('GET', `/v1/signatures/${id}/document`)
      t.is(createHash('sha256').update(bytes).digest('hex'), signedSha256)
    }
    t.is(await again.stop(), 0)
    await rm(dataDir, { recursive: true, force: true })
  },
)

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (error) {
    if (error instanceof ApiError) return `${error.problem.status} ${error.problem.code}`
    throw error
  }
  return 'done'
}

test.serial('check 21: a clock that is set back stops signing, and signing only', async (t) => {
  let offset = 0
  const service = await startService('clock', {}, { now: () => new Date(Date.now() + offset) })
  const { alpha } = service
  await signPdf(alpha, NAME)
  const evidenceId = await addEvidence(alpha, NAME)
  const { issuerId, serialHex, chainPem } = await issueHeld(alpha, NAME)
  const issuer = parseCertificate(fromBase64((chainPem[0] ?? '').replace(/-----[^-]+-----|\s/g, '')))
  const ocspStatus = async (): Promise<string> => {
    const response = await fetch(`${service.address}/ocsp`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/ocsp-request' },
      body: new Uint8Array(encodeOcspRequest(issuer, serialHex, 'SHA-1')),
    })
    return parseOcspResponse(new Uint8Array(await response.arrayBuffer())).status
  }
  t.is(await ocspStatus(), 'successful')
  const scope = { issuerId, shard: null }
  const crl = await service.house.ca.crl(scope)
  await service.sequenced()
  const head = await service.house.services.log.head()
  offset = -3_600_000
  const event = { subject: subjectOf(NAME), identityEvidenceId: evidenceId }
  const sign = () =>
    alpha.api.json('POST', '/v1/signatures', {
      json: { signer: { event } },
      files: { document: { bytes: sampleTablePdf() } },
    })
  const before = (await alpha.api.json<{ items: unknown[] }>('GET', '/v1/signatures')).items.length
  t.is(await codeOf(sign()), '503 CLOCK_WENT_BACK')
  t.is((await alpha.api.json<{ items: unknown[] }>('GET', '/v1/signatures')).items.length, before)
  t.is((await service.fetch(`${service.address}/healthz`)).status, 200)
  // Check 21, and whoever looks is told why.
  const ready = await service.fetch(`${service.address}/readyz`)
  t.is(ready.status, 503)
  const { checks } = (await ready.json()) as { checks: { name: string; detail?: string }[] }
  t.is(checks.find(({ name }) => name === 'clock')?.detail, 'CLOCK_WENT_BACK')
  t.true(['tryLater', 'internalError'].includes(await ocspStatus()))
  await t.throwsAsync(service.house.ca.crl(scope), { code: 'CLOCK_WENT_BACK' })
  t.is((await service.house.store.ca.lastCrl(scope))?.number, crl.number)
  t.true((await service.house.services.log.head()).at >= head.at)
  offset = 0
  t.is(await codeOf(sign()), 'done')
  t.is(await ocspStatus(), 'successful')
  const next = await service.house.ca.crl(scope)
  t.true(BigInt(next.number) > BigInt(crl.number) && next.thisUpdate >= crl.thisUpdate)
  await service.close()
})

test.serial(
  'a disk that is full or read-only: 503, nothing signed, and work goes on afterwards',
  async (t) => {
    const service = await startService('disk')
    const { alpha, house } = service
    const held = await issueHeld(alpha, NAME)
    const { issuerId, serialHex } = held
    const event = { subject: subjectOf(NAME), identityEvidenceId: await addEvidence(alpha, NAME) }
    const sign = (signer: object) =>
      alpha.api.json('POST', '/v1/signatures', {
        json: { signer, level: 'B-B' },
        files: { document: { bytes: sampleTablePdf() } },
      })
    const pragma = (text: string) => house.store.db.writer.raw(`PRAGMA ${text}`)
    const count = async () =>
      (await alpha.api.json<{ items: unknown[] }>('GET', '/v1/signatures')).items.length
    const before = await count()
    for (const [broken, mended] of [
      ['max_page_count = 1', 'max_page_count = 1073741823'],
      ['query_only = ON', 'query_only = OFF'],
    ] as const) {
      await pragma(broken)
      // A full file still takes what fits into its free pages.
      let code = 'done'
      for (let attempt = 0; attempt < 200 && code === 'done'; attempt++)
        code = await codeOf(addEvidence(alpha, NAME))
      t.is(code, '503 STORE_UNAVAILABLE', broken)
      for (const signer of [{ event }, { certificate: { issuerId, serialHex } }])
        t.is(await codeOf(sign(signer)), '503 STORE_UNAVAILABLE', broken)
      const ready = await fetch(`${service.address}/readyz`)
      t.is(ready.status, broken.startsWith('query') ? 503 : ready.status)
      await pragma(mended)
      t.is(await count(), before)
      t.is(await codeOf(addEvidence(alpha, NAME)), 'done')
    }
    t.is(await codeOf(sign({ event })), 'done')
    await service.close()
  },
)

/** Resident memory of a process now and at its highest, bytes. */
async function memoryOf(pid: number): Promise<{ now: number; highest: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const read = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
  return { now: read('VmRSS'), highest: read('VmHWM') }
}

test.serial('a PDF of 50 MB is signed in memory of twice its size', async (t) => {
  t.timeout(180_000)
  if (process.platform !== 'linux') {
    t.log('skipped: memory is read from /proc')
    t.pass()
    return
  }
  const size = 50_000_000
  const marker = 'STREAM-GOES-HERE'
  const small = sampleTablePdf({ ...SAMPLE_OBJECTS, 7: `<</Length ${size}>>\nstream\n${marker}\nendstream` })
  const at = Buffer.from(small).indexOf(marker)
  // The table behind it moves: readers find it by its new offset.
  const tail = Buffer.from(small.subarray(at + marker.length)).toString('latin1')
  const moved = tail.replace(
    /startxref\n(\d+)/,
    (_all, offset: string) => `startxref\n${Number(offset) + size - marker.length}`,
  )
  const large = join(small.subarray(0, at), new Uint8Array(size).fill(0x20), bytesOf(moved))
  const dataDir = await prepareDataDir('memory')
  const child = await serveChild(dataDir)
  t.teardown(() => child.crash())
  const { address, apiKey = '' } = child
  const key: TestKey = { id: '', text: apiKey, api: createClient({ baseUrl: address, apiKey }) }
  const event = { subject: subjectOf(NAME), identityEvidenceId: await addEvidence(key, NAME) }
  const sign = async (bytes: Uint8Array): Promise<number> => {
    const request = encodeURIComponent(JSON.stringify({ signer: { event }, level: 'B-T' }))
    const response = await fetch(`${address}/v1/signatures?request=${request}`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${apiKey}`,
        'Content-Type': 'application/pdf',
        Accept: 'application/pdf',
      },
      body: Buffer.from(bytes),
    })
    t.is(response.status, 201)
    return (await response.arrayBuffer()).byteLength
  }
  await sign(sampleTablePdf())
  const pid = child.process.pid ?? 0
  const before = await memoryOf(pid)
  t.true((await sign(large)) > size)
  const growth = (await memoryOf(pid)).highest - before.now
  t.log(`memory grew by ${(growth / large.length).toFixed(2)} times the file`)
  t.true(growth < 2 * large.length + 20_000_000, `${growth} bytes for ${large.length}`)
  t.is(await child.stop(), 0)
  await rm(dataDir, { recursive: true, force: true })
})
