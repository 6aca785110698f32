import { createHash } from 'node:crypto'

import test from 'ava'
import fc from 'fast-check'

import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { oid, sequence, setOf, utf8String } from './asn1/writer.ts'
import { CodedError } from './errors.ts'
import { issue, issueMany } from './issue.ts'
import type { IssuanceToken, IssueRequest } from './ports.ts'
import { prepare, prepareMany } from './prepare.ts'
import { SUBJECT, codeOf, makeCsr, makeRequest } from './testing/requests.ts'
import { openTestCore, type TestCore } from './testing/test-core.ts'
import { parseCertificate } from './x509/certificate.ts'

const typesOf = ({ store }: TestCore): string[] => store.records.map((record) => record.type)

test('check 14: a blocked key gets no certificate', async (t) => {
  const { core, store } = await openTestCore()
  const asked = await makeRequest()
  const { serialHex, issuerId } = await issue(core, await prepare(core, asked))
  const { spkiSha256 } = store.issued.get(`${issuerId}/${serialHex}`) ?? { spkiSha256: '' }
  store.blockedKeys.add(spkiSha256)
  t.is(await codeOf(prepare(core, asked)), 'KEY_BLOCKED')
})

test('a key with a live certificate gets no second one, in one batch neither; event profiles allow it', async (t) => {
  const { core } = await openTestCore()
  const asked = await makeRequest()
  const [first, second] = await prepareMany(core, [asked, asked])
  t.false(first instanceof CodedError)
  t.true(second instanceof CodedError && second.code === 'PROFILE_VIOLATION')
  await issue(core, first as IssuanceToken)
  t.is(await codeOf(prepare(core, asked)), 'PROFILE_VIOLATION')
  t.is(await codeOf(prepare(core, { ...asked, profile: 'event' })), 'done')
})

test('key reuse: of requests for one key that come at the same moment, one gets a certificate', async (t) => {
  const { core } = await openTestCore()
  const asked = await makeRequest()
  const codes = await Promise.all(Array.from({ length: 5 }, () => codeOf(prepare(core, asked))))
  t.deepEqual(codes.toSorted(), [...Array<string>(4).fill('PROFILE_VIOLATION'), 'done'])
})

test('check 15: proof of possession with one bit changed is refused and recorded', async (t) => {
  const made = await openTestCore()
  const csrDer = await makeCsr()
  csrDer[csrDer.length - 1] = (csrDer.at(-1) ?? 0) ^ 1
  t.is(await codeOf(prepare(made.core, await makeRequest({ key: { csrDer } }))), 'CSR_PROOF_OF_POSSESSION')
  t.deepEqual(typesOf(made), ['certificate.refused'])
})

test('identity evidence is required of everybody whom a certificate names', async (t) => {
  const { core } = await openTestCore()
  for (const profile of ['individual', 'organisation', 'device', 'event'])
    t.is(
      await codeOf(prepare(core, await makeRequest({ profile, identityEvidenceId: null }))),
      'PROFILE_VIOLATION',
      profile,
    )
})

test('a batch commits once per step, and one refusal does not hold up the others', async (t) => {
  const made = await openTestCore()
  const tokens = await prepareMany(made.core, [
    await makeRequest(),
    await makeRequest({ subject: [{ type: 'C', value: 'CN' }] }),
    await makeRequest({ profile: 'no-such-profile-张三' }),
    await makeRequest({ profile: 'event', eventDigests: [{ alg: 'SHA-256', digestHex: 'ab'.repeat(32) }] }),
  ])
  t.deepEqual(
    tokens.map((token) => (token instanceof CodedError ? token.code : 'token')),
    ['token', 'PROFILE_VIOLATION', 'PROFILE_UNKNOWN', 'token'],
  )
  const certificates = await issueMany(
    made.core,
    tokens.filter((token): token is IssuanceToken => !(token instanceof CodedError)),
  )
  t.is(certificates.filter((one) => !(one instanceof CodedError)).length, 2)
  t.deepEqual(made.store.calls, ['recordIntents', 'recordIssued'])
  t.notRegex(JSON.stringify(made.store.records), /张三/, 'no name in a record')
})

test('check 16: a store that fails after signing yields no certificate and no second one', async (t) => {
  for (const fault of ['fail', 'fail-but-persisted'] as const) {
    const made = await openTestCore()
    const token = await prepare(made.core, await makeRequest())
    made.store.failNext('recordIssued', fault)
    t.is(await codeOf(issue(made.core, token)), 'STORE_UNAVAILABLE')
    t.is(await codeOf(issue(made.core, token)), 'TOKEN_REJECTED')
    t.is(made.store.issued.size, fault === 'fail' ? 0 : 1)
    t.is(
      (await made.store.findStatus(token.issuerId, token.serialHex))?.state,
      fault === 'fail' ? 'intent' : 'valid',
    )
  }
})

