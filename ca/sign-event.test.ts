import test from 'ava'
import { digest } from './algorithms/hashes.ts'
import { toHex } from './asn1/values.ts'
import type { Core } from './core.ts'
import { CodedError } from './errors.ts'
import type { EventSignatureRequest, EventSignatures } from './ports.ts'
import { signEvents } from './sign-event.ts'
import { type TestCore, openTestCore } from './testing/test-core.ts'
import { openTimestampAuthority } from './timestamp.ts'
import { ATTRIBUTE, messageDigestOf, parseSignedData } from './x509/cms.ts'

const digestOf = (text: string): Uint8Array => digest('SHA-256', new TextEncoder().encode(text))
const contents = (count: number, name = 'TEST ONLY'): Uint8Array[] =>
  Array.from({ length: count }, (_, n) => digestOf(`${name} ${n}`))

const request = (more: Partial<EventSignatureRequest> = {}): EventSignatureRequest => ({
  actor: 'apikey:test',
  tenant: 't1',
  event: {
    profile: 'event',
    subject: [
      { type: 'C', value: 'CN' },
      { type: 'CN', value: 'TEST ONLY 张三' },
    ],
    identityEvidenceId: 'evidence-1',
  },
  contentsSha256: contents(1),
  format: 'cades',
  withTimestamp: true,
  ...more,
})

const sign = (core: Core, requests: readonly EventSignatureRequest[]) =>
  signEvents(core, openTimestampAuthority(core), requests)

const codeOf = (one: EventSignatures | CodedError | undefined): string =>
  one instanceof CodedError ? one.code : 'signed'

function signed(one: EventSignatures | CodedError | undefined): EventSignatures {
  if (one === undefined || one instanceof CodedError) throw one ?? new Error('no outcome')
  return one
}

const typesOf = (ca: TestCore): string[] => ca.store.records.map(({ type }) => type)
const recordsOf = (ca: TestCore, type: string) => ca.store.records.filter((record) => record.type === type)

test('many signers share two durable commits; each has a key and a certificate of its own', async (t) => {
  const ca = await openTestCore()
  const outcomes = await sign(
    ca.core,
    Array.from({ length: 5 }, (_, n) => request({ contentsSha256: contents(3, `order ${n}`) })),
  )
  t.deepEqual(ca.store.calls, ['recordIntents', 'recordIssued'])
  const all = outcomes.map(signed)
  t.is(new Set(all.map(({ certificate }) => certificate.serialHex)).size, 5)
  t.is(new Set(recordsOf(ca, 'key.created').map(({ data }) => data['spkiSha256'])).size, 5)
  t.is(recordsOf(ca, 'key.destroyed').length, 5)
  t.is(recordsOf(ca, 'signature.created').length, 15)
  t.is(ca.core.oneTimeKeys.size, 0)
  for (const [n, { signatures }] of all.entries())
    for (const [index, { cmsDer, timestampedAt }] of signatures.entries()) {
      const [signer] = parseSignedData(cmsDer).signerInfos
      t.deepEqual(signer && messageDigestOf(signer), digestOf(`order ${n} ${index}`))
      t.truthy(timestampedAt)
    }
})

test('the records of an event: what may be signed, what was, and the end of the key', async (t) => {
  const ca = await openTestCore()
  const agreedSha256 = digestOf('TEST ONLY 本人同意')
  const [outcome] = await sign(ca.core, [request({ contentsSha256: contents(2), agreedSha256 })])
  const { recordSalt, signatures, issuedRecordId, destroyedRecordId, certificate } = signed(outcome)
  t.deepEqual(typesOf(ca), [
    ...['certificate.intent', 'key.created', 'signature.intent', 'signature.intent'],
    ...['certificate.issued', 'signature.created', 'timestamp.issued'],
    ...['signature.created', 'timestamp.issued', 'key.destroyed'],
  ])
  const record = (id: string | undefined) => ca.store.records[Number(id?.replace('record-', ''))]
  t.is(record(issuedRecordId)?.data['serialHex'], certificate.serialHex)
  t.deepEqual(
    record(issuedRecordId)?.data['eventDigests'],
    contents(2).map((one) => ({ alg: 'SHA-256', digestHex: toHex(one) })),
  )
  t.is(record(destroyedRecordId)?.type, 'key.destroyed')
  for (const { recordId, signatureValue } of signatures)
    t.is(record(recordId)?.data['signatureSha256'], toHex(digest('SHA-256', signatureValue)))
  const agreedHash = toHex(digest('SHA-256', recordSalt, agreedSha256))
  t.deepEqual(
    recordsOf(ca, 'signature.intent').map(({ data }) => data['agreedHash']),
    [agreedHash, agreedHash],
  )
  t.false(JSON.stringify(ca.store.records).includes(toHex(agreedSha256)), 'only the salted hash is recorded')
})

