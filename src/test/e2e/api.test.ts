/** The API as a business uses it: evidence, keys, certificates, signatures, repeats, receipts. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { parseReceipt, verifyReceipt } from '../../audit/receipt.ts'
import { parseVerifierKey } from '../../audit/note.ts'
import { ApiError } from '../../sdk/client.ts'
import { sampleTablePdf } from '../sample-pdf.ts'
import { makeCsr } from './csr.ts'
import {
  addEvidence,
  type CertificateJson,
  eventSigner,
  issueHeld,
  type SignatureJson,
  signPdf,
  subjectOf,
} from './objects.ts'
import { startService, type TestService } from './start.ts'

let service: TestService
test.before(async () => {
  service = await startService('api')
})
test.after.always(() => service.close())

const NAME = '示例公司 TEST ONLY'
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function issueByCsr(name = NAME): Promise<CertificateJson> {
  return service.alpha.api.json<CertificateJson>('POST', '/v1/certificates', {
    json: {
      profile: 'organisation',
      subject: subjectOf(name),
      csr: makeCsr(subjectOf(name)),
      identityEvidenceId: await addEvidence(service.alpha, name),
    },
  })
}

const pathOf = ({ issuerId, serialHex }: { issuerId: string; serialHex: string }): string =>
  `/v1/certificates/${issuerId}/${serialHex}`

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (error) {
    if (error instanceof ApiError) return error.problem.code
    throw error
  }
  return 'none'
}

test('a certificate by request and one by held key are shown with chain and status', async (t) => {
  const { api } = service.alpha
  const made = [await issueByCsr(), await issueHeld(service.alpha, NAME)]
  for (const certificate of made) {
    const found = await api.json<CertificateJson>('GET', pathOf(certificate))
    t.like(found, {
      state: 'valid',
      certSha256: certificate.certSha256,
      certificatePem: certificate.certificatePem,
    })
    t.is(found.chainPem.length, 2)
    t.true(found.subject.includes('TEST ONLY'))
    t.is(found.keyId, certificate.keyId)
  }
})

test('certificates are searched, paged and exported', async (t) => {
  const { api } = service.alpha
  const made = [await issueByCsr(), await issueByCsr(), await issueHeld(service.alpha, NAME)]
  const [first] = made
  const search = (query: Record<string, string | number>) =>
    api.json<{ items: CertificateJson[]; next?: string }>('GET', '/v1/certificates', { query })
  t.is((await search({ spkiSha256: first?.spkiSha256 ?? '' })).items[0]?.serialHex, first?.serialHex)
  t.is((await search({ serialHex: first?.serialHex ?? '' })).items.length, 1)
  t.true((await search({ subject: '示例*' })).items.length >= 3)
  t.is((await search({ subject: '示例*', state: 'revoked', profile: 'device' })).items.length, 0)
  t.is((await search({ issuedTo: '2020-01-01T00:00:00.000Z' })).items.length, 0)
  const serials: string[] = []
  let cursor: string | undefined
  do {
    const page = await search({ subject: NAME, limit: 2, ...(cursor === undefined ? {} : { cursor }) })
    t.true(page.items.length <= 2)
    serials.push(...page.items.map(({ serialHex }) => serialHex))
    cursor = page.next
  } while (cursor !== undefined)
  t.is(new Set(serials).size, serials.length)
  for (const { serialHex } of made) t.true(serials.includes(serialHex))
  const lines = new TextDecoder()
    .decode(await api.bytes('GET', '/v1/certificates/export'))
    .trim()
    .split('\n')
  const exported = lines.map((line) => (JSON.parse(line) as CertificateJson).serialHex)
  for (const { serialHex } of made) t.true(exported.includes(serialHex))
  t.is(await codeOf(search({ cursor: 'no-cursor' })), 'CURSOR_INVALID')
})

test('hold, release, revoke, repeat, conflict', async (t) => {
  const { api } = service.alpha
  const certificate = await issueByCsr()
  const revoke = (reason: string, legalGround = 'holder-request', more: object = {}) =>
    api.json<CertificateJson>('POST', `${pathOf(certificate)}/revocation`, {
      json: { reason, legalGround, ...more },
    })
  t.is((await revoke('certificateHold')).state, 'held')
  t.is((await revoke('certificateHold')).state, 'held')
  t.is((await revoke('removeFromCRL')).state, 'valid')
  const invalidityDate = new Date(Date.now() - 3_600_000).toISOString()
  const revoked = await revoke('superseded', 'holder-request', { invalidityDate })
  t.like(revoked, { state: 'revoked', reason: 'superseded', legalGround: 'holder-request', invalidityDate })
  t.deepEqual(await revoke('superseded', 'holder-request', { invalidityDate }), revoked)
  t.is(await codeOf(revoke('keyCompromise')), 'REVOCATION_CONFLICT')
  t.is(await codeOf(revoke('removeFromCRL')), 'REVOCATION_CONFLICT')
  t.is(await codeOf(revoke('privilegeWithdrawn')), 'PROFILE_VIOLATION')
  t.deepEqual(await api.json('GET', pathOf(certificate)), revoked)
})

test('receipts of certificate and signature verify offline with the key of the log', async (t) => {
  const { api } = service.alpha
  const certificate = await issueByCsr()
  const signature = await signPdf(service.alpha, NAME)
  await service.sequenced()
  const key = parseVerifierKey(
    new TextDecoder().decode(await service.anonymous.bytes('GET', '/log/key')).trim(),
  )
  for (const [path, expected] of [
    [`${pathOf(certificate)}/receipt`, certificate.certSha256],
    [`/v1/signatures/${signature.id}/receipt`, signature.signedSha256],
  ] as const) {
    const receipt = await api.bytes('GET', path)
    const { index } = parseReceipt(receipt)
    const [entry] = await service.house.store.log.readLeaves(index, index + 1)
    const leaf = entry?.leaf ?? new Uint8Array()
    t.true(verifyReceipt(receipt, leaf, key).ok)
    t.true(new TextDecoder().decode(leaf).includes(expected))
    leaf[10] = (leaf[10] ?? 0) ^ 1
    t.false(verifyReceipt(receipt, leaf, key).ok)
  }
})

interface Report {
  readonly indication: string
  readonly signatures: readonly { readonly indication: string }[]
}

const verify = (document: Uint8Array, content?: Uint8Array) =>
  service.anonymous.json<{ id: string; report: Report }>('POST', '/v1/verifications', {
    files: {
      document: { bytes: document, name: 'a.pdf' },
      ...(content ? { content: { bytes: content } } : {}),
    },
  })

test('a PDF is signed by multipart, by raw body, and as the answer itself', async (t) => {
  const { alpha } = service
  const signed = await signPdf(alpha, NAME)
  t.regex(signed.fileName, /^contract-signed\.pdf$/)
  const document = await alpha.api.bytes('GET', `/v1/signatures/${signed.id}/document`)
  t.is(sha256(document), signed.signedSha256)
  t.is(document.length, signed.sizeBytes)
  const { id, report } = await verify(document)
  t.is(report.indication, 'TOTAL-PASSED')
  t.deepEqual(
    (await service.anonymous.json<{ report: Report }>('GET', `/v1/verifications/${id}`)).report,
    report,
  )

  const request = encodeURIComponent(JSON.stringify({ signer: await eventSigner(alpha, NAME), level: 'B-B' }))
  const raw = await service.fetch(`${service.address}/v1/signatures?request=${request}`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${alpha.text}`,
      'Content-Type': 'application/pdf',
      Accept: 'application/pdf',
    },
    body: Buffer.from(document),
  })
  t.is(raw.status, 201)
  t.is(raw.headers.get('content-type'), 'application/pdf')
  t.truthy(raw.headers.get('yinxin-signature-id'))
  const twice = new Uint8Array(await raw.arrayBuffer())
  t.is(raw.headers.get('content-length'), String(twice.length))
  const both = (await verify(twice)).report
  t.is(both.indication, 'TOTAL-PASSED')
  t.is(both.signatures.length, 2)
  const altered = Uint8Array.from(twice)
  altered[altered.indexOf(0x54, 100)] = 0x58
  t.not((await verify(altered)).report.indication, 'TOTAL-PASSED')
})

test('any other file gets a detached signature with a held certificate, under its own name', async (t) => {
  const { alpha } = service
  const { issuerId, serialHex } = await issueHeld(alpha, NAME)
  const content = new TextEncoder().encode('TEST ONLY 内容')
  const signed = await alpha.api.json<SignatureJson>('POST', '/v1/signatures', {
    json: { signer: { certificate: { issuerId, serialHex } } },
    files: { document: { bytes: content, name: '合同.txt' } },
  })
  t.is(signed.fileName, '合同.txt.p7s')
  t.is(signed.certificate.serialHex, serialHex)
  const response = await service.fetch(`${service.address}/v1/signatures/${signed.id}/document`, {
    headers: { Authorization: `Bearer ${alpha.text}` },
  })
  t.true(response.headers.get('content-disposition')?.includes(encodeURIComponent('合同.txt.p7s')))
  const p7s = new Uint8Array(await response.arrayBuffer())
  t.is((await verify(p7s, content)).report.indication, 'TOTAL-PASSED')
  t.not((await verify(p7s, content.subarray(1))).report.indication, 'TOTAL-PASSED')
  await alpha.api.json('POST', `/v1/certificates/${issuerId}/${serialHex}/revocation`, {
    json: { reason: 'superseded', legalGround: 'holder-request' },
  })
  const again = alpha.api.json('POST', '/v1/signatures', {
    json: { signer: { certificate: { issuerId, serialHex } } },
    files: { document: { bytes: content } },
  })
  t.is(await codeOf(again), 'CERT_NOT_VALID')
})

async function signWithKey(
  idempotencyKey: string,
  body: { readonly json: unknown; readonly accept: string; readonly bytes?: Uint8Array },
): Promise<Response> {
  const form = new FormData()
  form.append('request', JSON.stringify(body.json))
  form.append(
    'document',
    new Blob([(body.bytes ?? sampleTablePdf()) as Uint8Array<ArrayBuffer>]),
    'contract.pdf',
  )
  return service.fetch(`${service.address}/v1/signatures`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${service.alpha.text}`,
      'Idempotency-Key': idempotencyKey,
      Accept: body.accept,
    },
    body: form,
  })
}

test('Idempotency-Key: a repeat gets the same bytes, as description and as document', async (t) => {
  const json = { signer: await eventSigner(service.alpha, NAME) }
  for (const accept of ['application/json', 'application/pdf']) {
    const key = `same-${accept}`
    const first = await signWithKey(key, { json, accept })
    const repeat = await signWithKey(key, { json, accept })
    t.is(first.status, 201)
    t.is(repeat.status, 201)
    t.is(repeat.headers.get('idempotency-replayed'), 'true')
    t.is(repeat.headers.get('content-type'), first.headers.get('content-type'))
    const [one, two] = [await first.arrayBuffer(), await repeat.arrayBuffer()]
    t.true(one.byteLength > 100)
    t.deepEqual(new Uint8Array(two), new Uint8Array(one))
  }
})

test('Idempotency-Key: a repeated verification is the same report, and strangers share no keys', async (t) => {
  const verify = async (api: typeof service.anonymous): Promise<string> =>
    (
      await api.json<{ id: string }>('POST', '/v1/verifications', {
        files: { document: { bytes: sampleTablePdf(), name: 'a.pdf', type: 'application/pdf' } },
        idempotencyKey: 'verify-once',
      })
    ).id
  const first = await verify(service.alpha.api)
  t.is(await verify(service.alpha.api), first)
  t.not(await verify(service.beta.api), first)
  t.not(await verify(service.anonymous), await verify(service.anonymous))
})

test('Idempotency-Key: another body is refused, a failed request may be repeated, keys of others do not meet', async (t) => {
  const { alpha, beta } = service
  const create = (key: typeof alpha, json: object, idempotencyKey: string) =>
    key.api.json<{ keyId: string }>('POST', '/v1/keys', { json, idempotencyKey })
  const { keyId } = await create(alpha, {}, 'one')
  t.is((await create(alpha, {}, 'one')).keyId, keyId)
  t.is(await codeOf(create(alpha, { algorithm: 'P-384' }, 'one')), 'IDEMPOTENCY_KEY_REUSED')
  t.not((await create(beta, {}, 'one')).keyId, keyId)
  t.is(await codeOf(create(alpha, { algorithm: 'none' }, 'two')), 'ALGORITHM_UNSUPPORTED')
  t.is(await codeOf(create(alpha, { algorithm: 'none' }, 'two')), 'ALGORITHM_UNSUPPORTED')
  t.is(await codeOf(create(alpha, {}, 'x'.repeat(129))), 'REQUEST_INVALID')
})

test('Idempotency-Key: a repeat makes no second API key, and the secret is stored nowhere', async (t) => {
  const { staff, dataDir } = service
  const send = (body: object) =>
    service.fetch(`${service.address}/v1/api-keys`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${staff.text}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': 'api-key',
      },
      body: JSON.stringify(body),
    })
  interface Made {
    readonly id: string
    readonly key?: string
    readonly keyWithheld?: boolean
  }
  const body = { tenant: 'alpha', roles: ['signer'], label: 'repeated TEST ONLY' }
  const [first, repeat] = [await send(body), await send(body)]
  t.deepEqual([first.status, repeat.status], [201, 200])
  t.is(repeat.headers.get('idempotency-replayed'), 'true')
  const { key = '', ...made } = (await first.json()) as Made
  t.deepEqual((await repeat.json()) as Made, { ...made, keyWithheld: true })
  t.true(key.length > 20)
  t.is((await send({ ...body, label: 'another' })).status, 422)
  const { items } = await staff.api.json<{ items: { label: string | null }[] }>(
    'GET',
    '/v1/api-keys?limit=500',
  )
  t.is(items.filter(({ label }) => label === body.label).length, 1)
  // Everything that the database holds, its write-ahead log included.
  const files = (await readdir(dataDir)).filter((name) => name.startsWith('yinxin.sqlite'))
  const held = await Promise.all(files.map((name) => readFile(join(dataDir, name))))
  t.true(held.length > 0)
  const secret = key.slice(key.lastIndexOf('_') + 1)
  t.false(held.some((bytes) => bytes.includes(secret)))
})

test('Idempotency-Key: of many requests at once, one is done', async (t) => {
  const json = { signer: await eventSigner(service.alpha, NAME) }
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => signWithKey('at-once', { json, accept: 'application/json' })),
  )
  const ids = new Set<string>()
  for (const answer of answers) {
    const body = (await answer.json()) as { id?: string; code?: string }
    if (answer.status === 201) ids.add(body.id ?? '')
    else t.is(body.code, 'IDEMPOTENCY_IN_PROGRESS')
  }
  t.is(ids.size, 1)
})

test('the first key of a business is made by staff, and works at once', async (t) => {
  const { staff } = service
  await staff.api.json('POST', '/v1/tenants', { json: { id: 'gamma', name: 'Gamma TEST ONLY' } })
  t.is(
    await codeOf(staff.api.json('POST', '/v1/tenants', { json: { id: 'gamma', name: 'again' } })),
    'TENANT_EXISTS',
  )
  const made = await staff.api.json<{ key: string; id: string }>('POST', '/v1/api-keys', {
    json: { tenant: 'gamma', roles: ['operator'] },
  })
  const call = () =>
    service.fetch(`${service.address}/v1/keys`, { headers: { Authorization: `Bearer ${made.key}` } })
  t.is((await call()).status, 200)
  const { items } = await staff.api.json<{ items: { id: string; key?: string }[] }>('GET', '/v1/api-keys')
  t.is(items.find(({ id }) => id === made.id)?.key, undefined)
  await staff.api.json('DELETE', `/v1/api-keys/${made.id}`)
  t.is((await call()).status, 401)
})
