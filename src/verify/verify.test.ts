import test from 'ava'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

import { EKU, EXT } from '../../ca/formats.ts'
import { encodeAuthorityInfoAccess, encodeExtension, encodeMarker } from '../../ca/x509/encode-extensions.ts'
import { defaultPolicy } from '../test/conformance/policy.ts'
import { type Party, issue, makeCms, makeCrl, makeOcsp, moveTimestamp, withTimestamp } from '../test/pki.ts'
import type { Evidence } from './evidence.ts'
import { REPORT_SCHEMA } from './report-schema.ts'
import type { Report, SignatureReport } from './report.ts'
import { type VerifyInput, verify } from './verify.ts'

const policy = defaultPolicy()
const at = new Date('2026-06-01T12:00:00Z')
const day = 86_400_000
const before = new Date(at.getTime() - day)
const after = new Date(at.getTime() + day)
const content = new TextEncoder().encode('TEST ONLY contract: 1,000 yuan')

const root = issue({ name: 'root', ca: true })
const ca = issue({ name: 'issuing CA', ca: true, pathLength: 0, issuer: root })
const signer = issue({ name: 'signer', issuer: ca })
const tsa = issue({
  name: 'TSA',
  issuer: ca,
  keyUsage: ['digitalSignature'],
  extKeyUsage: [EKU.timeStamping],
})
const responder = issue({
  name: 'OCSP',
  issuer: ca,
  keyUsage: ['digitalSignature'],
  extKeyUsage: [EKU.ocspSigning],
  extensions: [encodeExtension(EXT.ocspNoCheck, false, encodeMarker())],
})
const accessExtension = encodeExtension(
  EXT.authorityInfoAccess,
  false,
  encodeAuthorityInfoAccess({ ocsp: 'http://ca.test/ocsp', caIssuers: 'http://ca.test/ca.cer' }),
)
const trust = [{ certDer: root.certificate.raw, name: 'TEST ONLY root', source: 'own', jurisdiction: 'CN' }]

const evidence: Evidence = {
  certificates: [ca.certificate.raw],
  crls: [makeCrl(root, before, after), makeCrl(ca, before, after)],
}

const compile = () => {
  const ajv = new Ajv2020()
  addFormats.default(ajv)
  return ajv.compile(REPORT_SCHEMA)
}
const isReport = compile()

function reportOn(input: Partial<VerifyInput> & { document: Uint8Array }): Report {
  const outcome = verify({ content, evidence, trust, policy, at, final: true, ...input })
  if (!('report' in outcome)) throw new Error('no report')
  if (!isReport(outcome.report)) throw new Error(JSON.stringify(isReport.errors))
  return outcome.report
}

function firstOf(input: Partial<VerifyInput> & { document: Uint8Array }): SignatureReport {
  const [first] = reportOn(input).signatures
  if (!first) throw new Error('no signature')
  return first
}

const verdictOf = ({ indication, subIndication }: SignatureReport): string =>
  subIndication === null ? indication : `${indication}/${subIndication}`

const keysOf = (signature: SignatureReport): string[] => signature.reasons.map(({ key }) => key)
const sign = (party: Party = signer, options: Partial<Parameters<typeof makeCms>[1]> = {}): Uint8Array =>
  makeCms(party, { content: [content], signingTime: before, ...options })

test('a detached CAdES signature passes, and the report says by whom and on what', (t) => {
  const report = reportOn({ document: sign() })
  t.is(report.indication, 'TOTAL-PASSED')
  t.is(report.answer.key, 'SIGNATURES_ALL_VALID')
  const [first] = report.signatures
  t.is(first?.signer?.commonName, 'TEST ONLY signer')
  t.is(first?.level, 'B-B')
  t.deepEqual(
    first?.chain.map(({ revocation }) => revocation.status),
    ['good', 'good', 'anchor'],
  )
  t.is(first?.chain[0]?.revocation.thisUpdate, before.toISOString())
  t.is(first?.anchor?.jurisdiction, 'CN')
  t.is(first?.algorithms.signature, 'ecdsa-sha256')
  t.deepEqual(
    first?.conditions.map(({ result }) => result),
    ['unknown', 'unknown', 'pass', 'pass'],
  )
  t.is(report.policy.sha256, policy.sha256)
})

test('signature and content may come the other way round', (t) => {
  t.is(reportOn({ document: content, content: sign() }).indication, 'TOTAL-PASSED')
})

test('the same input gives the same report', (t) => {
  const document = withTimestamp(sign(), tsa, before)
  t.deepEqual(reportOn({ document }), reportOn({ document }))
})