test('a commitment is a signed attribute', async (t) => {
  const ca = await openTestCore()
  const [outcome] = await sign(ca.core, [request({ commitment: 'approval' })])
  const [signer] = parseSignedData(signed(outcome).signatures[0]?.cmsDer ?? new Uint8Array()).signerInfos
  t.true(signer?.signedAttributes.some(({ oid }) => oid === ATTRIBUTE.commitmentType))
  t.deepEqual(signer?.problems, [])
})

test('what is refused costs nobody else anything, and is closed in the same commits', async (t) => {
  const ca = await openTestCore()
  const bare = request().event
  const outcomes = await sign(ca.core, [
    request(),
    request({ contentsSha256: [] }),
    request({ contentsSha256: contents(101) }),
    request({ contentsSha256: [digestOf('a'), digestOf('a')] }),
    request({ contentsSha256: [new Uint8Array(31)] }),
    request({ event: { ...bare, profile: 'individual' } }),
    request({ event: { ...bare, profile: 'none' } }),
    request({ event: { ...bare, identityEvidenceId: null } }),
    request({ event: { ...bare, validitySeconds: 1 } }),
    request(),
  ])
  t.deepEqual(outcomes.map(codeOf), [
    'signed',
    ...Array<string>(4).fill('INPUT_MALFORMED'),
    'PROFILE_VIOLATION',
    'PROFILE_UNKNOWN',
    'PROFILE_VIOLATION',
    'PROFILE_VIOLATION',
    'signed',
  ])
  t.deepEqual(ca.store.calls, ['recordIntents', 'recordIssued'])
  t.is(recordsOf(ca, 'signature.intent').length, 4)
  t.is(recordsOf(ca, 'signature.refused').length, 2)
  t.deepEqual(
    recordsOf(ca, 'key.destroyed')
      .map(({ data }) => data['wasUsed'])
      .toSorted(),
    [false, false, true, true],
  )
  t.is(ca.core.oneTimeKeys.size, 0)
})

test('attack: a key signs nothing but the digests that its certificate was made for', async (t) => {
  const ca = await openTestCore()
  const core: Core = {
    ...ca.core,
    oneTimeKeys: {
      ...ca.core.oneTimeKeys,
      take: (keyId) => ({ ...ca.core.oneTimeKeys.take(keyId), digestsHex: [toHex(digestOf('other'))] }),
    },
  }
  t.deepEqual((await sign(core, [request()])).map(codeOf), ['DIGEST_NOT_AUTHORISED'])
  t.is(recordsOf(ca, 'signature.created').length, 0)
  t.is(recordsOf(ca, 'certificate.issued').length, 1)
})

for (const fault of ['fail', 'fail-but-persisted'] as const)
  test(`check 16: the second commit of a batch ${fault}: nobody gets a signature, every certificate is known`, async (t) => {
    const ca = await openTestCore()
    ca.store.failNext('recordIssued', fault)
    await t.throwsAsync(sign(ca.core, [request(), request()]), { code: 'STORE_UNAVAILABLE' })
    t.is(ca.store.issued.size, 2)
    t.is(recordsOf(ca, 'certificate.issued').length, 2)
    t.is(ca.core.oneTimeKeys.size, 0)
    const outcomes = recordsOf(ca, fault === 'fail' ? 'signature.refused' : 'signature.created')
    t.is(outcomes.length, 2)
  })

test('check 10: a TSA key that signs wrongly: no signature leaves, and the certificate is known', async (t) => {
  const ca = await openTestCore()
  const core: Core = {
    ...ca.core,
    keys: {
      ...ca.core.keys,
      sign: async (keyId, algorithm, data) => {
        const signature = (await ca.core.keys.sign(keyId, algorithm, data)).slice()
        if (keyId === ca.core.tsa.keyId) signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1
        return signature
      },
    },
  }
  t.deepEqual((await sign(core, [request()])).map(codeOf), ['ISSUANCE_MISMATCH'])
  t.is(ca.store.issued.size, 1)
  t.is(recordsOf(ca, 'signature.refused').length, 1)
  t.is(recordsOf(ca, 'timestamp.issued').length, 0)
})

test('a flood of keys is turned away as a whole before anything is recorded', async (t) => {
  const ca = await openTestCore()
  const core: Core = {
    ...ca.core,
    oneTimeKeys: {
      ...ca.core.oneTimeKeys,
      generate: (tenant, digests) => {
        if (ca.core.oneTimeKeys.size >= 4) throw new CodedError('CA_OVERLOADED', 'more than 3 keys')
        return ca.core.oneTimeKeys.generate(tenant, digests)
      },
    },
  }
  for (let n = 0; n < 3; n++) ca.core.oneTimeKeys.generate(null, [])
  await t.throwsAsync(sign(core, [request(), request()]), { code: 'CA_OVERLOADED' })
  t.deepEqual(ca.store.calls, [])
  t.is(ca.core.oneTimeKeys.size, 3)
})
