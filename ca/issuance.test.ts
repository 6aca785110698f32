import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

import test from 'ava'
import fc from 'fast-check'

import { getSignatureAlgorithm } from './algorithms/signatures.ts'
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { toHex } from './asn1/values.ts'
import { oid, sequence, setOf, utf8String } from './asn1/writer.ts'
import { type Core, shardOf } from './core.ts'
import { CodedError } from './errors.ts'
import { issue, issueMany, redeem } from './issue.ts'
import type { IssuanceToken, IssueRequest } from './ports.ts'
import { makeSerial, prepare, prepareMany } from './prepare.ts'
import { openTestCore, type TestCore } from './testing/test-core.ts'
import { TOKEN_LIFETIME_MS } from './token.ts'
import { parseCertificate } from './x509/certificate.ts'
import { buildCsrInfo, encodeCsr } from './x509/csr.ts'
import { encodeExtension } from './x509/encode-extensions.ts'
import { parseAuthorityKeyIdentifier } from './x509/extensions.ts'
import { encodeName } from './x509/name.ts'
import { EXT } from './x509/oids.ts'

const ecdsa = getSignatureAlgorithm('ecdsa-sha256')
const subject = [
  { type: 'C', value: 'CN' },
  { type: 'CN', value: 'TEST ONLY 张三' },
]

function makeCsr(extensions: readonly Uint8Array[] = []): Uint8Array {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const info = buildCsrInfo(
    encodeName([{ type: 'CN', value: 'what a request says does not count' }]),
    new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' })),
    extensions,
  )
  return encodeCsr(info, ecdsa, new Uint8Array(sign('sha256', info, pair.privateKey)))
}

const request = (extra: Partial<IssueRequest> = {}): IssueRequest => ({
  actor: 'apikey:test',
  tenant: 't1',
  profile: 'individual',
  subject,
  key: { csrDer: makeCsr() },
  identityEvidenceId: 'evidence-1',
  ...extra,
})

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof CodedError) return error.code
      throw error
    },
  )

const typesOf = ({ store }: TestCore): string[] => store.records.map((record) => record.type)

test('check 1: serials are positive, below 2^159, with 120 random bits, and differ', (t) => {
  const seen = new Set<string>()
  for (let i = 0; i < 100_000; i++) {
    const serial = makeSerial(0x7f, (count) => new Uint8Array(randomBytes(count)))
    if (serial.length !== 16 || serial[0] !== 0x7f) t.fail('not 1 instance octet and 15 random ones')
    seen.add(toHex(serial))
  }
  t.is(seen.size, 100_000)
})

test('check 1: a serial that was taken is never taken again, not even after a crash', async (t) => {
  const made = await openTestCore()
  const fixed: Core = {
    ...made.core,
    ports: { ...made.core.ports, randomBytes: (n) => new Uint8Array(n).fill(7) },
  }
  await prepare(fixed, request())
  t.is(await codeOf(prepare(fixed, request())), 'SERIAL_COLLISION')
  t.is(made.store.intents.size, 1)
})

test('check 1: the shard of a serial is its value modulo the shards', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 4096 }),
      (bytes, n) => {
        const hex = toHex(bytes)
        return shardOf(hex, n) === Number(BigInt(`0x${hex}`) % BigInt(n))
      },
    ),
  )
  t.is(shardOf('01', 0), null)
})

test('check 2: the intent is durable before the key of the CA is used', async (t) => {
  const made = await openTestCore()
  const before = made.keys.uses
  const token = await prepare(made.core, request())
  t.is(made.keys.uses, before)
  t.deepEqual(made.store.calls, ['recordIntents'])
  t.true(made.store.intents.has(`${token.issuerId}/${token.serialHex}`))
  await issue(made.core, token)
  t.is(made.keys.uses, before + 1)
  t.deepEqual(typesOf(made), ['certificate.intent', 'certificate.issued'])
})

test('check 2: when the intent cannot be written, nothing can be signed', async (t) => {
  for (const fault of ['fail', 'fail-but-persisted'] as const) {
    const made = await openTestCore()
    made.store.failNext('recordIntents', fault)
    const before = made.keys.uses
    t.is(await codeOf(prepare(made.core, request())), 'STORE_UNAVAILABLE')
    t.is(made.keys.uses, before)
    t.is(made.store.issued.size, 0)
  }
})