test('changed content is TOTAL-FAILED / HASH_FAILURE', (t) => {
  const changed = new TextEncoder().encode('TEST ONLY contract: 9,000 yuan')
  const first = firstOf({ document: sign(), content: changed })
  t.is(verdictOf(first), 'TOTAL-FAILED/HASH_FAILURE')
  t.deepEqual(
    first.conditions.map(({ result }) => result),
    ['unknown', 'unknown', 'pass', 'fail'],
  )
})

test('a wrong signature value is TOTAL-FAILED / SIG_CRYPTO_FAILURE', (t) => {
  const impostor = issue({ name: 'impostor', issuer: ca })
  const forged = makeCms({ certificate: signer.certificate, key: impostor.key }, { content: [content] })
  t.is(verdictOf(firstOf({ document: forged })), 'TOTAL-FAILED/SIG_CRYPTO_FAILURE')
})

test('missing content is INDETERMINATE / SIGNED_DATA_NOT_FOUND', (t) => {
  const outcome = verify({ document: sign(), evidence, trust, policy, at, final: true })
  t.true('report' in outcome && outcome.report.answer.key === 'CONTENT_MISSING')
  t.true('report' in outcome && outcome.report.indication === 'INDETERMINATE')
})

test('attached content counts, and another file cannot borrow its verdict', (t) => {
  const document = sign(signer, { attached: true })
  const outcome = verify({ document, evidence, trust, policy, at, final: true })
  t.true('report' in outcome && outcome.report.indication === 'TOTAL-PASSED')
  const other = new TextEncoder().encode('TEST ONLY another contract')
  t.is(verdictOf(firstOf({ document, content: other })), 'TOTAL-FAILED/HASH_FAILURE')
})

test('certificate substitution: the signed reference names another certificate', (t) => {
  const other = issue({ name: 'other', issuer: ca })
  const document = sign(signer, { reference: other.certificate })
  t.is(verdictOf(firstOf({ document })), 'INDETERMINATE/SIG_CONSTRAINTS_FAILURE')
})

test('a certificate of nobody on the trust list is no pass', (t) => {
  const stranger = issue({ name: 'stranger' })
  const first = firstOf({ document: sign(stranger) })
  t.is(verdictOf(first), 'INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND')
  t.is(first.anchor, null)
})

test('missing revocation data is never a pass', (t) => {
  const first = firstOf({ document: sign(), evidence: { certificates: [ca.certificate.raw] } })
  t.is(verdictOf(first), 'INDETERMINATE/CERTIFICATE_CHAIN_GENERAL_FAILURE')
  const missing = first.reasons.filter(({ key }) => key === 'REVOCATION_MISSING')
  t.true(missing.length > 0)
  for (const { certificate, detail = '' } of missing) {
    t.regex(certificate?.name ?? '', /^TEST ONLY (signer|issuing CA)$/)
    t.true(detail.includes(`${certificate?.name ?? '?'}, serial ${certificate?.serialHex ?? '?'}`))
    t.regex(certificate?.issuer ?? '', /TEST ONLY/)
  }
})

test('stale revocation data is INDETERMINATE / TRY_LATER', (t) => {
  const old = new Date('2026-02-01T00:00:00Z')
  const crls = [makeCrl(root, before, after), makeCrl(ca, old, new Date(old.getTime() + day))]
  const first = firstOf({ document: sign(), evidence: { ...evidence, crls } })
  t.is(verdictOf(first), 'INDETERMINATE/TRY_LATER')
})

test('a list that somebody else signed under the name of the CA proves nothing', (t) => {
  const forger = issue({ name: 'issuing CA', ca: true })
  const crls = [makeCrl(root, before, after), makeCrl(forger, before, after)]
  const first = firstOf({ document: sign(), evidence: { ...evidence, crls } })
  t.is(verdictOf(first), 'INDETERMINATE/CERTIFICATE_CHAIN_GENERAL_FAILURE')
  t.true(keysOf(first).includes('REVOCATION_UNUSABLE'))
})

const revokedList = (certificate = signer.certificate, when = before, reason = 1): Evidence => ({
  ...evidence,
  crls: [makeCrl(root, before, after), makeCrl(ca, before, after, [{ certificate, at: when, reason }])],
})

test('a revoked certificate without proof of time is REVOKED_NO_POE', (t) => {
  t.is(verdictOf(firstOf({ document: sign(), evidence: revokedList() })), 'INDETERMINATE/REVOKED_NO_POE')
})

test('a time stamp before the revocation saves the signature, one after it does not', (t) => {
  const early = withTimestamp(sign(), tsa, new Date(before.getTime() - day))
  const first = firstOf({ document: early, evidence: revokedList() })
  t.is(verdictOf(first), 'TOTAL-PASSED')
  t.is(first.timeProof?.kind, 'signature-timestamp')
  t.is(first.level, 'B-T')
  t.true(keysOf(first).includes('REVOKED_LATER'))
  const late = withTimestamp(sign(), tsa, new Date(before.getTime() + 1000))
  t.is(verdictOf(firstOf({ document: late, evidence: revokedList() })), 'INDETERMINATE/REVOKED_NO_POE')
})

