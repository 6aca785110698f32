/** Attacks on the running service that once worked: each has its name. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ApiError } from '../../sdk/client.ts'
import { requireTool, run } from '../judges.ts'
import { sampleTablePdf } from '../sample-pdf.ts'
import { ecKey, makeCsr } from './csr.ts'
import { addEvidence, type CertificateJson, subjectOf } from './objects.ts'
import { startService, type TestKey, type TestService } from './start.ts'

const NAME = 'Attacks TEST ONLY'
let service: TestService
test.before(async () => {
  service = await startService('attacks')
})
test.after.always(() => service.close())

const issue = (key: TestKey, json: object) =>
  key.api.json<CertificateJson>('POST', '/v1/certificates', { json })

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'done'
  } catch (error) {
    if (error instanceof ApiError) return error.problem.code
    throw error
  }
}

test('the public log does not give away reports that only their id protects', async (t) => {
  const { id } = await service.anonymous.json<{ id: string }>('POST', '/v1/verifications', {
    files: { document: { bytes: sampleTablePdf(), name: 'secret.pdf' } },
  })
  await service.sequenced()
  const { size } = await service.house.services.log.head()
  const leaves = await service.house.store.log.readLeaves(0, size)
  t.true(leaves.length > 0)
  for (const { leaf } of leaves) t.false(new TextDecoder().decode(leaf).includes(id))
})

test('an event certificate for a key that its owner keeps does not prove who held the key', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const folder = await mkdtemp(join(tmpdir(), 'yinxin-attacks-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const privateKey = ecKey()
  const certificate = await issue(service.alpha, {
    profile: 'event',
    subject: subjectOf(NAME),
    csr: makeCsr(subjectOf(NAME), { privateKey }),
    identityEvidenceId: await addEvidence(service.alpha, NAME),
  })
  const content = new TextEncoder().encode('TEST ONLY')
  await writeFile(join(folder, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await writeFile(join(folder, 'cert.pem'), certificate.certificatePem)
  await writeFile(join(folder, 'content'), content)
  await run(
    'openssl',
    [
      ...['cms', '-sign', '-binary', '-cades', '-md', 'sha256', '-outform', 'DER', '-in', 'content'],
      ...['-signer', 'cert.pem', '-inkey', 'key.pem', '-out', 'signature'],
    ],
    { cwd: folder },
  )
  const { report } = await service.anonymous.json<{
    report: { indication: string; signatures: readonly object[] }
  }>('POST', '/v1/verifications', {
    files: {
      document: { bytes: new Uint8Array(await readFile(join(folder, 'signature'))), name: 'a.p7s' },
      content: { bytes: content },
    },
  })
  t.is(report.indication, 'TOTAL-PASSED')
  t.regex(JSON.stringify(report.signatures[0]), /"number":1,"result":"unknown"/)
})

test('staff of the institution cannot issue on the identity evidence of a business', async (t) => {
  const identityEvidenceId = await addEvidence(service.alpha, NAME)
  const request = { profile: 'organisation', subject: subjectOf(NAME), csr: makeCsr(subjectOf(NAME)) }
  t.is(await codeOf(issue(service.staff, { ...request, identityEvidenceId })), 'IDENTITY_EVIDENCE_MISMATCH')
  t.is(await codeOf(issue(service.alpha, { ...request, identityEvidenceId })), 'done')
})

test('a certificate says nothing of its subject that identity evidence does not back', async (t) => {
  const { api } = service.alpha
  const checked = [
    ...subjectOf(NAME).slice(0, 2),
    { type: 'OU', value: 'Sales' },
    ...subjectOf(NAME).slice(2),
  ]
  const email = { type: 'email', value: 'sales@example.test' }
  const evidence = { subject: checked, subjectAltNames: [email] }
  const identityEvidenceId = await addEvidence(service.alpha, NAME, evidence)
  const base = { profile: 'organisation', identityEvidenceId, csr: makeCsr(subjectOf(NAME)) }
  const pointers = async (promise: Promise<unknown>) => {
    const { problem } = await t.throwsAsync<ApiError>(promise, { instanceOf: ApiError })
    t.is(problem.code, 'IDENTITY_EVIDENCE_MISMATCH')
    return (problem as { errors?: readonly { pointer: string }[] }).errors?.map(({ pointer }) => pointer)
  }
  const [country, organisation, , name] = checked
  const place = { type: 'L', value: 'Zürich' }
  const other = { type: 'email', value: 'ceo@example.test' }
  const claims: readonly (readonly [readonly unknown[], readonly unknown[], string])[] = [
    [[country, organisation, { type: 'OU', value: 'Board of directors' }, name], [], '#/subject/2'],
    [[country, place, organisation, name], [], '#/subject/1'],
    [[country, { type: 'ST', value: 'Zürich' }, organisation, name], [], '#/subject/1'],
    [[country, organisation, { type: 'title', value: 'Sales' }, name], [], '#/subject/2'],
    [[country, organisation, { type: 'STREET', value: 'Sales' }, name], [], '#/subject/2'],
    [[{ type: 'C', value: 'CH' }, organisation, name], [], '#/subject/0'],
    [checked, [email, other], '#/subjectAltNames/1'],
    [checked, [{ type: 'dns', value: email.value }], '#/subjectAltNames/0'],
  ]
  for (const [subject, subjectAltNames, pointer] of claims)
    t.deepEqual(await pointers(issue(service.alpha, { ...base, subject, subjectAltNames })), [pointer])

  const event = { subject: [country, place, organisation, name], identityEvidenceId }
  const files = { document: { bytes: sampleTablePdf(), name: 'a.pdf', type: 'application/pdf' } }
  const json = { signer: { event }, level: 'B-B' }
  t.deepEqual(await pointers(api.json('POST', '/v1/signatures', { json, files })), [
    '#/signer/event/subject/1',
  ])

  // What was checked may be said, and may be left out.
  const whole = await issue(service.alpha, { ...base, subject: checked, subjectAltNames: [email] })
  t.regex(whole.subject, /OU=Sales/)
  const csr = makeCsr(subjectOf(NAME))
  const short = await issue(service.alpha, { ...base, csr, subject: [country, organisation, name] })
  t.notRegex(short.subject, /OU=/)
})

test('a name does not hold what a reader cannot see', async (t) => {
  for (const odd of [
    '\u202egnp',
    'a\u200bb',
    'a\u00a0b',
    'a\u{e0041}',
    '\ue000',
    'a\u2028b',
    '\u2063',
    '\u115f',
    'a\u3164b',
  ]) {
    const subject = subjectOf(`x${odd}x`)
    const identityEvidenceId = await addEvidence(service.alpha, `x${odd}x`)
    const request = { profile: 'organisation', subject, csr: makeCsr(subjectOf(NAME)), identityEvidenceId }
    t.is(await codeOf(issue(service.alpha, request)), 'PROFILE_VIOLATION', JSON.stringify(odd))
  }
})

test('requests for one key at the same moment get one certificate', async (t) => {
  const request = {
    profile: 'organisation',
    subject: subjectOf(NAME),
    csr: makeCsr(subjectOf(NAME)),
    identityEvidenceId: await addEvidence(service.alpha, NAME),
  }
  const codes = await Promise.all(Array.from({ length: 5 }, () => codeOf(issue(service.alpha, request))))
  t.is(codes.filter((code) => code === 'done').length, 1, codes.join(' '))
})
