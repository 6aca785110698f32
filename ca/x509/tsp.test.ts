import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { loadCases, readCorpusFile, skipNote } from '../../src/test/corpora.ts'
import { publicKeyObject } from '../algorithms/keys.ts'
import { digest, findHash } from '../algorithms/hashes.ts'
import { signatureAlgorithmOf, verifySignature } from '../algorithms/signatures.ts'
import { berToDer } from '../asn1/foreign.ts'
import { toHex } from '../asn1/values.ts'
import {
  boolean,
  explicit,
  integer,
  namedBits,
  nullValue,
  octetString,
  oid,
  sequence,
  utf8String,
} from '../asn1/writer.ts'
import { mutationsOf, PARSER_CODES, verdictOf } from '../testing/fuzz.ts'
import { openTestCore } from '../testing/test-core.ts'
import { openTimestampAuthority } from '../timestamp.ts'
import { parseCertificate } from './certificate.ts'
import { messageDigestOf } from './cms.ts'
import { parseTimeStampRequest, parseTimeStampResponse, parseTimeStampToken, parseTstInfo } from './tsp.ts'
import {
  encodeTimeStampRefusal,
  encodeTimeStampRequest,
  encodeTimeStampResponse,
  encodeTstInfo,
} from './tsp-writer.ts'

const imprint = digest('SHA-256', new TextEncoder().encode('TEST ONLY'))

test('a request is read back with every field', (t) => {
  const nonce = Uint8Array.of(0x80, 1, 2)
  const read = parseTimeStampRequest(
    encodeTimeStampRequest({ hash: 'SHA-256', digest: imprint, nonce, certReq: true, policy: '2.999.3' }),
  )
  t.is(read.version, 1)
  t.is(read.messageImprint.hash, 'SHA-256')
  t.deepEqual(read.messageImprint.digest, imprint)
  t.deepEqual(read.nonce, Uint8Array.of(0, 0x80, 1, 2))
  t.is(read.policy, '2.999.3')
  t.true(read.certReq)
  const bare = parseTimeStampRequest(
    encodeTimeStampRequest({ hash: 'SHA-512', digest: imprint, certReq: false }),
  )
  t.is(bare.nonce, undefined)
  t.false(bare.certReq)
})

test('a request with DEFAULT FALSE written out, or without parameters, means the same', (t) => {
  const plain = sequence(
    integer(1),
    sequence(sequence(oid('2.16.840.1.101.3.4.2.1')), octetString(imprint)),
    boolean(false),
  )
  const read = parseTimeStampRequest(plain)
  t.is(read.messageImprint.hash, 'SHA-256')
  t.false(read.certReq)
})

test('attack: hash parameters that change the meaning make the hash unknown', (t) => {
  const odd = sequence(
    integer(1),
    sequence(sequence(oid('2.16.840.1.101.3.4.2.1'), sequence(nullValue())), octetString(imprint)),
  )
  t.is(parseTimeStampRequest(odd).messageImprint.hash, undefined)
})

test('TSTInfo: microseconds without trailing zeros, accuracy and tsa are read back', async (t) => {
  const { core } = await openTestCore()
  const fields = {
    policy: '2.999.1.2',
    messageImprintRaw: sequence(sequence(oid('2.16.840.1.101.3.4.2.1')), octetString(imprint)),
    serial: Uint8Array.of(0x80, 5),
    accuracyMs: 1500,
    nonce: Uint8Array.of(0, 0xff),
    tsa: core.tsa.certificate,
  }
  for (const [micros, text] of [
    [1777863721250000n, '20260504030201.25Z'],
    [1777863721000000n, '20260504030201Z'],
    [1777863721000001n, '20260504030201.000001Z'],
    [1777863721100010n, '20260504030201.10001Z'],
  ] as const) {
    const der = encodeTstInfo({ ...fields, genTimeMicros: micros })
    t.true(Buffer.from(der).toString('latin1').includes(text), text)
    const read = parseTstInfo(der)
    t.is(read.genTime.getTime(), Number(micros / 1000n))
    t.is(read.accuracyMs, 1500)
    t.false(read.ordering)
    t.deepEqual(read.serial, Uint8Array.of(0, 0x80, 5))
    t.deepEqual(read.nonce, fields.nonce)
    if (read.tsa?.kind !== 'directoryName') return t.fail('tsa is not a name')
    t.deepEqual(read.tsa.name.raw, core.tsa.certificate.subject.raw)
  }
})

