import test from 'ava'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireTool, run } from '../src/test/judges.ts'
import { digest } from './algorithms/hashes.ts'
import { toHex } from './asn1/values.ts'
import type { Core } from './core.ts'
import type { IssuedRow, SignDigestRequest, SignedDigest } from './ports.ts'
import { signDigest as signWith } from './sign-digest.ts'
import type { StoreMethod } from './testing/memory-store.ts'
import { encodePem } from './testing/pem.ts'
import { type TestCore, openTestCore } from './testing/test-core.ts'
import { openTimestampAuthority } from './timestamp.ts'
import { parseCertificate } from './x509/certificate.ts'
import { ATTRIBUTE, essCertIdsOf, messageDigestOf, parseSignedData, signingTimeOf } from './x509/cms.ts'
import { parseTimeStampToken } from './x509/tsp.ts'

const content = new TextEncoder().encode('TEST ONLY 合同')
const contentSha256 = digest('SHA-256', content)
const subject = [
  { type: 'C', value: 'CN' },
  { type: 'CN', value: 'TEST ONLY 张三' },
]
const actor = { actor: 'apikey:test', tenant: 't1' }
const event = { profile: 'event', subject, identityEvidenceId: 'evidence-1' }

const eventRequest = (more: Partial<SignDigestRequest> = {}): SignDigestRequest => ({
  ...actor,
  contentSha256,
  format: 'pades',
  signer: { event },
  withTimestamp: false,
  ...more,
})

const heldRequest = (
  { issuerId, serialHex }: IssuedRow,
  more: Partial<SignDigestRequest> = {},
): SignDigestRequest => ({
  ...eventRequest(),
  signer: { issuerId, serialHex },
  ...more,
})

const signDigest = (core: Core, request: SignDigestRequest): Promise<SignedDigest> =>
  signWith(core, openTimestampAuthority(core), request)

const typesOf = (ca: TestCore): string[] => ca.store.records.map(({ type }) => type)
const dataOf = (ca: TestCore, type: string): Record<string, unknown> =>
  ca.store.records.find((record) => record.type === type)?.data ?? {}

test('an event signature: key, certificate, signature and destruction in two durable commits', async (t) => {
  const ca = await openTestCore()
  const signed = await signDigest(ca.core, eventRequest())
  t.deepEqual(ca.store.calls, ['recordIntents', 'recordIssued'])
  t.deepEqual(typesOf(ca), [
    'certificate.intent',
    'key.created',
    'signature.intent',
    'certificate.issued',
    'signature.created',
    'key.destroyed',
  ])
  t.is(dataOf(ca, 'signature.created')['intentId'], dataOf(ca, 'signature.intent')['intentId'])
  t.is(dataOf(ca, 'signature.intent')['digestHex'], toHex(contentSha256))
  t.deepEqual(dataOf(ca, 'certificate.issued')['eventDigests'], [
    { alg: 'SHA-256', digestHex: toHex(contentSha256) },
  ])
  t.is(ca.core.oneTimeKeys.size, 0)
  const { serialHex, issuerId } = signed.certificate
  t.is((await ca.store.findStatus(issuerId, serialHex))?.state, 'valid')
  t.false(JSON.stringify(ca.store.records).includes('张三'), 'no personal data in records')
})

test('the CMS is over the digest, bound to the certificate, with the chain and without the root', async (t) => {
  const ca = await openTestCore()
  const signed = await signDigest(ca.core, eventRequest())
  const data = parseSignedData(signed.cmsDer)
  const [signer] = data.signerInfos
  if (!signer) return t.fail('no signer')
  t.is(data.content, undefined)
  t.deepEqual(signer.problems, [])
  t.deepEqual(messageDigestOf(signer), contentSha256)
  t.deepEqual(signer.signature, signed.signatureValue)
  t.deepEqual(signer.unsignedAttributes, [])
  t.deepEqual(essCertIdsOf(signer)?.ids[0]?.certHash, digest('SHA-256', signed.certificate.certDer))
  const inside = data.certificates.map(toHex)
  t.deepEqual(inside.toSorted(), [signed.certificate.certDer, ca.issuer.certDer].map(toHex).sort())
})

test('PAdES has no signing-time, CAdES has it', async (t) => {
  const ca = await openTestCore()
  const [pades] = parseSignedData((await signDigest(ca.core, eventRequest())).cmsDer).signerInfos
  t.false(pades?.signedAttributes.some(({ oid }) => oid === ATTRIBUTE.signingTime))
  const signed = await signDigest(ca.core, eventRequest({ format: 'cades' }))
  const [cades] = parseSignedData(signed.cmsDer).signerInfos
  t.deepEqual(cades && signingTimeOf(cades), signed.signingTime)
})

test('a one-time key is for event profiles only', async (t) => {
  const ca = await openTestCore()
  const signer = { event: { ...event, profile: 'individual' } }
  await t.throwsAsync(signDigest(ca.core, eventRequest({ signer })), { code: 'PROFILE_VIOLATION' })
  await t.throwsAsync(
    signDigest(ca.core, eventRequest({ signer: { event: { ...event, profile: 'none' } } })),
    {
      code: 'PROFILE_UNKNOWN',
    },
  )
  t.is(ca.core.oneTimeKeys.size, 0)
  t.deepEqual(ca.store.calls, [])
})