test('check 3: what lint finds is not signed, takes no serial and leaves a record', async (t) => {
  const made = await openTestCore()
  const { template } = made.core
  const bent: Core = {
    ...made.core,
    template: (profile, issuer) => (fields) =>
      template(
        profile,
        issuer,
      )({ ...fields, shard: 0, serial: Uint8Array.of(0x80, ...fields.serial.subarray(1)) }),
  }
  const error = await t.throwsAsync(prepare(bent, request()), { instanceOf: CodedError, code: 'LINT_FAILED' })
  t.regex(error?.message ?? '', /serial-number/)
  t.is(made.store.intents.size, 0)
  t.deepEqual(typesOf(made), ['certificate.refused'])
  t.deepEqual(made.store.records[0]?.data, { profile: 'individual', issuerId: null, code: 'LINT_FAILED' })
})

test('check 4: the signed TBSCertificate is the linted one, byte for byte', async (t) => {
  const { core, store } = await openTestCore()
  const { certDer, serialHex, issuerId } = await issue(core, await prepare(core, request()))
  const intent = store.intents.get(`${issuerId}/${serialHex}`)
  t.is(createHash('sha256').update(parseCertificate(certDer).tbs).digest('hex'), intent?.tbsSha256 ?? '')
  const row = store.issued.get(`${issuerId}/${serialHex}`)
  t.is(row?.certSha256 ?? '', createHash('sha256').update(certDer).digest('hex'))
})

test('check 5: a token is good once', async (t) => {
  const { core, store } = await openTestCore()
  const token = await prepare(core, request())
  await issue(core, token)
  t.is(await codeOf(issue(core, token)), 'TOKEN_REJECTED')
  t.is(await codeOf(redeem(core, token)), 'TOKEN_REJECTED')
  t.is(store.issued.size, 1)
  t.deepEqual(
    store.records.map((r) => r.type),
    ['certificate.intent', 'certificate.issued'],
  )
})

test('check 5: two redemptions at the same time yield one certificate', async (t) => {
  const { core, store } = await openTestCore()
  const token = await prepare(core, request())
  const outcomes = await Promise.all([issue(core, token), issue(core, token)].map(codeOf))
  t.deepEqual(outcomes.toSorted(), ['TOKEN_REJECTED', 'done'])
  t.is(store.issued.size, 1)
})

test('check 5: a token expires, and its intent is closed', async (t) => {
  const made = await openTestCore()
  const token = await prepare(made.core, request())
  made.setNow(new Date(made.core.ports.now().getTime() + TOKEN_LIFETIME_MS + 1))
  const before = made.keys.uses
  t.is(await codeOf(issue(made.core, token)), 'TOKEN_REJECTED')
  t.is(made.keys.uses, before)
  t.deepEqual(typesOf(made), ['certificate.intent', 'certificate.refused'])
})

test('check 5: a token of another issuer, a copy and a forgery are rejected', async (t) => {
  const made = await openTestCore()
  const token = await prepare(made.core, request())
  const other: Core = { ...made.core, issuers: new Map([['root', made.root]]) }
  for (const forged of [
    { ...token },
    Object.create(token),
    { serialHex: '01', issuerId: 'issuing' },
    null,
    'token',
  ])
    t.is(await codeOf(redeem(made.core, forged as IssuanceToken)), 'TOKEN_REJECTED')
  t.is(await codeOf(redeem(other, token)), 'ISSUER_UNKNOWN')
  t.throws(
    () => Object.assign(token, { issuerId: 'root' }),
    undefined,
    'a token cannot be turned to another issuer',
  )
})

test('check 6: issuer and AKI are those of the CA, byte for byte', async (t) => {
  const { core, issuer } = await openTestCore()
  const certificate = parseCertificate((await issue(core, await prepare(core, request()))).certDer)
  t.deepEqual(certificate.issuer.raw, issuer.certificate.subject.raw)
  const aki = parseAuthorityKeyIdentifier(
    certificate.extensions.get(EXT.authorityKeyIdentifier)?.value ?? new Uint8Array(),
  )
  t.deepEqual(aki.keyIdentifier, issuer.subjectKeyIdentifier)
})