test('a revoked authority is REVOKED_CA_NO_POE', (t) => {
  const crls = [
    makeCrl(root, before, after, [{ certificate: ca.certificate, at: before }]),
    makeCrl(ca, before, after),
  ]
  const first = firstOf({ document: sign(), evidence: { ...evidence, crls } })
  t.is(verdictOf(first), 'INDETERMINATE/REVOKED_CA_NO_POE')
})

test('a certificate on hold is TRY_LATER', (t) => {
  const first = firstOf({ document: sign(), evidence: revokedList(signer.certificate, before, 6) })
  t.is(verdictOf(first), 'INDETERMINATE/TRY_LATER')
})

test('a revoked time-stamping authority proves no time', (t) => {
  const document = withTimestamp(sign(), tsa, new Date(before.getTime() - day))
  const first = firstOf({ document, evidence: revokedList(tsa.certificate) })
  t.is(first.timeProof, null)
  t.is(first.timestamps[0]?.indication, 'INDETERMINATE')
})

test('an expired certificate is OUT_OF_BOUNDS_NO_POE, with a time stamp it passes', (t) => {
  const short = issue({
    name: 'event',
    issuer: ca,
    notBefore: new Date(before.getTime() - 7200_000),
    notAfter: new Date(before.getTime() - 3600_000),
    extensions: [encodeExtension(EXT.noRevAvail, false, encodeMarker())],
  })
  t.is(verdictOf(firstOf({ document: sign(short) })), 'INDETERMINATE/OUT_OF_BOUNDS_NO_POE')
  const stamped = withTimestamp(sign(short), tsa, new Date(before.getTime() - 5400_000))
  const first = firstOf({ document: stamped })
  t.is(verdictOf(first), 'TOTAL-PASSED')
  t.is(first.chain[0]?.revocation.status, 'not-offered')
  t.true(keysOf(first).includes('REVOCATION_NOT_OFFERED'))
})

test('noRevAvail on a certificate that lives for years is no pass', (t) => {
  const long = issue({
    name: 'long',
    issuer: ca,
    extensions: [encodeExtension(EXT.noRevAvail, false, encodeMarker())],
  })
  const first = firstOf({
    document: sign(long),
    evidence: { ...evidence, crls: [makeCrl(root, before, after)] },
  })
  t.is(verdictOf(first), 'INDETERMINATE/CERTIFICATE_CHAIN_GENERAL_FAILURE')
  t.true(keysOf(first).includes('REVOCATION_NOT_OFFERED_TOO_LONG'))
})

test('a time stamp that is older than the certificate is TOTAL-FAILED / NOT_YET_VALID', (t) => {
  const young = issue({ name: 'young', issuer: ca, notBefore: before })
  const document = withTimestamp(sign(young), tsa, new Date(before.getTime() - day))
  t.is(verdictOf(firstOf({ document })), 'TOTAL-FAILED/NOT_YET_VALID')
})

test('a time stamp over another signature proves nothing', (t) => {
  const document = withTimestamp(sign(), tsa, before)
  const other = issue({ name: 'other signer', issuer: ca })
  const moved = moveTimestamp(document, sign(other))
  const first = firstOf({ document: moved })
  t.is(first.timeProof, null)
  t.true(first.warnings.some(({ key }) => key === 'TIMESTAMP_IMPRINT'))
})

test('a time stamp by a key that is not for time stamping proves nothing', (t) => {
  const first = firstOf({ document: withTimestamp(sign(), signer, before) })
  t.is(first.timeProof, null)
  t.true(first.warnings.some(({ key }) => key === 'CERT_EXT_KEY_USAGE'))
})

test('a time stamp from the future proves nothing', (t) => {
  t.is(firstOf({ document: withTimestamp(sign(), tsa, after) }).timeProof, null)
})