test('what is no SHA-256 value is refused before anything happens', async (t) => {
  const ca = await openTestCore()
  const short = eventRequest({ contentSha256: new Uint8Array(31) })
  await t.throwsAsync(signDigest(ca.core, short), { code: 'INPUT_MALFORMED' })
  t.deepEqual(ca.store.calls, [])
})

test('a refused request leaves an outcome for its intent, and no key', async (t) => {
  const ca = await openTestCore()
  const signer = { event: { ...event, identityEvidenceId: null } }
  await t.throwsAsync(signDigest(ca.core, eventRequest({ signer })), { code: 'PROFILE_VIOLATION' })
  t.is(dataOf(ca, 'signature.refused')['intentId'], dataOf(ca, 'signature.intent')['intentId'])
  t.true(typesOf(ca).includes('key.destroyed'))
  t.false(typesOf(ca).includes('key.used'))
  t.is(ca.core.oneTimeKeys.size, 0)
  t.is(ca.store.issued.size, 0)
})

const faults: [StoreMethod, 'fail' | 'fail-but-persisted'][] = [
  ['recordIntents', 'fail'],
  ['recordIntents', 'fail-but-persisted'],
  ['recordIssued', 'fail'],
  ['recordIssued', 'fail-but-persisted'],
]

for (const [method, fault] of faults)
  test(`check 16: ${method} ${fault}: no signature leaves, no key stays, no serial is issued twice`, async (t) => {
    const ca = await openTestCore()
    ca.store.failNext(method, fault)
    await t.throwsAsync(signDigest(ca.core, eventRequest()), { code: 'STORE_UNAVAILABLE' })
    t.is(ca.core.oneTimeKeys.size, 0)
    const intents = typesOf(ca).filter((type) => type === 'certificate.intent').length
    t.true(ca.store.issued.size <= intents)
    if (method === 'recordIntents') t.is(ca.store.issued.size, 0)
    const issued = typesOf(ca).filter((type) => type === 'certificate.issued').length
    t.is(issued, ca.store.issued.size)
    await signDigest(ca.core, eventRequest())
    t.is(new Set(ca.store.issued.keys()).size, ca.store.issued.size)
  })

test('check 10: an issuing key that fails or signs wrongly leaves a refused serial and no signature', async (t) => {
  for (const how of ['throw', 'wrong-signature'] as const) {
    const ca = await openTestCore()
    ca.keys.failNext(how)
    await t.throwsAsync(signDigest(ca.core, eventRequest()))
    t.is(dataOf(ca, 'certificate.refused')['serialHex'], dataOf(ca, 'certificate.intent')['serialHex'])
    t.is(dataOf(ca, 'signature.refused')['intentId'], dataOf(ca, 'signature.intent')['intentId'])
    t.is(ca.store.issued.size, 0)
    t.is(ca.core.oneTimeKeys.size, 0)
  }
})

test('a certificate that was signed is known even when its signature failed', async (t) => {
  const ca = await openTestCore()
  const core: Core = {
    ...ca.core,
    oneTimeKeys: {
      ...ca.core.oneTimeKeys,
      // Made for another digest: as if a row of the keeper had been mixed up.
      take: (keyId) => ({ ...ca.core.oneTimeKeys.take(keyId), digestsHex: ['00'] }),
    },
  }
  await t.throwsAsync(signDigest(core, eventRequest()), { code: 'DIGEST_NOT_AUTHORISED' })
  t.is(ca.store.issued.size, 1)
  t.deepEqual(typesOf(ca).slice(3), ['certificate.issued', 'signature.refused', 'key.destroyed'])
  t.true(dataOf(ca, 'key.destroyed')['wasUsed'])
})

test('a time-stamp comes with the signature, in the same two commits, and names the intent', async (t) => {
  const ca = await openTestCore()
  const row = await ca.issueTo()
  for (const request of [eventRequest({ withTimestamp: true }), heldRequest(row, { withTimestamp: true })]) {
    const [calls, records] = [ca.store.calls.length, ca.store.records.length]
    const signed = await signDigest(ca.core, request)
    t.is(ca.store.calls.length - calls, 2)
    const [signer] = parseSignedData(signed.cmsDer).signerInfos
    const [attribute, ...more] = signer?.unsignedAttributes ?? []
    t.is(attribute?.oid, ATTRIBUTE.signatureTimeStamp)
    t.is(more.length, 0)
    const { tstInfo } = parseTimeStampToken(attribute?.values[0]?.raw ?? new Uint8Array())
    t.deepEqual(tstInfo.messageImprint.digest, digest('SHA-256', signed.signatureValue))
    const now = ca.store.records.slice(records)
    const find = (type: string) => now.find((record) => record.type === type)?.data
    t.is(find('timestamp.issued')?.['tstInfoSha256'], toHex(digest('SHA-256', tstInfo.raw)))
    t.is(find('timestamp.issued')?.['intentId'], find('signature.intent')?.['intentId'])
    t.is(find('signature.intent')?.['timestampKeyId'], ca.core.tsa.keyId)
  }
})

