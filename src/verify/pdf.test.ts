import test from 'ava'

import { ATTRIBUTE, concat } from '../../ca/formats.ts'
import { addUnsignedAttribute } from '../../ca/x509/cms-writer.ts'
import { finishPades } from '../formats/pades/finish.ts'
import { preparePades } from '../formats/pades/prepare.ts'
import { verdictLines } from '../cli/verdict-lines.ts'
import { defaultPolicy } from '../test/conformance/policy.ts'
import {
  type Party,
  issue,
  makeCms,
  makeCrl,
  makeToken,
  withTimestamp,
  withoutAttributes,
} from '../test/pki.ts'
import { EKU } from '../../ca/formats.ts'
import { SAMPLE_OBJECTS, bytesOf, sampleTablePdf, textOf } from '../test/sample-pdf.ts'
import { appearanceAt } from '../test/signed-pdf.ts'
import type { Report } from './report.ts'
import { verify } from './verify.ts'

const policy = defaultPolicy()
const at = new Date('2026-06-01T12:00:00Z')
const before = new Date(at.getTime() - 86_400_000)
const after = new Date(at.getTime() + 86_400_000)

const ca = issue({ name: 'CA', ca: true })
const anna = issue({ name: 'Anna', issuer: ca })
const bert = issue({ name: 'Bert', issuer: ca })
const tsa = issue({
  name: 'TSA',
  issuer: ca,
  keyUsage: ['digitalSignature'],
  extKeyUsage: [EKU.timeStamping],
})
const stranger = issue({ name: 'stranger' })
const trust = [{ certDer: ca.certificate.raw, name: 'TEST ONLY CA', source: 'own' }]
const evidence = { crls: [makeCrl(ca, before, after)] }

type Making = {
  readonly stamp?: boolean
  readonly wrongDigest?: boolean
  readonly rect?: readonly [number, number, number, number]
}

function signPdf(
  pdf: Uint8Array,
  party: Party,
  { stamp = false, wrongDigest = false, rect }: Making = {},
): Uint8Array {
  const prepared = preparePades(pdf, {
    contentsSize: 8192,
    signingTime: before,
    ...(rect ? { appearance: appearanceAt(rect) } : {}),
  })
  const cms = makeCms(party, {
    content: prepared.digestInput,
    ...(wrongDigest ? { messageDigest: new Uint8Array(32) } : {}),
  })
  return concat(...finishPades(prepared.state, stamp ? withTimestamp(cms, tsa, before) : cms))
}

function reportOn(document: Uint8Array, options: { password?: string } = {}): Report {
  const outcome = verify({ document, evidence, trust, policy, at, final: true, ...options })
  if (!('report' in outcome)) throw new Error('no report')
  return outcome.report
}

const verdicts = ({ signatures }: Report): string[] =>
  signatures.map(({ indication, subIndication }) =>
    subIndication ? `${indication}/${subIndication}` : indication,
  )

const sample = sampleTablePdf(SAMPLE_OBJECTS)
const once = signPdf(sample, anna)

test('PAdES-B-B passes and says what it covers', (t) => {
  const report = reportOn(once)
  t.is(report.indication, 'TOTAL-PASSED')
  const [first] = report.signatures
  t.is(first?.format, 'PAdES')
  t.is(first?.level, 'B-B')
  t.is(first?.coverage?.wholeFile, true)
  t.is(first?.claimedTime, before.toISOString())
  t.is(first?.signer?.commonName, 'TEST ONLY Anna')
  t.deepEqual(first?.changes, [])
})

test('PAdES-B-T: the time stamp gives the best signature time', (t) => {
  const [first] = reportOn(signPdf(sample, anna, { stamp: true })).signatures
  t.is(first?.level, 'B-T')
  t.is(first?.bestSignatureTime, before.toISOString())
  t.is(first?.timeProof?.authority?.includes('TSA'), true)
})

test('a second signature leaves the first valid, and both say which revision they cover', (t) => {
  const report = reportOn(signPdf(once, bert))
  t.deepEqual(verdicts(report), ['TOTAL-PASSED', 'TOTAL-PASSED'])
  t.deepEqual(
    report.signatures.map(({ coverage }) => [coverage?.revision, coverage?.revisions, coverage?.wholeFile]),
    [
      [2, 3, false],
      [3, 3, true],
    ],
  )
  t.true(report.signatures[0]?.changes.every(({ allowed }) => allowed))
})

