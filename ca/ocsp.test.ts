import test from 'ava'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireTool, run } from '../src/test/judges.ts'
import { publicKeyObject } from './algorithms/keys.ts'
import { verifySignature } from './algorithms/signatures.ts'
import { compareBytes, octetString, oid, sequence, unsignedInteger } from './asn1/writer.ts'
import { CodedError } from './errors.ts'
import { type OcspResponder, OCSP_VALIDITY_MS, openOcspResponder } from './ocsp.ts'
import { openOcspCache, requestKey } from './ocsp-cache.ts'
import { publishCrl } from './crl.ts'
import { readWholeCrl } from './x509/crl-content.ts'
import type { IssuedRow } from './ports.ts'
import { encodeCertId, encodeOcspRequest, encodeOcspRequestOf } from './testing/ocsp-request.ts'
import { encodePem } from './testing/pem.ts'
import { type TestCore, openTestCore } from './testing/test-core.ts'
import { extKeyUsageOf, subjectKeyIdentifierOf } from './x509/extensions.ts'
import { parseCertificate } from './x509/certificate.ts'
import { parseCrl } from './x509/crl.ts'
import { crlEntries } from './x509/crl-entries.ts'
import { type SingleResponse, parseOcspResponse } from './x509/ocsp.ts'
import { decodeOcspGetPath } from './x509/ocsp-get.ts'
import { EKU, EXT } from './x509/oids.ts'

const hour = 3600_000

interface Bed {
  readonly ca: TestCore
  readonly responder: OcspResponder
  /** Asks about a serial and reads the one answer. */
  ask(serialHex: string, nonce?: Uint8Array): Promise<SingleResponse>
  statusOf(row: IssuedRow): Promise<string>
}

async function open(): Promise<Bed> {
  const ca = await openTestCore()
  const responder = openOcspResponder(ca.core)
  const ask = async (serialHex: string, nonce?: Uint8Array): Promise<SingleResponse> => {
    const { der } = await responder.answer(
      encodeOcspRequest(ca.issuer.certificate, serialHex, 'SHA-1', nonce),
    )
    const single = parseOcspResponse(der).basic?.responses[0]
    if (!single) throw new Error('no answer')
    return single
  }
  return { ca, responder, ask, statusOf: async (row) => (await ask(row.serialHex)).status.kind }
}

const passTime = (ca: TestCore, milliseconds: number): void =>
  ca.setNow(new Date(ca.core.ports.now().getTime() + milliseconds))

test('check 30: a serial that was never issued, or has an intent only, is never good', async (t) => {
  const { ca, ask } = await open()
  t.is((await ask('01ff')).status.kind, 'unknown')
  const row = await ca.issueTo()
  const serialHex = row.serialHex.replace(/..$/, (pair) => (pair === '00' ? '01' : '00'))
  await ca.store.recordIntents([{ ...row, serialHex }], [])
  t.is((await ask(serialHex)).status.kind, 'unknown')
})

test('check 31: good at once after issuing: unknown is never cached and has no nextUpdate (check 30)', async (t) => {
  const { ca, responder, ask } = await open()
  const row = await ca.issueTo()
  const serialHex = row.serialHex.replace(/..$/, (pair) => (pair === '00' ? '01' : '00'))
  const before = await responder.answer(encodeOcspRequest(ca.issuer.certificate, serialHex, 'SHA-1'))
  t.false(before.cacheable)
  t.is((await ask(serialHex)).nextUpdate, undefined)
  await ca.store.recordIntents([{ ...row, serialHex }], [])
  await ca.store.recordIssued([{ ...row, serialHex }], [])
  t.is((await ask(serialHex)).status.kind, 'good')
})