test('a held certificate signs with an intent before and an outcome after', async (t) => {
  const ca = await openTestCore()
  const row = await ca.issueTo()
  const before = ca.store.records.length
  const signed = await signDigest(ca.core, heldRequest(row))
  t.deepEqual(signed.certificate.certDer, row.certDer)
  t.deepEqual(typesOf(ca).slice(before), ['signature.intent', 'key.used', 'signature.created'])
  t.is(dataOf(ca, 'signature.intent')['serialHex'], row.serialHex)
})

test('a held certificate must be valid now', async (t) => {
  const ca = await openTestCore()
  const [held, revoked, expired] = [
    await ca.issueTo(),
    await ca.issueTo(),
    await ca.issueTo({ seconds: 86_400 }),
  ]
  await ca.revoke(held, 'certificateHold')
  await ca.revoke(revoked, 'keyCompromise')
  for (const row of [held, revoked])
    await t.throwsAsync(signDigest(ca.core, heldRequest(row)), { code: 'CERT_NOT_VALID' })
  await ca.release(held)
  t.truthy((await signDigest(ca.core, heldRequest(held))).cmsDer)
  ca.setNow(new Date(expired.notAfter.getTime()))
  await t.throwsAsync(signDigest(ca.core, heldRequest(expired)), { code: 'CERT_NOT_VALID' })
})

test('attack: the certificate of another tenant looks like one that is not there', async (t) => {
  const ca = await openTestCore()
  const row = await ca.issueTo({ tenant: 't2' })
  await t.throwsAsync(signDigest(ca.core, heldRequest(row)), { code: 'CERT_NOT_FOUND' })
  await t.throwsAsync(signDigest(ca.core, heldRequest(row, { tenant: null })), { code: 'CERT_NOT_FOUND' })
  const missing = heldRequest({ ...row, serialHex: '01ff' })
  await t.throwsAsync(signDigest(ca.core, missing), { code: 'CERT_NOT_FOUND' })
  t.false(typesOf(ca).includes('signature.intent'))
})

test('a certificate that is not for documents signs none', async (t) => {
  const ca = await openTestCore()
  for (const profile of ['ocsp-responder', 'tsa']) {
    const row = await ca.issueTo({ profile })
    await t.throwsAsync(signDigest(ca.core, heldRequest(row)), { code: 'PROFILE_VIOLATION' })
  }
})

test('attack: a row whose key is another one is noticed before anything is signed', async (t) => {
  const ca = await openTestCore()
  const [row, other] = [await ca.issueTo(), await ca.issueTo()]
  const store = { ...ca.core.ports.store, findIssued: () => Promise.resolve({ ...row, keyId: other.keyId }) }
  const core = { ...ca.core, ports: { ...ca.core.ports, store } }
  await t.throwsAsync(signDigest(core, heldRequest(row)), { code: 'ISSUANCE_MISMATCH' })
  t.false(typesOf(ca).includes('signature.intent'))
})

test('a held key that fails after its intent leaves the refusal', async (t) => {
  const ca = await openTestCore()
  const row = await ca.issueTo()
  ca.keys.failNext('throw')
  await t.throwsAsync(signDigest(ca.core, heldRequest(row)), { code: 'KEY_UNAVAILABLE' })
  t.is(dataOf(ca, 'signature.refused')['intentId'], dataOf(ca, 'signature.intent')['intentId'])
  t.is(dataOf(ca, 'signature.refused')['code'], 'KEY_UNAVAILABLE')
})

test('openssl cms verifies both kinds over the content, and not over another', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const ca = await openTestCore()
  const row = await ca.issueTo()
  const folder = await mkdtemp(join(tmpdir(), 'sign-'))
  const at = (name: string): string => join(folder, name)
  try {
    await writeFile(at('root.pem'), encodePem('CERTIFICATE', ca.root.certDer))
    await writeFile(at('content'), content)
    await writeFile(at('other'), 'other')
    for (const request of [eventRequest({ format: 'cades' }), eventRequest(), heldRequest(row)]) {
      const { cmsDer, certificate } = await signDigest(ca.core, request)
      await writeFile(at('s.p7s'), cmsDer)
      const time = String(Math.floor(certificate.notBefore.getTime() / 1000) + 90)
      const verify = (name: string): ReturnType<typeof run> =>
        run('openssl', [
          ...['cms', '-verify', '-inform', 'DER', '-in', at('s.p7s'), '-content', at(name), '-binary'],
          ...['-CAfile', at('root.pem'), '-purpose', 'any', '-attime', time],
        ])
      const good = await verify('content')
      t.is(good.status, 0, good.stderr)
      t.not((await verify('other')).status, 0)
    }
    t.is(parseCertificate(row.certDer).serialHex, row.serialHex)
  } finally {
    await rm(folder, { recursive: true })
  }
})