test('a later signature by a stranger leaves the document undecided', (t) => {
  const report = reportOn(signPdf(once, stranger))
  t.deepEqual(verdicts(report), ['TOTAL-PASSED', 'INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND'])
  t.is(report.indication, 'INDETERMINATE')
})

test("attack: a stranger's later signature lays a picture over the contract", (t) => {
  const report = reportOn(signPdf(once, stranger, { rect: [10, 10, 190, 90] }))
  t.deepEqual(verdicts(report), [
    'INDETERMINATE/SIG_CONSTRAINTS_FAILURE',
    'INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND',
  ])
  const [first] = report.signatures
  const found = first?.reasons.find(({ key }) => key === 'LATER_SEAL_NOT_CONFIRMED')
  t.regex(found?.en ?? '', /A later, untrusted signature shows a picture on page 1/)
  t.regex(found?.zh ?? '', /未经确认的签名在第 1 页显示了图片/)
  t.is(first?.conditions[3]?.result, 'unknown')

  // The same picture of somebody who is trusted, and a stranger who shows nothing, leave the earlier signature valid.
  const trusted = reportOn(signPdf(once, bert, { rect: [10, 10, 190, 90] }))
  t.deepEqual(verdicts(trusted), ['TOTAL-PASSED', 'TOTAL-PASSED'])
})

test('a seal that a trusted signature placed later is a note on the earlier one', (t) => {
  const report = reportOn(signPdf(once, bert, { rect: [10, 10, 190, 90] }))
  t.deepEqual(verdicts(report), ['TOTAL-PASSED', 'TOTAL-PASSED'])
  const [first, second] = report.signatures
  const note = first?.warnings.find(({ key }) => key === 'LATER_SEAL_PLACED')
  t.regex(note?.en ?? '', /A later signature placed a picture on page 1: compare what lies under it/)
  t.regex(note?.zh ?? '', /在第 1 页放置了图片。请将图片下面的内容与当时所签的版本对照/)
  t.is(note?.detail, second?.field ?? '')
  t.false(second?.warnings.some(({ key }) => key === 'LATER_SEAL_PLACED'))
  t.true(
    verdictLines(report).some((line) => /note 说明: A later signature placed a picture on page 1/.test(line)),
  )

  const unseen = reportOn(signPdf(once, bert)).signatures[0]
  t.false(unseen?.warnings.some(({ key }) => key === 'LATER_SEAL_PLACED'))
})

/** Signs as `signPdf` does, with the CMS changed before it is put in. */
function signChanged(change: (cms: Uint8Array, content: Uint8Array) => Uint8Array): Uint8Array {
  const prepared = preparePades(sample, { contentsSize: 8192, signingTime: before })
  const cms = makeCms(anna, { content: prepared.digestInput })
  return concat(...finishPades(prepared.state, change(cms, concat(...prepared.digestInput))))
}

test('a CAdES signature in a PDF without signed attributes is TOTAL-FAILED / FORMAT_FAILURE', (t) => {
  const report = reportOn(signChanged((cms, content) => withoutAttributes(cms, anna, content)))
  t.deepEqual(verdicts(report), ['TOTAL-FAILED/FORMAT_FAILURE'])
  t.true(report.signatures[0]?.reasons.some(({ key }) => key === 'CMS_ATTRIBUTES_MISSING'))
})

test('attack: a junk time stamp in a PDF makes no level B-T', (t) => {
  const report = reportOn(signChanged((cms) => addUnsignedAttribute(cms, ATTRIBUTE.signatureTimeStamp, cms)))
  t.deepEqual(verdicts(report), ['TOTAL-PASSED'])
  t.is(report.signatures[0]?.level, 'B-B')
})

test("attack: a stranger's picture stays in doubt after a trusted signature covers it", (t) => {
  const report = reportOn(signPdf(signPdf(once, stranger, { rect: [10, 10, 190, 90] }), bert))
  t.deepEqual(verdicts(report), [
    'INDETERMINATE/SIG_CONSTRAINTS_FAILURE',
    'INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND',
    'TOTAL-PASSED',
  ])
})

