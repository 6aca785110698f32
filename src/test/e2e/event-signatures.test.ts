/** `POST /v1/event-signatures` through HTTP: digests in, signatures out, and what outsiders make of them. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parseReceipt } from '../../audit/receipt.ts'
import { ApiError } from '../../sdk/client.ts'
import { requireTool, run } from '../judges.ts'
import { addEvidence, subjectOf } from './objects.ts'
import { startService, type TestKey, type TestService } from './start.ts'

const NAME = 'Event TEST ONLY'
const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex')
const fileOf = (name: string): Uint8Array => new TextEncoder().encode(`TEST ONLY ${name}`)

interface Item {
  readonly index: number
  readonly ref?: string
  readonly outcome: 'signed' | 'refused'
  readonly issuerId: string
  readonly serialHex: string
  readonly certificatePem: string
  readonly issuedRecordId: string
  readonly keyDestroyedRecordId: string
  readonly recordSalt: string
  readonly signatures: readonly {
    readonly digest: string
    readonly cms: string
    readonly timestampedAt: string | null
    readonly recordId: string
  }[]
  readonly problem?: { readonly code: string; readonly detail: string }
}

interface Answer {
  readonly signed: number
  readonly refused: number
  readonly items: readonly Item[]
  readonly chains: Readonly<Record<string, readonly string[]>>
}

interface Verdict {
  readonly report: {
    readonly indication: string
    readonly signatures: readonly {
      readonly indication: string
      readonly level: string
      readonly reasons: readonly { readonly key: string }[]
      readonly conditions: readonly { readonly number: number; readonly result: string }[]
    }[]
  }
}

let service: TestService
let identityEvidenceId: string

test.before(async () => {
  service = await startService('events', { threads: 2 })
  identityEvidenceId = await addEvidence(service.alpha, NAME)
})
test.after.always(() => service.close())

const signer = (more: object = {}) => ({ subject: subjectOf(NAME), identityEvidenceId, ...more })

const event = (names: readonly string[], more: object = {}) => ({
  signer: signer(),
  intent: { text: 'TEST ONLY 本人同意签署' },
  digests: names.map((name) => sha256(fileOf(name))),
  ...more,
})

const send = (items: readonly unknown[], idempotencyKey?: string, key: TestKey = service.alpha) =>
  key.api.json<Answer>('POST', '/v1/event-signatures', {
    json: { items },
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  })

/** The only item, and its first signature. */
function only({ items }: Answer) {
  const [item, ...more] = items
  const made = item?.signatures[0]
  if (!item || !made || more.length > 0) throw new Error(`not one signed item: ${JSON.stringify(items)}`)
  return { item, made }
}

const verify = (cms: string, content: Uint8Array) =>
  service.alpha.api.json<Verdict>('POST', '/v1/verifications', {
    files: { document: { bytes: Buffer.from(cms, 'base64'), name: 'a.p7s' }, content: { bytes: content } },
  })

test('digests of two signers: each signature is valid over its own file and over no other', async (t) => {
  const names = ['contract', 'annex']
  const { signed, items, chains } = await send([event(names, { ref: 'a' }), event(['other'])])
  t.is(signed, 2)
  const [first, second] = items
  if (!first || !second) return t.fail()
  t.is(first.ref, 'a')
  t.not(first.serialHex, second.serialHex)
  t.is(chains[first.issuerId]?.length, 2)
  t.deepEqual(first.signatures.map(({ digest }) => digest), names.map((name) => sha256(fileOf(name)))) // prettier-ignore
  for (const [n, { cms, timestampedAt }] of first.signatures.entries()) {
    t.truthy(timestampedAt)
    const { report } = await verify(cms, fileOf(names[n] ?? ''))
    t.like(report, { indication: 'TOTAL-PASSED', signatures: [{ level: 'B-T' }] })
    t.is(report.signatures[0]?.conditions[0]?.result, 'pass', 'art. 13 (1): the key was made for this')
    t.is((await verify(cms, fileOf('other'))).report.indication, 'TOTAL-FAILED')
  }
})

