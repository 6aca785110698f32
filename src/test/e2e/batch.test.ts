/** `POST /v1/certificates/batch` through HTTP, with worker threads: what is wrong with one item costs no other. */
import test from 'ava'
import { ApiError } from '../../sdk/client.ts'
import { ecKey, makeCsr, spkiOf } from './csr.ts'
import { addEvidence, type CertificateJson, subjectOf } from './objects.ts'
import { startService, type TestService } from './start.ts'

const NAME = 'Batch TEST ONLY'
const subject = subjectOf(NAME)

interface Item {
  readonly index: number
  readonly ref?: string
  readonly outcome: 'issued' | 'repeated' | 'refused'
  readonly issuerId: string
  readonly serialHex: string
  readonly certificatePem: string
  readonly problem?: { readonly code: string; readonly detail: string }
}

interface Answer {
  readonly issued: number
  readonly repeated: number
  readonly refused: number
  readonly items: readonly Item[]
  readonly chains: Readonly<Record<string, readonly string[]>>
}

let service: TestService
let identityEvidenceId: string

test.before(async () => {
  service = await startService('batch', { threads: 2 })
  identityEvidenceId = await addEvidence(service.alpha, NAME)
})
test.after.always(() => service.close())

const item = (more: object = {}) => ({
  profile: 'organisation',
  subject,
  csr: makeCsr(subject),
  identityEvidenceId,
  ...more,
})

const send = (items: readonly unknown[], idempotencyKey?: string): Promise<Answer> =>
  service.alpha.api.json<Answer>('POST', '/v1/certificates/batch', {
    json: { items },
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  })

test('a batch with a few bad items: those fail by name, the rest are issued', async (t) => {
  const broken = makeCsr(subject, { spkiDer: spkiOf(ecKey()) })
  const bad: readonly [unknown, string][] = [
    [{ ...item(), csr: undefined }, 'REQUEST_INVALID'],
    [item({ unknown: true }), 'REQUEST_INVALID'],
    [null, 'REQUEST_INVALID'],
    [item({ profile: 'none' }), 'PROFILE_UNKNOWN'],
    [item({ profile: 'ocsp-responder' }), 'PROFILE_VIOLATION'],
    [item({ identityEvidenceId: undefined }), 'IDENTITY_EVIDENCE_REQUIRED'],
    [item({ subject: subjectOf('Somebody else TEST ONLY') }), 'IDENTITY_EVIDENCE_MISMATCH'],
    [item({ csr: broken }), 'CSR_PROOF_OF_POSSESSION'],
    [item({ csr: 'AAAA' }), 'INPUT_MALFORMED'],
    [item({ issuerId: 'none' }), 'ISSUER_UNKNOWN'],
  ]
  const good = Array.from({ length: 40 }, (_, n) => item({ ref: `order-${n}` }))
  const items = [...good.slice(0, 20), ...bad.map(([one]) => one), ...good.slice(20)]
  const answer = await send(items)
  t.is(answer.issued, 40)
  t.is(answer.refused, bad.length)
  t.deepEqual(
    answer.items.slice(20, 20 + bad.length).map(({ problem }) => problem?.code),
    bad.map(([, code]) => code),
  )
  t.regex(answer.items[21]?.problem?.detail ?? '', /#\/items\/21/)
  t.deepEqual(
    answer.items.map(({ index }) => index),
    items.map((_, index) => index),
  )
  t.is(answer.items.at(-1)?.ref, 'order-39')
  const issued = answer.items.filter(({ outcome }) => outcome === 'issued')
  t.is(new Set(issued.map(({ serialHex }) => serialHex)).size, 40)
  for (const { issuerId, serialHex, certificatePem } of issued.slice(0, 3)) {
    const stored = await service.alpha.api.json<CertificateJson>(
      'GET',
      `/v1/certificates/${issuerId}/${serialHex}`,
    )
    t.is(stored.certificatePem, certificatePem)
    t.deepEqual(stored.chainPem, answer.chains[issuerId])
  }
})

test('a batch sent again gets the same answer, and after a lost answer the same certificates', async (t) => {
  const items = Array.from({ length: 5 }, () => item())
  const first = await send(items, 'batch-1')
  t.deepEqual(await send(items, 'batch-1'), first)
  const again = await send([...items, item()])
  t.deepEqual([again.issued, again.repeated, again.refused], [1, 5, 0])
  t.deepEqual(
    again.items.slice(0, 5).map(({ certificatePem }) => certificatePem),
    first.items.map(({ certificatePem }) => certificatePem),
  )
  const error = await t.throwsAsync(send([item()], 'batch-1'), { instanceOf: ApiError })
  t.is(error.problem.code, 'IDEMPOTENCY_KEY_REUSED')
})

test('the certificate of a key is not handed to another business, nor under another profile', async (t) => {
  const mine = item()
  t.is((await send([mine])).issued, 1)
  const theirs = { ...mine, identityEvidenceId: await addEvidence(service.beta, NAME) }
  const answer = await service.beta.api.json<Answer>('POST', '/v1/certificates/batch', {
    json: { items: [theirs] },
  })
  t.is(answer.items[0]?.problem?.code, 'PROFILE_VIOLATION')
  for (const other of [{ profile: 'device' }, { subject: subject.slice(0, -1) }, { validitySeconds: 86_400 }])
    t.is((await send([{ ...mine, ...other }])).items[0]?.outcome, 'refused', JSON.stringify(other))
  t.is((await send([mine])).items[0]?.outcome, 'repeated')
})

test('one key twice in a batch is certified once', async (t) => {
  const twice = item()
  const { items } = await send([twice, twice])
  t.deepEqual(items.map(({ outcome }) => outcome).toSorted(), ['issued', 'refused'])
})

test('too many items and too many bytes are refused before they are looked at', async (t) => {
  const many = await t.throwsAsync(send(Array.from({ length: 1_001 }, () => null)), { instanceOf: ApiError })
  t.is(many.problem.code, 'REQUEST_INVALID')
  const none = await t.throwsAsync(send([]), { instanceOf: ApiError })
  t.is(none.problem.code, 'REQUEST_INVALID')
  const large = await t.throwsAsync(send([item({ csr: 'A'.repeat(5_000_000) })]), { instanceOf: ApiError })
  t.is(large.problem.code, 'INPUT_TOO_LARGE')
})