test('a later field that only looks like a signature spoils the earlier one', (t) => {
  const report = reportOn(signPdf(once, bert, { wrongDigest: true }))
  t.deepEqual(verdicts(report), ['TOTAL-FAILED/FORMAT_FAILURE', 'TOTAL-FAILED/HASH_FAILURE'])
  const [first] = report.signatures
  t.is(first?.conditions[3]?.result, 'fail')
  t.true(first?.reasons.some(({ en }) => /A later signature, in the field \w+, is not valid/.test(en)))
})

test('bytes after the signature (incremental saving attack) are TOTAL-FAILED / FORMAT_FAILURE', (t) => {
  const report = reportOn(
    concat(once, bytesOf('\n4 0 obj\n<</Length 3>>\nstream\nBT \nendstream\nendobj\n%%EOF\n')),
  )
  t.is(report.indication, 'TOTAL-FAILED')
  t.deepEqual(verdicts(report), ['TOTAL-FAILED/FORMAT_FAILURE'])
})

test('a changed byte inside is TOTAL-FAILED / HASH_FAILURE', (t) => {
  const changed = once.slice()
  const place = textOf(changed).indexOf('(TEST ONLY) Tj')
  changed[place + 1] = 0x52
  t.deepEqual(verdicts(reportOn(changed)), ['TOTAL-FAILED/HASH_FAILURE'])
})

test('universal forgery: an empty /Contents or a missing /ByteRange is never valid', (t) => {
  const text = textOf(once)
  const emptied = bytesOf(text.replace(/<30[0-9a-f]+>/, (token) => `<${'0'.repeat(token.length - 2)}>`))
  t.deepEqual(verdicts(reportOn(emptied)), ['TOTAL-FAILED/FORMAT_FAILURE'])
  const unranged = bytesOf(text.replace('/ByteRange', '/ByteRangX'))
  t.deepEqual(verdicts(reportOn(unranged)), ['TOTAL-FAILED/FORMAT_FAILURE'])
})

test('a CMS without signers is TOTAL-FAILED / FORMAT_FAILURE', (t) => {
  const prepared = preparePades(sample, { contentsSize: 8192, signingTime: before })
  const token = makeToken(tsa, prepared.digestInput, before)
  const wrong = concat(...finishPades(prepared.state, token))
  t.is(reportOn(wrong).indication, 'TOTAL-FAILED')
})

test('a document without a signature says so', (t) => {
  const report = reportOn(sample)
  t.is(report.indication, 'NO_SIGNATURE_FOUND')
  t.is(report.answer.key, 'NO_SIGNATURE_FOUND')
})

test('a picture of a seal is not a signature', (t) => {
  const page = '<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</Seal 7 0 R>>>>>>'
  const stream = (entries: string): string =>
    `<<${entries}/Type/XObject/Subtype/Image/Width 64/Height 64/BitsPerComponent 8/Length 3>>\nstream\nabc\nendstream`
  const pasted = sampleTablePdf({
    ...SAMPLE_OBJECTS,
    3: page,
    7: stream('/ColorSpace/DeviceRGB/SMask 8 0 R'),
    8: stream('/ColorSpace/DeviceGray'),
  })
  const report = reportOn(pasted)
  t.is(report.indication, 'NO_SIGNATURE_FOUND')
  t.is(report.answer.key, 'PICTURE_OF_A_SEAL')
})

test('a scanned page is a picture and not a signature, a page with a photograph and words is neither', (t) => {
  const image =
    '<</Type/XObject/Subtype/Image/Width 1240/Height 1754/ColorSpace/DeviceGray/BitsPerComponent 8/Length 3>>'
  const answerTo = (resources: string): string =>
    reportOn(
      sampleTablePdf({
        ...SAMPLE_OBJECTS,
        3: `<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<${resources}>>>>`,
        7: `${image}\nstream\nabc\nendstream`,
      }),
    ).answer.key
  t.is(answerTo('/XObject<</Scan 7 0 R>>'), 'PICTURE_OF_A_SEAL')
  const font = '/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>'
  t.is(answerTo(`${font}/XObject<</Photo 7 0 R>>`), 'NO_SIGNATURE_FOUND')
})

test('ten signatures on one file are all sound', (t) => {
  let pdf: Uint8Array = sample
  for (let i = 0; i < 10; i++) pdf = signPdf(pdf, i % 2 === 0 ? anna : bert)
  const report = reportOn(pdf)
  t.is(report.signatures.length, 10)
  t.is(report.indication, 'TOTAL-PASSED')
})