test('openssl accepts the signature over the file, and no other file', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const answer = await send([event(['judged'], { commitment: 'approval' })])
  const { item, made } = only(answer)
  const folder = await mkdtemp(join(tmpdir(), 'event-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const at = (name: string): string => join(folder, name)
  await writeFile(at('root.pem'), answer.chains[item.issuerId]?.at(-1) ?? '')
  await writeFile(at('s.p7s'), Buffer.from(made.cms, 'base64'))
  for (const name of ['judged', 'else']) {
    await writeFile(at('content'), fileOf(name))
    const { status, stderr } = await run('openssl', [
      ...['cms', '-verify', '-inform', 'DER', '-in', at('s.p7s'), '-content', at('content'), '-binary'],
      ...['-CAfile', at('root.pem'), '-purpose', 'any'],
    ])
    t.is(status === 0, name === 'judged', stderr)
  }
})

test('records: the intent as a salted hash, the digests, the destroyed key; each with its receipt', async (t) => {
  const { item, made } = only(await send([event(['receipted'])]))
  const find = async (id: string) => (await service.house.store.records.find(id))?.record
  t.deepEqual((await find(item.issuedRecordId))?.data['eventDigests'], [
    { alg: 'SHA-256', digestHex: sha256(fileOf('receipted')) },
  ])
  const created = await find(made.recordId)
  t.is(created?.type, 'signature.created')
  t.is((await find(item.keyDestroyedRecordId))?.type, 'key.destroyed')
  const said: unknown[] = []
  const { records } = service.house.store
  for await (const { record } of records.stream(['signature.intent'], 0, await records.lastRow()))
    if (record.data['intentId'] === created?.data['intentId']) said.push(record.data['agreedHash'])
  const agreed = createHash('sha256').update(Buffer.from(item.recordSalt, 'hex'))
  agreed.update(Buffer.from(sha256('TEST ONLY 本人同意签署'), 'hex'))
  t.deepEqual(said, [agreed.digest('hex')])
  await service.sequenced()
  for (const id of [item.issuedRecordId, item.keyDestroyedRecordId, made.recordId])
    t.truthy(parseReceipt(await service.anonymous.bytes('GET', `/log/receipt/${id}`)).proof)
})

test('a request with a few bad items: those fail by name, the rest are signed', async (t) => {
  const bad: readonly [unknown, string][] = [
    [null, 'REQUEST_INVALID'],
    [event([]), 'REQUEST_INVALID'],
    [event(['a', 'a']), 'REQUEST_INVALID'],
    [{ ...event(['a']), intent: undefined }, 'REQUEST_INVALID'],
    [{ ...event(['a']), digests: ['00'] }, 'REQUEST_INVALID'],
    [event(['a'], { signer: signer({ profile: 'none' }) }), 'PROFILE_UNKNOWN'],
    [event(['a'], { signer: signer({ profile: 'organisation' }) }), 'PROFILE_VIOLATION'],
    [event(['a'], { signer: signer({ validitySeconds: 1 }) }), 'PROFILE_VIOLATION'],
    [event(['a'], { signer: signer({ identityEvidenceId: undefined }) }), 'IDENTITY_EVIDENCE_REQUIRED'],
    [event(['a'], { signer: signer({ subject: subjectOf('Other') }) }), 'IDENTITY_EVIDENCE_MISMATCH'],
    [event(['a'], { signer: signer({ issuerId: 'none' }) }), 'ISSUER_UNKNOWN'],
  ]
  const items = [event(['first']), ...bad.map(([one]) => one), event(['last'], { level: 'B-B' })]
  const answer = await send(items)
  t.deepEqual([answer.signed, answer.refused], [2, bad.length])
  t.deepEqual(
    answer.items.slice(1, -1).map(({ problem }) => problem?.code),
    bad.map(([, code]) => code),
  )
  t.is(answer.items.at(-1)?.signatures[0]?.timestampedAt, null)
  const { report } = await verify(answer.items.at(-1)?.signatures[0]?.cms ?? '', fileOf('last'))
  t.is(report.signatures[0]?.level, 'B-B')
})

test('a request sent again gets the same signatures, and no second key', async (t) => {
  const items = [event(['once'])]
  const first = await send(items, 'event-1')
  t.deepEqual(await send(items, 'event-1'), first)
  const error = await t.throwsAsync(send([event(['twice'])], 'event-1'), { instanceOf: ApiError })
  t.is(error.problem.code, 'IDEMPOTENCY_KEY_REUSED')
})

test('who may not sign gets nothing, and evidence of another business is none', async (t) => {
  for (const role of ['admin', 'operator', 'auditor'] as const) {
    const key = await service.key('alpha', [role])
    const error = await t.throwsAsync(send([event(['a'])], undefined, key), { instanceOf: ApiError })
    t.is(error.problem.code, 'AUTH_FORBIDDEN')
  }
  const { items } = await send([event(['a'])], undefined, service.beta)
  t.is(items[0]?.problem?.code, 'IDENTITY_EVIDENCE_MISMATCH')
})

test('too many signers, digests and octets are refused before a key is made', async (t) => {
  const digests = Array.from({ length: 100 }, (_, n) => sha256(String(n)))
  const full = { ...event([]), digests }
  for (const items of [
    Array.from({ length: 101 }, () => null),
    Array.from({ length: 11 }, () => full),
    [],
    [{ ref: 'x'.repeat(2_200_000) }],
  ]) {
    const error = await t.throwsAsync(send(items), { instanceOf: ApiError })
    t.regex(error.problem.code, /^(REQUEST_INVALID|INPUT_TOO_LARGE)$/)
  }
  const { signed, items } = await send([full])
  t.is(signed, 1)
  t.is(items[0]?.signatures.length, 100)
})