test('a record holds a salted hash of the subject, and the row the salt', async (t) => {
  const { core, store } = await openTestCore()
  const { serialHex, issuerId, certDer } = await issue(core, await prepare(core, await makeRequest()))
  const row = store.issued.get(`${issuerId}/${serialHex}`)
  const expected = createHash('sha256')
    .update(Buffer.from(row?.subjectSalt ?? '', 'hex'))
    .update(parseCertificate(certDer).subject.raw)
    .digest('hex')
  t.is(store.records.at(-1)?.data['subjectHash'], expected)
  t.is(row?.subject, 'CN=TEST ONLY 张三,C=CN')
})

test('requests that a profile does not allow', async (t) => {
  const { core } = await openTestCore()
  const long = '张'.repeat(65)
  const cases: Partial<IssueRequest>[] = [
    { subject: [...SUBJECT, { type: 'DC', value: 'example' }] },
    { subject: [...SUBJECT, { type: 'CN', value: 'second' }] },
    {
      subject: [
        { type: 'C', value: 'cn' },
        { type: 'CN', value: 'x' },
      ],
    },
    {
      subject: [
        { type: 'C', value: 'CN' },
        { type: 'CN', value: ' x' },
      ],
    },
    {
      subject: [
        { type: 'C', value: 'CN' },
        { type: 'CN', value: '' },
      ],
    },
    {
      subject: [
        { type: 'C', value: 'CN' },
        { type: 'CN', value: long },
      ],
    },
    {
      subject: [
        { type: 'C', value: 'CN' },
        { type: 'CN', value: 'a\u0000b' },
      ],
    },
    {
      subject: [
        { type: 'C', value: 'CN' },
        { type: 'CN', value: '\ud800' },
      ],
    },
    { subjectAltNames: [{ type: 'dns', value: 'example.com' }] },
    { subjectAltNames: [{ type: 'email', value: 'a@b@c' }] },
    { eventDigests: [{ alg: 'SHA-256', digestHex: 'ab'.repeat(32) }] },
    { profile: 'event', eventDigests: [{ alg: 'SHA-256', digestHex: 'AB'.repeat(32) }] },
    { profile: 'event', eventDigests: [{ alg: 'SHA-1', digestHex: 'ab'.repeat(20) }] },
    { profile: 'device', subject: SUBJECT },
    { issuerId: 'root' },
  ]
  for (const one of cases)
    t.is(await codeOf(prepare(core, await makeRequest(one))), 'PROFILE_VIOLATION', JSON.stringify(one))
  t.is(await codeOf(prepare(core, await makeRequest({ issuerId: 'nobody' }))), 'ISSUER_UNKNOWN')
  t.is(
    await codeOf(
      prepare(core, await makeRequest({ subjectAltNames: [{ type: 'email', value: 'a@example.com' }] })),
    ),
    'done',
  )
})

test('a request in the wrong order is written in the order of the profile', async (t) => {
  const { core } = await openTestCore()
  const { certDer } = await issue(
    core,
    await prepare(core, await makeRequest({ subject: SUBJECT.toReversed() })),
  )
  const attribute = (type: string, value: Uint8Array): Uint8Array => setOf(sequence(oid(type), value))
  t.deepEqual(
    parseCertificate(certDer).subject.raw,
    sequence(
      attribute('2.5.4.6', Uint8Array.of(0x13, 2, 0x43, 0x4e)),
      attribute('2.5.4.3', utf8String('TEST ONLY 张三')),
    ),
  )
})

test('a held key of another business looks like one that is not there', async (t) => {
  const { core, keys } = await openTestCore()
  const key = await keys.generate(getKeyAlgorithm('P-256'), 't2')
  t.is(await codeOf(prepare(core, await makeRequest({ key: { keyId: key.keyId } }))), 'KEY_NOT_FOUND')
  t.is(await codeOf(prepare(core, await makeRequest({ key: { keyId: 'no-such-key' } }))), 'KEY_NOT_FOUND')
  t.is(await codeOf(prepare(core, await makeRequest({ key: { keyId: key.keyId }, tenant: 't2' }))), 'done')
})

test('any bytes as a request give a coded answer', async (t) => {
  const { core, store } = await openTestCore()
  const good = await makeCsr()
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(good.length), async (bytes, at) => {
      t.not(await codeOf(prepare(core, await makeRequest({ key: { csrDer: bytes } }))), 'done')
      const bent = new Uint8Array([
        ...good.subarray(0, at),
        ...bytes.subarray(0, 3),
        ...good.subarray(at + 3),
      ])
      await codeOf(prepare(core, await makeRequest({ key: { csrDer: bent }, profile: 'event' })))
    }),
    { numRuns: 200 },
  )
  t.is(store.issued.size, 0)
})
