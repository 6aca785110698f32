/** What bad documents, requests and keys get (design section 5): a stable code, and a sentence that names the fault. */
import { createPublicKey } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parseOcspResponse, parseTimeStampResponse } from '../../../ca/formats.ts'
import { fromBase64 } from '../../lib/bytes.ts'
import { ApiError, type Problem } from '../../sdk/client.ts'
import { requireTool, run } from '../judges.ts'
import { bytesOf, sampleTablePdf, textOf } from '../sample-pdf.ts'
import { ecKey, makeCsr, rsaKey, spkiOf } from './csr.ts'
import { addEvidence, type CertificateJson, eventSigner, issueHeld, signPdf, subjectOf } from './objects.ts'
import { startService, type TestService } from './start.ts'

let service: TestService
let evidenceId: string
let folder: string
const NAME = 'Bad input TEST ONLY'
const LIMIT = 2_000_000

test.before(async () => {
  service = await startService('bad-input', { documentLimitBytes: LIMIT })
  evidenceId = await addEvidence(service.alpha, NAME)
  folder = await mkdtemp(join(tmpdir(), 'yinxin-bad-'))
})
test.after.always(async () => {
  await service.close()
  await rm(folder, { recursive: true, force: true })
})

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  try {
    await promise
  } catch (error) {
    if (error instanceof ApiError) return error.problem
    throw error
  }
  throw new Error('was accepted')
}

const issue = (csr: string, more: object = {}) =>
  service.alpha.api.json<CertificateJson>('POST', '/v1/certificates', {
    json: { profile: 'organisation', subject: subjectOf(NAME), csr, identityEvidenceId: evidenceId, ...more },
  })

test('a request signed by another key does not prove possession', async (t) => {
  const spkiDer = spkiOf(ecKey())
  t.is((await problemOf(issue(makeCsr(subjectOf(NAME), { spkiDer })))).code, 'CSR_PROOF_OF_POSSESSION')
})