test('check 32: answers hold for 8 hours to 10 days and are renewed at half of their life', async (t) => {
  const { ca, responder } = await open()
  t.true(OCSP_VALIDITY_MS >= 8 * hour && OCSP_VALIDITY_MS <= 240 * hour)
  const row = await ca.issueTo()
  const request = encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-256')
  const first = await responder.answer(request)
  t.is((first.nextUpdate?.getTime() ?? 0) - (first.thisUpdate?.getTime() ?? 0), OCSP_VALIDITY_MS)
  passTime(ca, OCSP_VALIDITY_MS / 2 - 60_000)
  const kept = await responder.answer(request)
  t.deepEqual(kept.der, first.der)
  t.true(kept.maxAgeSeconds > 0 && kept.maxAgeSeconds <= 60)
  passTime(ca, 120_000)
  const renewed = await responder.answer(request)
  t.notDeepEqual(renewed.der, first.der)
  t.true((renewed.thisUpdate ?? 0) > (first.thisUpdate ?? 0))
})

test('check 33: GET gives the bytes that POST gives', async (t) => {
  const { ca, responder } = await open()
  const row = await ca.issueTo()
  const request = encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-1')
  const posted = await responder.answer(request)
  const path = encodeURIComponent(Buffer.from(request).toString('base64'))
  t.deepEqual((await responder.answer(decodeOcspGetPath(path))).der, posted.der)
})

test('check 34: a nonce is echoed and defeats the cache', async (t) => {
  const { ca, responder } = await open()
  const row = await ca.issueTo()
  for (const length of [1, 16, 32, 128]) {
    const nonce = new Uint8Array(length).fill(length)
    const answer = await responder.answer(
      encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-1', nonce),
    )
    t.false(answer.cacheable)
    t.deepEqual(parseOcspResponse(answer.der).basic?.nonce, nonce)
  }
  for (const length of [0, 129]) {
    const request = encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-1', new Uint8Array(length))
    t.is(parseOcspResponse((await responder.answer(request)).der).status, 'malformedRequest')
  }
})

test('check 35: too large, not OCSP, another issuer and an unknown hash have their own refusals', async (t) => {
  const { ca, responder } = await open()
  const row = await ca.issueTo()
  const statusOf = async (request: Uint8Array): Promise<string> =>
    parseOcspResponse((await responder.answer(request)).der).status
  t.is(await statusOf(new Uint8Array(3000)), 'malformedRequest')
  t.is(await statusOf(Uint8Array.of(0x30, 0)), 'malformedRequest')
  const other = await openTestCore()
  t.is(await statusOf(encodeOcspRequest(other.issuer.certificate, row.serialHex, 'SHA-1')), 'unauthorized')
  t.is(await statusOf(encodeOcspRequest(ca.root.certificate, row.serialHex, 'SHA-1')), 'unauthorized')
  const strange = sequence(
    sequence(oid('2.999.1')),
    octetString(new Uint8Array(20)),
    octetString(new Uint8Array(20)),
    unsignedInteger(Uint8Array.of(5)),
  )
  t.is(await statusOf(encodeOcspRequestOf([strange])), 'unauthorized')
  const mixed = [
    encodeCertId(ca.issuer.certificate, row.serialHex, 'SHA-1'),
    encodeCertId(other.issuer.certificate, row.serialHex, 'SHA-1'),
  ]
  t.is(await statusOf(encodeOcspRequestOf(mixed)), 'unauthorized')
})

test('check 35: attack: name and key of two different issuers in one CertID', async (t) => {
  const { ca, responder } = await open()
  const row = await ca.issueTo()
  const name = encodeCertId(ca.issuer.certificate, row.serialHex, 'SHA-1')
  const key = encodeCertId(ca.root.certificate, row.serialHex, 'SHA-1')
  const mixed = name.slice()
  // 2 octets of head, 11 of algorithm, 22 of name hash, then the key hash.
  mixed.set(key.subarray(35, 57), 35)
  t.is(parseOcspResponse((await responder.answer(encodeOcspRequestOf([mixed]))).der).status, 'unauthorized')
})

