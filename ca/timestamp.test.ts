import test from 'ava'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireTool, run } from '../src/test/judges.ts'
import { digest } from './algorithms/hashes.ts'
import { publicKeyObject } from './algorithms/keys.ts'
import { verifySignature } from './algorithms/signatures.ts'
import { toHex } from './asn1/values.ts'
import { explicit, integer, nullValue, octetString, oid, sequence, tlv } from './asn1/writer.ts'
import { guardClock } from './clock.ts'
import { openTimestampAuthority } from './timestamp.ts'
import { encodePem } from './testing/pem.ts'
import { type TestCore, openTestCore } from './testing/test-core.ts'
import { essCertIdsOf, messageDigestOf } from './x509/cms.ts'
import {
  type TimeStampResponse,
  type TimeStampToken,
  parseTimeStampResponse,
  parseTimeStampToken,
} from './x509/tsp.ts'
import { encodeTimeStampRequest } from './x509/tsp-writer.ts'

const imprint = digest('SHA-256', new TextEncoder().encode('TEST ONLY'))
const SHA256 = '2.16.840.1.101.3.4.2.1'
const request = (more: Partial<Parameters<typeof encodeTimeStampRequest>[0]> = {}): Uint8Array =>
  encodeTimeStampRequest({ hash: 'SHA-256', digest: imprint, certReq: true, ...more })

interface Bed {
  readonly ca: TestCore
  ask(der: Uint8Array): Promise<TimeStampResponse>
  token(der?: Uint8Array): Promise<TimeStampToken>
}

async function open(): Promise<Bed> {
  const ca = await openTestCore()
  const authority = openTimestampAuthority(ca.core)
  const ask = async (der: Uint8Array): Promise<TimeStampResponse> =>
    parseTimeStampResponse(await authority.respond(der))
  const token = async (der = request()): Promise<TimeStampToken> =>
    parseTimeStampToken((await ask(der)).tokenDer ?? new Uint8Array(0))
  return { ca, ask, token }
}

const passTime = (ca: TestCore, milliseconds: number): void =>
  ca.setNow(new Date(ca.core.ports.now().getTime() + milliseconds))

test('a token echoes imprint and nonce, names policy and TSA, and its signature is bound to the certificate', async (t) => {
  const { ca, token } = await open()
  const nonce = Uint8Array.of(0x91, 2, 3)
  const { tstInfo, signedData } = await token(request({ nonce }))
  t.deepEqual(tstInfo.messageImprint.digest, imprint)
  t.deepEqual(tstInfo.nonce, Uint8Array.of(0, 0x91, 2, 3))
  t.is(tstInfo.policy, '2.999.1.2.2')
  t.is(tstInfo.accuracyMs, 1000)
  t.false(tstInfo.ordering)
  t.is(tstInfo.genTime.getTime(), ca.core.ports.now().getTime())
  const [signer] = signedData.signerInfos
  if (!signer) return t.fail('no signer')
  t.is(signedData.version, 3)
  t.deepEqual(signer.problems, [])
  t.deepEqual(messageDigestOf(signer), digest('SHA-256', tstInfo.raw))
  t.deepEqual(essCertIdsOf(signer)?.ids[0]?.certHash, digest('SHA-256', ca.core.tsa.certDer))
  const key = publicKeyObject(ca.core.tsa.certificate.spkiDer)
  const signed = signer.signedAttributesDer ?? new Uint8Array(0)
  t.true(verifySignature(ca.core.tsa.signatureAlgorithm, key, signed, signer.signature))
})

test('certificates come along exactly when they are asked for', async (t) => {
  const { ca, token } = await open()
  t.deepEqual((await token(request({ certReq: false }))).signedData.certificates, [])
  const { certificates } = (await token()).signedData
  t.deepEqual(certificates.map(toHex).sort(), [ca.core.tsa.certDer, ca.issuer.certDer].map(toHex).sort())
})

test('time and serial grow strictly, within one millisecond too', async (t) => {
  const { ca, ask } = await open()
  const seen: { serial: bigint; digits: string }[] = []
  for (let i = 0; i < 30; i++) {
    if (i === 20) passTime(ca, 1)
    const { tokenDer } = await ask(request())
    const { tstInfo } = parseTimeStampToken(tokenDer ?? new Uint8Array(0))
    const digits = /\d{14}(\.\d+)?Z/.exec(Buffer.from(tstInfo.raw).toString('latin1'))?.[0] ?? ''
    seen.push({
      serial: BigInt(`0x${toHex(tstInfo.serial)}`),
      digits: padded(digits),
    })
  }
  for (const [i, next] of seen.slice(1).entries()) {
    t.true(next.serial > (seen[i]?.serial ?? 0n))
    t.true(next.digits > (seen[i]?.digits ?? ''))
  }
})

const padded = (digits: string): string => {
  const [whole = '', fraction = ''] = digits.replace('Z', '').split('.')
  return whole + fraction.padEnd(6, '0')
}

test('what is not offered is refused with its own reason', async (t) => {
  const { ask } = await open()
  const refused = async (der: Uint8Array): Promise<string | undefined> => {
    const { status, failures, statusText } = await ask(der)
    t.is(status, 'rejection')
    t.is(statusText.length, 1)
    return failures.join()
  }
  t.is(await refused(request({ hash: 'SHA-1', digest: new Uint8Array(20) })), 'badAlg')
  t.is(await refused(request({ hash: 'MD5', digest: new Uint8Array(16) })), 'badAlg')
  t.is(await refused(request({ digest: new Uint8Array(31) })), 'badDataFormat')
  t.is(await refused(request({ policy: '2.999.77' })), 'unacceptedPolicy')
  t.is(await refused(Uint8Array.of(0x30, 0)), 'badDataFormat')
  t.is(await refused(new Uint8Array(5000)), 'badDataFormat')
  const body = [sequence(sequence(oid(SHA256)), octetString(imprint))]
  t.is(await refused(sequence(integer(2), ...body)), 'badRequest')
  const extension = sequence(oid('2.999.1'), octetString(nullValue()))
  t.is(await refused(sequence(integer(1), ...body, explicit(0, extension))), 'unacceptedExtension')
  t.is(
    await refused(sequence(integer(1), sequence(sequence(oid('2.999.2')), octetString(imprint)))),
    'badAlg',
  )
})