test('a seal on what is no PDF is refused before a certificate is spent on it', async (t) => {
  const sign = async (json: object) =>
    service.alpha.api.json('POST', '/v1/signatures', {
      json: { signer: await eventSigner(service.alpha, NAME), ...json },
      files: { document: { bytes: bytesOf('plain text'), name: 'a.txt', type: 'text/plain' } },
    })
  const appearance = { page: 1, rect: [10, 10, 150, 60], lines: ['TEST ONLY'] }
  const problem = await problemOf(sign({ appearance }))
  t.is(problem.code, 'REQUEST_INVALID')
  t.regex(problem.detail, /#\/appearance is for PDF files/)
  t.regex((await problemOf(sign({ password: 'TEST ONLY' }))).detail, /#\/password/)
})

test('weak keys are named: RSA of 1024 bits, exponent 3', async (t) => {
  for (const privateKey of [rsaKey(1024, 65_537), rsaKey(2048, 3)]) {
    const problem = await problemOf(issue(makeCsr(subjectOf(NAME), { privateKey })))
    t.is(problem.code, 'KEY_WEAK')
    t.regex(problem.detail, /key/)
  }
})

test('a key that was once compromised stays blocked', async (t) => {
  const privateKey = ecKey()
  const { issuerId, serialHex } = await issue(makeCsr(subjectOf(NAME), { privateKey }))
  await service.alpha.api.json('POST', `/v1/certificates/${issuerId}/${serialHex}/revocation`, {
    json: { reason: 'keyCompromise', legalGround: 'security-not-assured' },
  })
  t.is((await problemOf(issue(makeCsr(subjectOf(NAME), { privateKey })))).code, 'KEY_BLOCKED')
})

test('a point that is not on its curve', async (t) => {
  const spkiDer = spkiOf(ecKey())
  const last = spkiDer.length - 1
  spkiDer[last] = (spkiDer[last] ?? 0) ^ 1
  const csr = makeCsr(subjectOf(NAME), { spkiDer })
  t.throws(() => createPublicKey({ key: Buffer.from(spkiDer), format: 'der', type: 'spki' }).export())
  t.is((await problemOf(issue(csr))).code, 'KEY_WEAK')
})

test('what is no request at all', async (t) => {
  t.is((await problemOf(issue('-----BEGIN CERTIFICATE REQUEST-----'))).code, 'REQUEST_INVALID')
  t.is((await problemOf(issue('AAAA'))).code, 'INPUT_MALFORMED')
  t.is((await problemOf(issue('MIAAAA=='))).code, 'INPUT_MALFORMED')
})

test('a profile that does not exist, is for ceremonies only, or is not kept', async (t) => {
  const csr = makeCsr(subjectOf(NAME))
  t.is((await problemOf(issue(csr, { profile: 'nothing' }))).code, 'PROFILE_UNKNOWN')
  // Checked, and still not what the profile takes.
  const subject = [...subjectOf(NAME), { type: 'UID', value: 'x' }]
  const subjectAltNames = [{ type: 'dns', value: 'not a name' }]
  for (const more of [
    { profile: 'issuing-ca' },
    { validitySeconds: 315_360_000 },
    { subject, identityEvidenceId: await addEvidence(service.alpha, NAME, { subject }) },
    { subjectAltNames, identityEvidenceId: await addEvidence(service.alpha, NAME, { subjectAltNames }) },
  ])
    t.is((await problemOf(issue(csr, more))).code, 'PROFILE_VIOLATION', JSON.stringify(more))
})

test('identity evidence: missing, failed, or about somebody else', async (t) => {
  const csr = makeCsr(subjectOf(NAME))
  t.is((await problemOf(issue(csr, { identityEvidenceId: undefined }))).code, 'IDENTITY_EVIDENCE_REQUIRED')
  const other = { subject: subjectOf('Somebody else TEST ONLY') }
  t.is((await problemOf(issue(csr, other))).code, 'IDENTITY_EVIDENCE_MISMATCH')
  t.is((await problemOf(issue(csr, { identityEvidenceId: 'ev_none' }))).code, 'IDENTITY_EVIDENCE_MISMATCH')
})

const sign = async (bytes: Uint8Array, json: object = {}) =>
  service.alpha.api.json<{ id: string }>('POST', '/v1/signatures', {
    json: { signer: await eventSigner(service.alpha, NAME), format: 'pades', ...json },
    files: { document: { bytes, name: 'a.pdf' } },
  })

const documentOf = (id: string): Promise<Uint8Array> =>
  service.alpha.api.bytes('GET', `/v1/signatures/${id}/document`)

test('a PDF that is damaged, empty, or none', async (t) => {
  t.is((await problemOf(sign(bytesOf('%PDF-1.7\nnothing')))).code, 'PDF_MALFORMED')
  t.is((await problemOf(sign(bytesOf('hello')))).code, 'PDF_MALFORMED')
  t.is((await problemOf(sign(new Uint8Array()))).code, 'REQUEST_INVALID')
})

test('a PDF over the limit is refused while it arrives', async (t) => {
  const problem = await problemOf(sign(new Uint8Array(LIMIT + 1)))
  t.is(problem.code, 'INPUT_TOO_LARGE')
  const raw = await service.fetch(`${service.address}/v1/signatures?request=%7B%7D`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${service.alpha.text}`, 'Content-Type': 'application/pdf' },
    body: Buffer.alloc(LIMIT + 1),
  })
  t.is(raw.status, 413)
})

test('a PDF that is certified against changes', async (t) => {
  const certified = await documentOf((await sign(sampleTablePdf(), { certify: 1 })).id)
  t.is((await problemOf(sign(certified))).code, 'PDF_CERTIFIED_NO_CHANGES')
  t.is((await problemOf(sign(certified, { certify: 2 }))).code, 'PDF_CERTIFIED_NO_CHANGES')
  const open = await documentOf((await sign(sampleTablePdf(), { certify: 2 })).id)
  await t.notThrowsAsync(sign(open))
})

test('an encrypted PDF: without the password, with a wrong one, with the right one', async (t) => {
  if (!requireTool(t, 'qpdf')) return
  await writeFile(join(folder, 'plain.pdf'), sampleTablePdf())
  await run('qpdf', ['--encrypt', 'open', 'owner', '256', '--', 'plain.pdf', 'locked.pdf'], { cwd: folder })
  const locked = new Uint8Array(await readFile(join(folder, 'locked.pdf')))
  t.is((await problemOf(sign(locked))).code, 'PDF_ENCRYPTED')
  t.is((await problemOf(sign(locked, { password: 'wrong' }))).code, 'PDF_ENCRYPTED')
  const signed = await documentOf((await sign(locked, { password: 'open' })).id)
  const answerTo = async (json: object): Promise<string> => {
    const files = { document: { bytes: signed } }
    const made = await service.anonymous.json<{ report: { answer: { key: string } } }>(
      'POST',
      '/v1/verifications',
      { json, files },
    )
    t.false(/hunter-2|"open"/.test(JSON.stringify(made)), 'a password is not repeated')
    return made.report.answer.key
  }
  t.is(await answerTo({}), 'DOCUMENT_ENCRYPTED')
  t.is(await answerTo({ password: 'hunter-2' }), 'DOCUMENT_PASSWORD_WRONG')
  t.is(await answerTo({ password: 'open' }), 'SIGNATURES_ALL_VALID')
})

test('options of a signature that cannot be', async (t) => {
  const appearance = { page: 9, rect: [0, 0, 10, 10] }
  t.is((await problemOf(sign(sampleTablePdf(), { appearance }))).code, 'PADES_PAGE_OUT_OF_RANGE')
  const signed = await documentOf((await sign(sampleTablePdf(), { fieldName: 'Buyer' })).id)
  t.is((await problemOf(sign(signed, { fieldName: 'Buyer' }))).code, 'PADES_FIELD_SIGNED')
  t.is((await problemOf(sign(signed, { certify: 2 }))).code, 'PADES_CERTIFY_NOT_FIRST')
  t.is((await problemOf(sign(sampleTablePdf(), { fieldName: 'a.b' }))).code, 'PADES_OPTION_INVALID')
})

interface Verdict {
  readonly report: {
    readonly indication: string
    readonly signatures: readonly { readonly indication: string; readonly subIndication: string | null }[]
  }
}

const verify = (bytes: Uint8Array): Promise<Verdict> =>
  service.anonymous.json<Verdict>('POST', '/v1/verifications', { files: { document: { bytes } } })

test('verification: a ByteRange that is missing, overlaps or leaves something out is no pass', async (t) => {
  const signed = await documentOf((await signPdf(service.alpha, NAME)).id)
  t.is((await verify(signed)).report.indication, 'TOTAL-PASSED')
  const text = textOf(signed)
  const [whole = '', first = '', second = '', third = ''] =
    /\/ByteRange\s*\[\s*0\s+(\d+)\s+(\d+)\s+(\d+)\s*\]/.exec(text) ?? []
  t.true(whole.length > 0)
  const padded = (range: string): string =>
    `/ByteRange [${range}]`.padEnd(whole.length, ' ').slice(0, whole.length)
  const attacks = {
    missing: whole.replace('/ByteRange', '/ByteRangX'),
    overlapping: padded(`0 ${second} ${first} ${third}`),
    'second part only': padded(`${second} ${third} ${second} ${third}`),
    'beyond the end': padded(`0 ${first} ${second} ${Number(third) + 5}`),
    short: padded(`0 ${first} ${second} ${Number(third) - 50}`),
  }
  for (const [name, range] of Object.entries(attacks)) {
    const { report } = await verify(bytesOf(text.replace(whole, range)))
    t.not(report.indication, 'TOTAL-PASSED', name)
  }
})

test('verification of what is no signed document still answers', async (t) => {
  for (const bytes of [
    bytesOf('hello'),
    sampleTablePdf(),
    bytesOf('%PDF-1.7\n'),
    new Uint8Array([0x30, 0x80, 0, 0]),
  ]) {
    const { report } = await verify(bytes)
    t.not(report.indication, 'TOTAL-PASSED')
  }
})

const postOcsp = async (body: Uint8Array): Promise<ReturnType<typeof parseOcspResponse>> => {
  const response = await service.fetch(`${service.address}/ocsp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/ocsp-request' },
    body: Buffer.from(body),
  })
  return parseOcspResponse(new Uint8Array(await response.arrayBuffer()))
}

test('OCSP: garbage, an unknown issuer, many serials, a nonce of 33 octets', async (t) => {
  if (!requireTool(t, 'openssl')) return
  t.is((await postOcsp(bytesOf('garbage'))).status, 'malformedRequest')
  const certificate = await issueHeld(service.alpha, NAME)
  await writeFile(join(folder, 'issuer.pem'), certificate.chainPem[0] ?? '')
  const build = async (issuer: string, serials: readonly string[], more: readonly string[] = []) => {
    const words = serials.flatMap((serial) => ['-serial', serial])
    await run('openssl', ['ocsp', '-issuer', issuer, ...words, ...more, '-reqout', 'r.der'], { cwd: folder })
    return new Uint8Array(await readFile(join(folder, 'r.der')))
  }
  const never = await postOcsp(await build('issuer.pem', ['0x0123']))
  t.is(never.status, 'successful')
  t.false(JSON.stringify(never.basic?.responses.map((one) => one.status)).includes('good'))
  const openssl = (...words: string[]) => run('openssl', words, { cwd: folder })
  await openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj'],
    ...['/CN=Foreign TEST ONLY', '-keyout', 'f.key', '-out', 'foreign.pem'],
  )
  const foreign = await postOcsp(await build('foreign.pem', ['0x01']))
  t.not(foreign.status, 'successful')
  const many = Array.from({ length: 500 }, (_value, index) => `0x${(index + 1).toString(16)}`)
  const answer = await postOcsp(await build('issuer.pem', many))
  t.not(answer.status, 'successful')
})

test('OCSP by GET: what is not Base64 is a malformed request, not a failure', async (t) => {
  for (const path of ['%00', 'AAAA', '!!!!', 'x'.repeat(3000)]) {
    const response = await service.fetch(`${service.address}/ocsp/${path}`)
    t.is(response.status, 200)
    const { status } = parseOcspResponse(new Uint8Array(await response.arrayBuffer()))
    t.is(status, 'malformedRequest', path.slice(0, 20))
    t.is(response.headers.get('cache-control'), 'no-store')
  }
})

test('time stamps: an unknown hash and garbage are refused in the words of RFC 3161', async (t) => {
  if (!requireTool(t, 'openssl')) return
  await writeFile(join(folder, 'data'), 'TEST ONLY')
  await run('openssl', ['ts', '-query', '-data', 'data', '-md5', '-out', 'md5.tsq'], { cwd: folder })
  for (const body of [await readFile(join(folder, 'md5.tsq')), Buffer.from('garbage')]) {
    const response = await service.fetch(`${service.address}/tsa`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/timestamp-query' },
      body,
    })
    t.is(response.status, 200)
    const parsed = parseTimeStampResponse(new Uint8Array(await response.arrayBuffer()))
    t.is(parsed.tokenDer, undefined)
  }
})

test('PKCS#12 that is none, and keys of algorithms that nobody has', async (t) => {
  const { api } = service.alpha
  const take = (bytes: Uint8Array) =>
    api.json('POST', '/v1/keys/import', { json: { passphrase: 'x' }, files: { document: { bytes } } })
  t.is((await problemOf(take(bytesOf('garbage')))).code, 'INPUT_MALFORMED')
  t.is((await problemOf(take(fromBase64('MAAAAA==')))).code, 'INPUT_MALFORMED')
  t.is(
    (await problemOf(api.json('POST', '/v1/keys', { json: { algorithm: 'ROT13' } }))).code,
    'ALGORITHM_UNSUPPORTED',
  )
})

test('statistics of a period that is none', async (t) => {
  const ask = (from: string, to: string) =>
    service.staff.api.json('GET', '/v1/regulator/statistics', { query: { from, to } })
  for (const [from, to] of [
    ['2026-13-01', '2026-13-02'],
    ['2026-02-02', '2026-02-01'],
    ['1000-01-01', '9999-01-01'],
  ] as const)
    t.is((await problemOf(ask(from, to))).code, 'STATISTICS_RANGE', from)
})