test('OCSP: a delegated responder of the issuer counts, one of another CA does not', (t) => {
  const about = {
    certificate: signer.certificate,
    issuer: ca.certificate,
    thisUpdate: before,
    nextUpdate: after,
  }
  const crls = [makeCrl(root, before, after)]
  const good = makeOcsp({ ...about, responder, status: { kind: 'good' } })
  t.is(
    verdictOf(firstOf({ document: sign(), evidence: { ...evidence, crls, ocspResponses: [good] } })),
    'TOTAL-PASSED',
  )

  const otherCa = issue({ name: 'other CA', ca: true, issuer: root })
  const foreign = issue({
    name: 'foreign OCSP',
    issuer: otherCa,
    keyUsage: ['digitalSignature'],
    extKeyUsage: [EKU.ocspSigning],
  })
  const forged = makeOcsp({ ...about, responder: foreign, status: { kind: 'good' } })
  const first = firstOf({ document: sign(), evidence: { ...evidence, crls, ocspResponses: [forged] } })
  t.is(verdictOf(first), 'INDETERMINATE/CERTIFICATE_CHAIN_GENERAL_FAILURE')

  const signerAsResponder = makeOcsp({ ...about, responder: signer, status: { kind: 'good' } })
  const own = firstOf({
    document: sign(),
    evidence: { ...evidence, crls, ocspResponses: [signerAsResponder] },
  })
  t.is(own.indication, 'INDETERMINATE')
})

test('OCSP: a replayed good answer does not outweigh a revocation', (t) => {
  const replayed = makeOcsp({
    certificate: signer.certificate,
    issuer: ca.certificate,
    responder,
    status: { kind: 'good' },
    thisUpdate: before,
    nextUpdate: after,
  })
  const first = firstOf({ document: sign(), evidence: { ...revokedList(), ocspResponses: [replayed] } })
  t.is(verdictOf(first), 'INDETERMINATE/REVOKED_NO_POE')
})

test('a CA certificate may not sign documents', (t) => {
  const odd = issue({ name: 'odd CA', ca: true, issuer: root, keyUsage: ['keyCertSign', 'nonRepudiation'] })
  t.is(verdictOf(firstOf({ document: sign(odd) })), 'INDETERMINATE/CHAIN_CONSTRAINTS_FAILURE')
})

test('an end certificate may not issue: the basic constraints attack', (t) => {
  const forged = issue({ name: 'forged', issuer: signer })
  const document = makeCms(forged, {
    content: [content],
    certificates: [forged.certificate, signer.certificate],
  })
  const first = firstOf({ document })
  t.is(first.indication, 'INDETERMINATE')
  t.true(keysOf(first).includes('PATH_NOT_A_CA'))
})

test('what is missing is asked for, and not twice', (t) => {
  const aia = issue({ name: 'with addresses', issuer: ca, extensions: [accessExtension] })
  const input = { document: sign(aia), content, trust, policy, at }
  const outcome = verify({ ...input, evidence: {} })
  t.true('needs' in outcome)
  if (!('needs' in outcome)) return
  t.deepEqual(
    outcome.needs.map(({ kind, url }) => `${kind} ${url}`),
    ['certificate http://ca.test/ca.cer'],
  )
  const next = verify({
    ...input,
    evidence: { certificates: [ca.certificate.raw], crls: [makeCrl(root, before, after)] },
  })
  t.deepEqual('needs' in next && next.needs.map(({ kind, url }) => `${kind} ${url}`), [
    'ocsp http://ca.test/ocsp',
  ])
  t.true('needs' in next && next.needs[0]?.ocspRequest !== undefined)
  const last = verify({
    ...input,
    evidence: { ...evidence, crls: [makeCrl(root, before, after)], unavailable: ['http://ca.test/ocsp'] },
  })
  t.true('report' in last && last.report.indication === 'INDETERMINATE')
})

test('custody on record answers the first two conditions of art. 13', (t) => {
  const [first] = reportOn({
    document: sign(),
    custody: [
      {
        certSha256: firstOf({ document: sign() }).signer?.sha256 ?? '',
        exclusive: true,
        controlled: true,
        facts: [
          {
            zh: '密钥仅用于本次签名，随后销毁。',
            en: 'The key was used for this signature alone and destroyed.',
          },
        ],
      },
    ],
  }).signatures
  t.deepEqual(
    first?.conditions.map(({ result }) => result),
    ['pass', 'pass', 'pass', 'pass'],
  )
})

test('files that are no signature get plain answers', (t) => {
  const answer = (document: Uint8Array): string => {
    const outcome = verify({ document, evidence, trust, policy, at })
    return 'report' in outcome ? `${outcome.report.indication} ${outcome.report.answer.key}` : ''
  }
  t.is(answer(new Uint8Array()), 'NOT_VERIFIABLE DOCUMENT_EMPTY')
  t.is(answer(content), 'NOT_VERIFIABLE DOCUMENT_UNSUPPORTED')
  t.is(answer(new TextEncoder().encode('%PDF-1.7\nbroken')), 'NOT_VERIFIABLE DOCUMENT_DAMAGED')
  t.is(
    answer(new TextEncoder().encode('%PDF-1.7\n/ByteRange[0 1 2 3]')),
    'NOT_VERIFIABLE DOCUMENT_DAMAGED_SIGNED',
  )
})