test('our own policy may be asked for by name', async (t) => {
  const { ask } = await open()
  t.is((await ask(request({ policy: '2.999.1.2.2' }))).status, 'granted')
})

test('attack: a clock that went back makes no tokens until it has caught up', async (t) => {
  const { ca, ask } = await open()
  t.is((await ask(request())).status, 'granted')
  passTime(ca, -5000)
  t.deepEqual((await ask(request())).failures, ['timeNotAvailable'])
  passTime(ca, 6000)
  t.is((await ask(request())).status, 'granted')
})

test('attack: a restart with a clock behind the newest record makes no tokens', async (t) => {
  const { ca } = await open()
  await ca.store.record([
    { type: 'service.started', at: ca.core.ports.now(), actor: 'system', tenant: null, data: {} },
  ])
  passTime(ca, -3600_000)
  const restarted = openTimestampAuthority(ca.core)
  t.deepEqual(parseTimeStampResponse(await restarted.respond(request())).failures, ['timeNotAvailable'])
  const guarded = openTimestampAuthority({
    ...ca.core,
    ports: { ...ca.core.ports, now: guardClock(ca.core.ports.now, await ca.store.lastRecordTime()) },
  })
  t.deepEqual(parseTimeStampResponse(await guarded.respond(request())).failures, ['timeNotAvailable'])
})

test('check 43: the record is durable before the key is used, and holds the hash of what is signed', async (t) => {
  const { ca, ask, token } = await open()
  ca.store.failNext('record', 'fail')
  const uses = ca.keys.uses
  t.deepEqual((await ask(request())).failures, ['systemFailure'])
  t.is(ca.keys.uses, uses)
  t.is(ca.store.records.length, 0)
  const { tstInfo } = await token()
  const [record] = ca.store.records
  t.is(ca.store.records.length, 1)
  t.is(record?.type, 'timestamp.issued')
  t.is(record?.data['tstInfoSha256'], toHex(digest('SHA-256', tstInfo.raw)))
  t.is(record?.data['serialHex'], toHex(tstInfo.serial))
  t.false(JSON.stringify(record).includes(toHex(imprint)), 'the imprint stays out of the log')
})

test('a key that fails, or signs wrongly, yields no token', async (t) => {
  const { ca, ask } = await open()
  for (const how of ['throw', 'wrong-signature'] as const) {
    ca.keys.failNext(how)
    t.deepEqual((await ask(request())).failures, ['systemFailure'])
  }
})

test('an expired TSA certificate makes no tokens', async (t) => {
  const { ca, ask } = await open()
  const { notAfter } = ca.core.tsa.certificate
  ca.setNow(new Date(notAfter.getTime() + 1000))
  t.deepEqual((await ask(request())).failures, ['systemFailure'])
})

test('attack: a nonce of any odd form is echoed octet by octet', async (t) => {
  const { token } = await open()
  const negative = sequence(
    integer(1),
    sequence(sequence(oid(SHA256)), octetString(imprint)),
    tlv(2, Uint8Array.of(0xff, 0x01)),
  )
  t.deepEqual((await token(negative)).tstInfo.nonce, Uint8Array.of(0xff, 0x01))
})

test('openssl ts verifies tokens by query and by data, for three hashes', async (t) => {
  if (!requireTool(t, 'openssl')) return
  const { ca } = await open()
  const authority = openTimestampAuthority(ca.core)
  const folder = await mkdtemp(join(tmpdir(), 'tsa-'))
  const at = (name: string): string => join(folder, name)
  const now = String(Math.floor(ca.core.ports.now().getTime() / 1000) + 60)
  try {
    await writeFile(at('root.pem'), encodePem('CERTIFICATE', ca.root.certDer))
    await writeFile(at('ca.pem'), encodePem('CERTIFICATE', ca.issuer.certDer))
    await writeFile(at('data'), 'TEST ONLY data')
    for (const hash of ['-sha256', '-sha384', '-sha512']) {
      await run('openssl', ['ts', '-query', '-data', at('data'), hash, '-cert', '-out', at('query')])
      await writeFile(at('reply'), await authority.respond(new Uint8Array(await readFile(at('query')))))
      const trust = ['-CAfile', at('root.pem'), '-untrusted', at('ca.pem'), '-attime', now]
      const byQuery = await run('openssl', [
        'ts',
        '-verify',
        '-in',
        at('reply'),
        '-queryfile',
        at('query'),
        ...trust,
      ])
      t.is(byQuery.status, 0, byQuery.stderr)
      const byData = await run('openssl', [
        'ts',
        '-verify',
        '-in',
        at('reply'),
        '-data',
        at('data'),
        ...trust,
      ])
      t.is(byData.status, 0, byData.stderr)
      await writeFile(at('data'), `TEST ONLY other ${hash}`)
      t.not(
        (await run('openssl', ['ts', '-verify', '-in', at('reply'), '-data', at('data'), ...trust])).status,
        0,
      )
    }
    const text = await run('openssl', ['ts', '-reply', '-in', at('reply'), '-text'])
    t.regex(text.stdout, /Policy OID: 2\.999\.1\.2\.2/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
