import { createHash, randomBytes } from 'node:crypto'

import test from 'ava'
import fc from 'fast-check'

import { toHex } from './asn1/values.ts'
import { sequence } from './asn1/writer.ts'
import { type Core, shardOf } from './core.ts'
import { CodedError } from './errors.ts'
import { issue, redeem } from './issue.ts'
import type { IssuanceToken } from './ports.ts'
import { makeSerial, prepare } from './prepare.ts'
import { codeOf, makeCsr, makeRequest } from './testing/requests.ts'
import { openTestCore, type TestCore } from './testing/test-core.ts'
import { TOKEN_LIFETIME_MS } from './token.ts'
import { parseCertificate } from './x509/certificate.ts'
import { encodeExtension } from './x509/encode-extensions.ts'
import { parseAuthorityKeyIdentifier } from './x509/extensions.ts'
import { EXT } from './x509/oids.ts'

const typesOf = ({ store }: TestCore): string[] => store.records.map((record) => record.type)

const NOON = new Date('2026-03-01T10:45:20.900Z')

test('check 1: serials are positive, below 2^159, with 88 random bits, and differ', (t) => {
  const seen = new Set<string>()
  for (let i = 0; i < 100_000; i++) {
    const serial = makeSerial(0x7f, NOON, (count) => new Uint8Array(randomBytes(count)))
    if (serial.length !== 16 || serial[0] !== 0x7f)
      t.fail('not 1 instance octet, 4 of time and 11 random ones')
    if (!toHex(serial).startsWith('7f69a418c0')) t.fail('not the second of issuance')
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
  await prepare(fixed, await makeRequest())
  t.is(await codeOf(prepare(fixed, await makeRequest())), 'SERIAL_COLLISION')
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
  const token = await prepare(made.core, await makeRequest())
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
    t.is(await codeOf(prepare(made.core, await makeRequest())), 'STORE_UNAVAILABLE')
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
  const error = await t.throwsAsync(prepare(bent, await makeRequest()), {
    instanceOf: CodedError,
    code: 'LINT_FAILED',
  })
  t.regex(error?.message ?? '', /serial-number/)
  t.is(made.store.intents.size, 0)
  t.deepEqual(typesOf(made), ['certificate.refused'])
  t.deepEqual(made.store.records[0]?.data, { profile: 'individual', issuerId: null, code: 'LINT_FAILED' })
})

test('check 4: the signed TBSCertificate is the linted one, byte for byte', async (t) => {
  const { core, store } = await openTestCore()
  const { certDer, serialHex, issuerId } = await issue(core, await prepare(core, await makeRequest()))
  const intent = store.intents.get(`${issuerId}/${serialHex}`)
  t.is(createHash('sha256').update(parseCertificate(certDer).tbs).digest('hex'), intent?.tbsSha256 ?? '')
  const row = store.issued.get(`${issuerId}/${serialHex}`)
  t.is(row?.certSha256 ?? '', createHash('sha256').update(certDer).digest('hex'))
})

test('check 5: a token is good once', async (t) => {
  const { core, store } = await openTestCore()
  const token = await prepare(core, await makeRequest())
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
  const token = await prepare(core, await makeRequest())
  const outcomes = await Promise.all([issue(core, token), issue(core, token)].map(codeOf))
  t.deepEqual(outcomes.toSorted(), ['TOKEN_REJECTED', 'done'])
  t.is(store.issued.size, 1)
})

test('check 5: a token expires, and its intent is closed', async (t) => {
  const made = await openTestCore()
  const token = await prepare(made.core, await makeRequest())
  made.setNow(new Date(made.core.ports.now().getTime() + TOKEN_LIFETIME_MS + 1))
  const before = made.keys.uses
  t.is(await codeOf(issue(made.core, token)), 'TOKEN_REJECTED')
  t.is(made.keys.uses, before)
  t.deepEqual(typesOf(made), ['certificate.intent', 'certificate.refused'])
})

test('check 5: a token of another issuer, a copy and a forgery are rejected', async (t) => {
  const made = await openTestCore()
  const token = await prepare(made.core, await makeRequest())
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
  const certificate = parseCertificate((await issue(core, await prepare(core, await makeRequest()))).certDer)
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
    await prepare(made.core, await makeRequest({ validitySeconds: 86_400 })),
  )
  t.is(notAfter.getTime() - notBefore.getTime(), 86_399_000)
  t.is(made.core.ports.now().getTime() - notBefore.getTime() < 86_400_000, true)
  made.setNow(new Date(made.issuer.certificate.notAfter.getTime() - 86_400_000))
  t.is(
    await codeOf(prepare(made.core, await makeRequest({ validitySeconds: 2 * 86_400 }))),
    'PROFILE_VIOLATION',
  )
  t.is(await codeOf(prepare(made.core, await makeRequest({ validitySeconds: 86_400 }))), 'done')
})

test('check 7: limits of the profile name their source', async (t) => {
  const { core } = await openTestCore()
  for (const validitySeconds of [1, 0, -5, 1.5, Number.NaN, 10 * 365 * 86_400, 2 ** 60]) {
    const error = await t.throwsAsync(prepare(core, await makeRequest({ validitySeconds })), {
      instanceOf: CodedError,
      code: 'PROFILE_VIOLATION',
    })
    t.regex(error?.message ?? '', /CPS|RFC/)
  }
  t.is(
    await codeOf(prepare(core, await makeRequest({ profile: 'event', validitySeconds: 86_401 }))),
    'PROFILE_VIOLATION',
  )
})

test('check 8: an extension that a request asks for does not get in', async (t) => {
  const { core } = await openTestCore()
  const poison = encodeExtension('1.3.6.1.4.1.11129.2.4.3', true, Uint8Array.of(5, 0))
  const ca = encodeExtension(EXT.basicConstraints, true, sequence(Uint8Array.of(1, 1, 0xff)))
  const { certDer } = await issue(
    core,
    await prepare(core, await makeRequest({ key: { csrDer: await makeCsr([poison, ca]) } })),
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
  const error = await t.throwsAsync(prepare(small, await makeRequest()), {
    instanceOf: CodedError,
    code: 'LINT_FAILED',
  })
  t.regex(error?.message ?? '', /certificate-size/)
})

test('check 10: a wrong signature of the CA key never leaves', async (t) => {
  const made = await openTestCore()
  const token = await prepare(made.core, await makeRequest())
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
  const token = await prepare(made.core, await makeRequest())
  made.keys.failNext('throw')
  t.is(await codeOf(issue(made.core, token)), 'KEY_UNAVAILABLE')
  t.is(made.store.records.at(-1)?.type, 'certificate.refused')
})