test('a refusal has its status, its bit and its sentence, and no token', (t) => {
  const read = parseTimeStampResponse(encodeTimeStampRefusal('unacceptedPolicy', 'policy is not offered'))
  t.is(read.status, 'rejection')
  t.deepEqual(read.failures, ['unacceptedPolicy'])
  t.deepEqual(read.statusText, ['policy is not offered'])
  t.is(read.tokenDer, undefined)
})

test('attack: a grant without a token, and a token beside a refusal, are refused', (t) => {
  t.throws(() => parseTimeStampResponse(sequence(sequence(integer(0)))), { code: 'INPUT_MALFORMED' })
  const both = sequence(sequence(integer(2), sequence(utf8String('no')), namedBits([0])), sequence())
  t.throws(() => parseTimeStampResponse(both), { code: 'INPUT_MALFORMED' })
  t.throws(() => parseTimeStampResponse(sequence(sequence(integer(9)))), { code: 'INPUT_MALFORMED' })
})

test('attack: a CMS over other content is no token', async (t) => {
  const { core } = await openTestCore()
  const request = encodeTimeStampRequest({ hash: 'SHA-256', digest: imprint, certReq: true })
  const { tokenDer } = parseTimeStampResponse(await openTimestampAuthority(core).respond(request))
  const forged = Buffer.from(tokenDer ?? [])
  const type = forged.indexOf(Buffer.from('060b2a864886f70d0109100104', 'hex'))
  forged[type + 12] = 5
  t.throws(() => parseTimeStampToken(new Uint8Array(forged)), { code: 'INPUT_MALFORMED' })
})

test('fuzz: changed bytes give a typed error and nothing else', async (t) => {
  const { core } = await openTestCore()
  const request = encodeTimeStampRequest({
    hash: 'SHA-256',
    digest: imprint,
    nonce: imprint,
    certReq: true,
    policy: '2.999.1.2.2',
  })
  const granted = await openTimestampAuthority(core).respond(request)
  const extended = sequence(
    integer(1),
    sequence(sequence(oid('2.16.840.1.101.3.4.2.1')), octetString(imprint)),
    explicit(0, sequence(oid('2.999.1'), octetString(nullValue()))),
  )
  const parse = (bytes: Uint8Array): void => {
    const { tokenDer } = parseTimeStampResponse(bytes)
    if (tokenDer) parseTimeStampToken(tokenDer)
  }
  const responses = [granted, encodeTimeStampRefusal('badAlg', 'no')]
  t.notThrows(() => {
    fc.assert(
      fc.property(mutationsOf([request, extended]), (bytes) =>
        PARSER_CODES.includes(verdictOf(() => parseTimeStampRequest(bytes))),
      ),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(mutationsOf(responses), (bytes) => PARSER_CODES.includes(verdictOf(() => parse(bytes)))),
      { numRuns: 3000 },
    )
  })
  t.is(
    verdictOf(() => parse(encodeTimeStampResponse(sequence()))),
    'INPUT_MALFORMED',
  )
})

const absent = (t: ExecutionContext, count: number): void => {
  skipNote(t, count, 'corpora are absent')
  t.pass()
}

test('corpus: tokens of the field say what OpenSSL reads, and their signatures verify', (t) => {
  const cases = loadCases('cms-tsp')?.filter(({ kind }) => kind === 'timestamp')
  if (!cases) return absent(t, 3)
  for (const one of cases) {
    const label = one.expected as { genTime: string; policy: string; serial: string; form: string }
    const expected = label.form === 'token' ? label : undefined
    const der = berToDer(readCorpusFile('cms-tsp', String(one.files?.['input'])))
    const { tstInfo, signedData } = parseTimeStampToken(der)
    // One token holds what OpenSSL cannot read; its signature is good all the same.
    if (expected) {
      t.is(tstInfo.policy, expected.policy, one.id)
      t.is(BigInt(`0x${toHex(tstInfo.serial)}`), BigInt(expected.serial), one.id)
      t.is(tstInfo.genTime.getTime(), Date.parse(expected.genTime), one.id)
    }
    const [signer] = signedData.signerInfos
    const hash = findHash(signer?.digestAlgorithm.oid ?? '')?.name
    if (!signer || !hash) return t.fail(one.id)
    t.deepEqual(messageDigestOf(signer), digest(hash, tstInfo.raw), one.id)
    const algorithm = signatureAlgorithmOf(signer.signatureAlgorithm, hash)
    const verified = signedData.certificates.some((certDer) =>
      verifySignature(
        algorithm,
        publicKeyObject(parseCertificate(certDer).spkiDer),
        signer.signedAttributesDer ?? new Uint8Array(0),
        signer.signature,
      ),
    )
    t.true(verified, one.id)
  }
})