test('check 7: validity counts its last second, and never ends after the issuer', async (t) => {
  const made = await openTestCore()
  const { notBefore, notAfter } = await issue(
    made.core,
    await prepare(made.core, request({ validitySeconds: 86_400 })),
  )
  t.is(notAfter.getTime() - notBefore.getTime(), 86_399_000)
  t.is(made.core.ports.now().getTime() - notBefore.getTime() < 86_400_000, true)
  made.setNow(new Date(made.issuer.certificate.notAfter.getTime() - 86_400_000))
  t.is(await codeOf(prepare(made.core, request({ validitySeconds: 2 * 86_400 }))), 'PROFILE_VIOLATION')
  t.is(await codeOf(prepare(made.core, request({ validitySeconds: 86_400 }))), 'done')
})

test('check 7: limits of the profile name their source', async (t) => {
  const { core } = await openTestCore()
  for (const validitySeconds of [1, 0, -5, 1.5, Number.NaN, 10 * 365 * 86_400, 2 ** 60]) {
    const error = await t.throwsAsync(prepare(core, request({ validitySeconds })), {
      instanceOf: CodedError,
      code: 'PROFILE_VIOLATION',
    })
    t.regex(error?.message ?? '', /CPS|RFC/)
  }
  t.is(
    await codeOf(prepare(core, request({ profile: 'event', validitySeconds: 86_401 }))),
    'PROFILE_VIOLATION',
  )
})

test('check 8: an extension that a request asks for does not get in', async (t) => {
  const { core } = await openTestCore()
  const poison = encodeExtension('1.3.6.1.4.1.11129.2.4.3', true, Uint8Array.of(5, 0))
  const ca = encodeExtension(EXT.basicConstraints, true, sequence(Uint8Array.of(1, 1, 0xff)))
  const { certDer } = await issue(
    core,
    await prepare(core, request({ key: { csrDer: makeCsr([poison, ca]) } })),
  )
  const { extensions } = parseCertificate(certDer)
  t.false(extensions.has('1.3.6.1.4.1.11129.2.4.3'))
  t.deepEqual(extensions.get(EXT.basicConstraints)?.value, sequence())
})

test('check 9: a certificate over the size limit is not signed', async (t) => {
  const { core } = await openTestCore()
  const profile = core.profiles.get('individual')
  if (!profile) return t.fail()
  const small: Core = {
    ...core,
    profiles: new Map([['individual', { ...profile, maxCertificateBytes: { value: 500, source: 'test' } }]]),
  }
  const error = await t.throwsAsync(prepare(small, request()), {
    instanceOf: CodedError,
    code: 'LINT_FAILED',
  })
  t.regex(error?.message ?? '', /certificate-size/)
})

test('check 10: a wrong signature of the CA key never leaves', async (t) => {
  const made = await openTestCore()
  const token = await prepare(made.core, request())
  made.keys.failNext('wrong-signature')
  t.is(await codeOf(issue(made.core, token)), 'ISSUANCE_MISMATCH')
  t.is(made.store.issued.size, 0)
  t.is(made.store.records.at(-1)?.type, 'certificate.refused')
  t.deepEqual(made.store.records.at(-1)?.data, {
    serialHex: token.serialHex,
    issuerId: token.issuerId,
    code: 'ISSUANCE_MISMATCH',
  })
  t.is(
    await codeOf(issue(made.core, token)),
    'TOKEN_REJECTED',
    'the same TBSCertificate is not signed a second time',
  )
})

test('check 10: a key that cannot be used closes the intent', async (t) => {
  const made = await openTestCore()
  const token = await prepare(made.core, request())
  made.keys.failNext('throw')
  t.is(await codeOf(issue(made.core, token)), 'KEY_UNAVAILABLE')
  t.is(made.store.records.at(-1)?.type, 'certificate.refused')
})