test('check 35: several certificates of one issuer are answered in their order', async (t) => {
  const { ca, responder } = await open()
  const rows = [await ca.issueTo(), await ca.issueTo()]
  const [, second] = rows
  if (second) await ca.revoke(second, 'keyCompromise')
  const ids = rows.map((row, i) =>
    encodeCertId(ca.issuer.certificate, row.serialHex, i ? 'SHA-256' : 'SHA-1'),
  )
  const { basic } = parseOcspResponse((await responder.answer(encodeOcspRequestOf(ids))).der)
  t.deepEqual(
    basic?.responses.map(({ status }) => status.kind),
    ['good', 'revoked'],
  )
  for (const [i, id] of ids.entries()) t.is(compareBytes(basic?.responses[i]?.certId.raw ?? id, id), 0)
})

test('check 36: the responder has its purpose, nocheck and the same issuer, and the answer verifies with it', async (t) => {
  const { ca, responder } = await open()
  const row = await ca.issueTo()
  const { der } = await responder.answer(encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-1'))
  const { basic } = parseOcspResponse(der)
  t.is(basic?.certificates.length, 1)
  const signer = parseCertificate(basic?.certificates[0] ?? new Uint8Array(0))
  t.deepEqual(extKeyUsageOf(signer), [EKU.ocspSigning])
  t.true(signer.extensions.has(EXT.ocspNoCheck))
  t.is(compareBytes(signer.issuer.raw, ca.issuer.certificate.subject.raw), 0)
  t.not(subjectKeyIdentifierOf(signer), undefined)
  const { signatureAlgorithm, publicKey } = ca.issuer
  t.true(verifySignature(signatureAlgorithm, publicKey, signer.tbs, signer.signature))
  const key = publicKeyObject(signer.spkiDer)
  t.true(verifySignature(signatureAlgorithm, key, basic?.tbs ?? der, basic?.signature ?? der))
})

test('check 36: an answer never outlives the certificate of its responder', async (t) => {
  const { ca, responder, ask } = await open()
  const row = await ca.issueTo()
  const end = ca.core.ocsp[0]?.certificate.notAfter ?? new Date(0)
  ca.setNow(new Date(end.getTime() - hour))
  t.deepEqual((await ask(row.serialHex)).nextUpdate, end)
  ca.setNow(new Date(end.getTime() + hour))
  const late = await responder.answer(encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-1'))
  t.is(parseOcspResponse(late.der).status, 'unauthorized')
})

test('check 37: OCSP, CRL and the database say the same about a random sample', async (t) => {
  const { ca, ask } = await open()
  for (let i = 0; i < 20; i++) {
    const row = await ca.issueTo()
    if (i % 3 === 1) await ca.revoke(row, 'keyCompromise')
    if (i % 3 === 2) await ca.revoke(row, 'certificateHold')
    if (i % 6 === 5) await ca.release(row)
  }
  const { content } = await publishCrl(ca.core, { issuerId: 'issuing', shard: null })
  const list = parseCrl(await readWholeCrl(ca.store, content))
  const listed = new Map([...crlEntries(list)].map((entry) => [entry.serialHex, entry]))
  for (const { issuerId, serialHex } of ca.store.issued.values()) {
    const { status } = await ask(serialHex)
    const entry = listed.get(serialHex)
    const stored = await ca.store.findStatus(issuerId, serialHex)
    t.is(status.kind === 'revoked', entry !== undefined)
    t.is(stored?.state === 'valid', status.kind === 'good')
    if (status.kind !== 'revoked') continue
    t.is(status.reason, entry?.reason)
    t.deepEqual(status.revokedAt, entry?.revocationDate)
  }
})

test('check 38: the reason stands in RevokedInfo and nowhere else', async (t) => {
  const { ca, ask } = await open()
  const rows = [await ca.issueTo(), await ca.issueTo(), await ca.issueTo()]
  const reasons = ['keyCompromise', 'certificateHold', 'unspecified'] as const
  for (const [i, reason] of reasons.entries()) {
    const row = rows[i]
    if (!row) return t.fail('no certificate')
    await ca.revoke(row, reason)
    const { status, extensions } = await ask(row.serialHex)
    t.is(extensions.size, 0)
    t.is(status.kind === 'revoked' ? status.reason : 'good', reason === 'unspecified' ? undefined : reason)
  }
})

test('a revocation in this process shows at once, one of another process after half a second', async (t) => {
  const { ca, responder, statusOf } = await open()
  const [here, there] = [await ca.issueTo(), await ca.issueTo()]
  t.is(await statusOf(here), 'good')
  t.is(await statusOf(there), 'good')
  await ca.revoke(here, 'keyCompromise')
  responder.forget(here.issuerId, here.serialHex)
  t.is(await statusOf(here), 'revoked')
  await ca.revoke(there, 'keyCompromise')
  passTime(ca, 501)
  t.is(await statusOf(there), 'revoked')
})

test('attack: a revocation while the answer is being signed does not leave a good answer behind', async (t) => {
  const { ca, statusOf } = await open()
  const row = await ca.issueTo()
  const keys = { ...ca.core.keys }
  const core = {
    ...ca.core,
    keys: {
      ...keys,
      sign: async (...args: Parameters<typeof keys.sign>) => {
        if ((await ca.store.findStatus(row.issuerId, row.serialHex))?.state === 'valid') {
          await ca.revoke(row, 'keyCompromise')
          responder.forget(row.issuerId, row.serialHex)
        }
        return keys.sign(...args)
      },
    },
  }
  const responder = openOcspResponder(core)
  const { der } = await responder.answer(encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-1'))
  t.is(parseOcspResponse(der).basic?.responses[0]?.status.kind, 'revoked')
  t.is(await statusOf(row), 'revoked')
})

test('a database that is gone is tryLater, not yesterday’s answer', async (t) => {
  const { ca } = await open()
  const row = await ca.issueTo()
  let isDown = false
  const { store } = ca.core.ports
  const failing = {
    ...store,
    statusChanges: (since: number) =>
      isDown ? Promise.reject(new CodedError('STORE_UNAVAILABLE', 'gone')) : store.statusChanges(since),
  }
  const responder = openOcspResponder({ ...ca.core, ports: { ...ca.core.ports, store: failing } })
  const request = encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-1')
  t.true((await responder.answer(request)).cacheable)
  isDown = true
  passTime(ca, 1000)
  t.is(parseOcspResponse((await responder.answer(request)).der).status, 'tryLater')
})

test('key uses are summed up in one record', async (t) => {
  const { ca, responder, statusOf } = await open()
  const rows = [await ca.issueTo(), await ca.issueTo()]
  for (const row of rows) await statusOf(row)
  for (const row of rows) await statusOf(row)
  await responder.close()
  const [use] = ca.store.records.filter(({ type }) => type === 'key.used')
  t.is(use?.data['count'], 2)
  t.is(use?.data['keyId'], ca.core.ocsp[0]?.keyId)
})

test('the cache is bounded and keeps what was asked for', (t) => {
  const cache = openOcspCache(2)
  const answer = { der: new Uint8Array(1), thisUpdate: new Date(0), nextUpdate: new Date(1) }
  cache.set('a', 'a0', answer)
  cache.set('b', 'b0', answer)
  t.not(cache.get('a0'), undefined)
  cache.set('c', 'c0', answer)
  t.is(cache.get('b0'), undefined)
  t.not(cache.get('a0'), undefined)
  for (let i = 0; i < 20; i++) cache.set('a', `a${i}`, answer)
  t.is(cache.size, 2)
})

test('attack: many forms of one question take the place of four answers, and all are forgotten together', (t) => {
  const cache = openOcspCache(100)
  const answer = { der: new Uint8Array(1), thisUpdate: new Date(0), nextUpdate: new Date(1) }
  cache.set('b', 'b0', answer)
  for (let i = 0; i < 20; i++) cache.set('a', `a${i}`, answer)
  t.is(cache.size, 5)
  t.not(cache.get('a19'), undefined)
  const { generation } = cache
  cache.forget('a')
  t.is(cache.size, 1)
  t.is(cache.get('a19'), undefined)
  t.not(cache.get('b0'), undefined)
  t.true(cache.generation > generation)
})

test('a request too long to be a plain question is answered and not kept', async (t) => {
  const { ca, responder } = await open()
  const row = await ca.issueTo()
  const plain = encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-1')
  t.is(requestKey(plain), Buffer.from(plain).toString('latin1'))
  t.is(requestKey(new Uint8Array(257)), undefined)
  await responder.answer(plain)
  // What is kept is there at once.
  t.false(responder.answer(plain) instanceof Promise)
})

test('an answer that is asked for is signed anew before half of its life, and nobody waits for it', async (t) => {
  const { ca, responder } = await open()
  const row = await ca.issueTo()
  const request = encodeOcspRequest(ca.issuer.certificate, row.serialHex, 'SHA-1')
  const first = await responder.answer(request)
  passTime(ca, OCSP_VALIDITY_MS / 2 - 300_000)
  // Time has passed since status changes were looked at: once through the store.
  t.deepEqual((await responder.answer(request)).der, first.der)
  const again = responder.answer(request)
  t.false(again instanceof Promise)
  t.deepEqual((await again).der, first.der)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  const renewed = await responder.answer(request)
  t.notDeepEqual(renewed.der, first.der)
  t.is(parseOcspResponse(renewed.der).basic?.responses[0]?.status.kind, 'good')
})

test('openssl ocsp verifies good, revoked and hold, by SHA-1 and SHA-256, with and without nonce', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const { ca, responder } = await open()
  const rows = [await ca.issueTo(), await ca.issueTo(), await ca.issueTo()]
  const expected = [
    /Status: good/,
    /Status: revoked[\s\S]*keyCompromise/,
    /Status: revoked[\s\S]*certificateHold/,
  ]
  if (rows[1]) await ca.revoke(rows[1], 'keyCompromise')
  if (rows[2]) await ca.revoke(rows[2], 'certificateHold')
  const folder = await mkdtemp(join(tmpdir(), 'ocsp-'))
  const at = (name: string): string => join(folder, name)
  try {
    await writeFile(at('root.pem'), encodePem('CERTIFICATE', ca.root.certDer))
    await writeFile(at('ca.pem'), encodePem('CERTIFICATE', ca.issuer.certDer))
    for (const [i, row] of rows.entries())
      for (const options of [['-sha1'], ['-sha256'], ['-sha1', '-no_nonce']]) {
        await writeFile(at('leaf.pem'), encodePem('CERTIFICATE', row.certDer))
        const asked = ['ocsp', '-issuer', at('ca.pem'), ...options, '-cert', at('leaf.pem')]
        await run('openssl', [...asked, '-reqout', at('request.der')])
        const { der } = await responder.answer(new Uint8Array(await readFile(at('request.der'))))
        await writeFile(at('response.der'), der)
        const now = String(Math.floor(ca.core.ports.now().getTime() / 1000) + 5)
        const seen = await run('openssl', [
          ...['ocsp', '-text'],
          ...['-reqin', at('request.der'), '-respin', at('response.der')],
          ...['-CAfile', at('root.pem'), '-verify_other', at('ca.pem'), '-attime', now],
          ...['-validity_period', String(10 * 365 * 86_400)],
        ])
        t.regex(seen.stderr, /Response verify OK/, seen.stderr)
        t.regex(seen.stdout, expected[i] ?? /never/)
      }
  } finally {
    await rm(folder, { recursive: true })
  }
})
