import test from 'ava'
import fc from 'fast-check'

import { isCoded } from '../../ca/formats.ts'
import { PARSER_CODES, mutationsOf, verdictOf } from '../../ca/testing/fuzz.ts'
import { parsePem, toPem } from '../lib/pem.ts'
import { defaultPolicy } from '../test/conformance/policy.ts'
import { issue, makeCms, makeCrl, makeOcsp, makeToken, withTimestamp } from '../test/pki.ts'
import { findOriginalAttributes, normaliseBer } from './ber.ts'
import { parseCms } from './cms.ts'
import { parsePdfDate } from './pdf-date.ts'
import { findWeakness, parsePolicy } from './policy.ts'
import { listTexts } from './texts.ts'
import { trustFromPem } from './trust.ts'
import { verify } from './verify.ts'

const policy = defaultPolicy()
const at = new Date('2026-06-01T00:00:00Z')
const later = new Date('2026-07-01T00:00:00Z')
const content = new TextEncoder().encode('TEST ONLY')
const ca = issue({ name: 'CA', ca: true })
const signer = issue({ name: 'signer', issuer: ca })
const cms = withTimestamp(makeCms(signer, { content: [content] }), signer, at)
const crl = makeCrl(ca, at, later, [{ certificate: signer.certificate, at, reason: 1 }])
const ocsp = makeOcsp({
  certificate: signer.certificate,
  issuer: ca.certificate,
  responder: ca,
  status: { kind: 'good' },
  thisUpdate: at,
  nextUpdate: later,
})
const trust = [{ certDer: ca.certificate.raw, name: 'TEST ONLY', source: 'own' }]

const runs = { numRuns: 300 }

test('a mutated signature gets a report and never passes as another one', (t) => {
  fc.assert(
    fc.property(mutationsOf([cms, makeToken(signer, [content], at)]), (document) => {
      const outcome = verify({ document, content, evidence: {}, trust, policy, at, final: true })
      return 'report' in outcome && outcome.report.indication !== 'TOTAL-PASSED'
    }),
    runs,
  )
  t.pass()
})

test('mutated evidence never makes a revoked certificate good', (t) => {
  fc.assert(
    fc.property(mutationsOf([crl]), (mutated) => {
      const evidence = { crls: [mutated] }
      const outcome = verify({ document: cms, content, evidence, trust, policy, at, final: true })
      return 'report' in outcome && outcome.report.indication !== 'TOTAL-PASSED'
    }),
    runs,
  )
  fc.assert(
    fc.property(mutationsOf([ocsp]), (mutated) => {
      const evidence = { crls: [crl], ocspResponses: [mutated] }
      const outcome = verify({ document: cms, content, evidence, trust, policy, at, final: true })
      return 'report' in outcome && outcome.report.indication !== 'TOTAL-PASSED'
    }),
    runs,
  )
  t.pass()
})

test('any octets: typed errors only', (t) => {
  const parsers: readonly ((bytes: Uint8Array) => unknown)[] = [
    normaliseBer,
    parseCms,
    findOriginalAttributes,
    (bytes) => parsePem(new TextDecoder('latin1').decode(bytes)),
  ]
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutationsOf([cms])), (bytes) =>
      parsers.every((parse) => PARSER_CODES.includes(verdictOf(() => parse(bytes)))),
    ),
    runs,
  )
  t.pass()
})

test('BER bomb: nesting without end is refused', (t) => {
  const nested = new Uint8Array(200_000)
  for (let i = 0; i < nested.length; i += 2) nested.set([0x30, 0x80], i)
  t.is(
    verdictOf(() => normaliseBer(nested)),
    'INPUT_MALFORMED',
  )
})

test('DER bomb: millions of small elements are counted before they are read', (t) => {
  const sequence = (tag: number, content: Uint8Array): Uint8Array => {
    const { length } = content
    const head = [tag, 0x84, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255]
    return Uint8Array.from(Buffer.concat([Buffer.from(head), content]))
  }
  const nulls = new Uint8Array(20_000_000).map((_, i) => (i % 2 === 0 ? 5 : 0))
  const small = nulls.subarray(0, 300_000)
  for (const bomb of [
    sequence(0x30, nulls),
    sequence(0x30, sequence(0x30, sequence(0x31, nulls))),
    Uint8Array.from(Buffer.concat([Buffer.from([0x30, 0x80]), nulls, Buffer.from([0, 0])])),
    Uint8Array.from(Buffer.concat([Buffer.from([0x30, 0x80]), small, Buffer.from([0, 0])])),
  ])
    t.true(isCoded(t.throws(() => parseCms(bomb))))
})

test('every sentence exists in both languages and no key twice', (t) => {
  const texts = listTexts()
  t.is(new Set(texts.map(({ key }) => key)).size, texts.length)
  for (const { key, zh, en } of texts) {
    t.regex(zh, /[\u4e00-\u9fff]/, key)
    t.regex(en, /^[A-Z][^\u4e00-\u9fff]+$/, key)
  }
})

test('algorithms end when the policy says so', (t) => {
  const use = { hash: 'SHA-256' as const, kind: 'rsa' as const, bits: 2048 }
  t.is(findWeakness(policy.algorithms, use, at), undefined)
  t.truthy(findWeakness(policy.algorithms, use, new Date('2030-01-01T00:00:00Z')))
  t.truthy(findWeakness(policy.algorithms, { ...use, hash: 'SHA-1' }, at))
  t.truthy(findWeakness(policy.algorithms, { ...use, bits: 512 }, at))
  t.is(
    findWeakness(policy.algorithms, { ...use, hash: 'SHA-1', bits: 1024 }, new Date('2009-01-01T00:00:00Z')),
    undefined,
  )
})

test('a policy that breaks its schema is refused', (t) => {
  const schema = '{"type":"object","required":["name"]}'
  const files = { validation: '{}', algorithms: '{}', validationSchema: schema, algorithmsSchema: schema }
  t.is(
    verdictOf(() => parsePolicy(files)),
    'VALIDATION_POLICY_INVALID',
  )
  t.is(
    verdictOf(() => parsePolicy({ ...files, validation: '{' })),
    'VALIDATION_POLICY_INVALID',
  )
})

test('a trust list is read whole or not at all', (t) => {
  t.is(trustFromPem(toPem('CERTIFICATE', ca.certificate.raw), 'file.pem', 'CN')[0]?.jurisdiction, 'CN')
  t.is(
    verdictOf(() => trustFromPem(toPem('CERTIFICATE', content), 'file.pem')),
    'TRUST_LIST_INVALID',
  )
  t.is(
    verdictOf(() => trustFromPem(toPem('PRIVATE KEY', content), 'file.pem')),
    'TRUST_LIST_INVALID',
  )
  t.is(
    verdictOf(() => trustFromPem('', 'file.pem')),
    'TRUST_LIST_INVALID',
  )
})

test('dates of PDF', (t) => {
  t.is(parsePdfDate("D:20260304120000+08'00'")?.toISOString(), '2026-03-04T04:00:00.000Z')
  t.is(parsePdfDate('D:2026')?.toISOString(), '2026-01-01T00:00:00.000Z')
  t.is(parsePdfDate('today'), undefined)
})