test('check 14: a blocked key gets no certificate', async (t) => {
  const { core, store } = await openTestCore()
  const asked = request()
  const { serialHex, issuerId } = await issue(core, await prepare(core, asked))
  const { spkiSha256 } = store.issued.get(`${issuerId}/${serialHex}`) ?? { spkiSha256: '' }
  store.blockedKeys.add(spkiSha256)
  t.is(await codeOf(prepare(core, asked)), 'KEY_BLOCKED')
})

test('a key with a live certificate gets no second one, in one batch neither; event profiles allow it', async (t) => {
  const { core } = await openTestCore()
  const asked = request()
  const [first, second] = await prepareMany(core, [asked, asked])
  t.false(first instanceof CodedError)
  t.true(second instanceof CodedError && second.code === 'PROFILE_VIOLATION')
  await issue(core, first as IssuanceToken)
  t.is(await codeOf(prepare(core, asked)), 'PROFILE_VIOLATION')
  t.is(await codeOf(prepare(core, { ...asked, profile: 'event' })), 'done')
})

test('check 15: proof of possession with one bit changed is refused and recorded', async (t) => {
  const made = await openTestCore()
  const csrDer = makeCsr()
  csrDer[csrDer.length - 1] = (csrDer.at(-1) ?? 0) ^ 1
  t.is(await codeOf(prepare(made.core, request({ key: { csrDer } }))), 'CSR_PROOF_OF_POSSESSION')
  t.deepEqual(typesOf(made), ['certificate.refused'])
})

test('identity evidence is required of everybody whom a certificate names', async (t) => {
  const { core } = await openTestCore()
  for (const profile of ['individual', 'organisation', 'device', 'event'])
    t.is(
      await codeOf(prepare(core, request({ profile, identityEvidenceId: null }))),
      'PROFILE_VIOLATION',
      profile,
    )
})

test('a batch commits once per step, and one refusal does not hold up the others', async (t) => {
  const made = await openTestCore()
  const tokens = await prepareMany(made.core, [
    request(),
    request({ subject: [{ type: 'C', value: 'CN' }] }),
    request({ profile: 'no-such-profile-张三' }),
    request({ profile: 'event', eventDigests: [{ alg: 'SHA-256', digestHex: 'ab'.repeat(32) }] }),
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
    const token = await prepare(made.core, request())
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
  const { serialHex, issuerId, certDer } = await issue(core, await prepare(core, request()))
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
    { subject: [...subject, { type: 'DC', value: 'example' }] },
    { subject: [...subject, { type: 'CN', value: 'second' }] },
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
    { profile: 'device', subject },
    { issuerId: 'root' },
  ]
  for (const one of cases)
    t.is(await codeOf(prepare(core, request(one))), 'PROFILE_VIOLATION', JSON.stringify(one))
  t.is(await codeOf(prepare(core, request({ issuerId: 'nobody' }))), 'ISSUER_UNKNOWN')
  t.is(
    await codeOf(prepare(core, request({ subjectAltNames: [{ type: 'email', value: 'a@example.com' }] }))),
    'done',
  )
})

test('a request in the wrong order is written in the order of the profile', async (t) => {
  const { core } = await openTestCore()
  const { certDer } = await issue(core, await prepare(core, request({ subject: subject.toReversed() })))
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
  t.is(await codeOf(prepare(core, request({ key: { keyId: key.keyId } }))), 'KEY_NOT_FOUND')
  t.is(await codeOf(prepare(core, request({ key: { keyId: 'no-such-key' } }))), 'KEY_NOT_FOUND')
  t.is(await codeOf(prepare(core, request({ key: { keyId: key.keyId }, tenant: 't2' }))), 'done')
})

test('any bytes as a request give a coded answer', async (t) => {
  const { core, store } = await openTestCore()
  const good = makeCsr()
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(good.length), async (bytes, at) => {
      t.not(await codeOf(prepare(core, request({ key: { csrDer: bytes } }))), 'done')
      const bent = new Uint8Array([
        ...good.subarray(0, at),
        ...bytes.subarray(0, 3),
        ...good.subarray(at + 3),
      ])
      await codeOf(prepare(core, request({ key: { csrDer: bent }, profile: 'event' })))
    }),
    { numRuns: 200 },
  )
  t.is(store.issued.size, 0)
})
