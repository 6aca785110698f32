import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'
import fc from 'fast-check'

import { isCoded } from '../../../ca/errors.ts'
import { openPdf } from '../../formats/pdf/document.ts'
import { listSignatures } from '../../formats/pdf/signatures.ts'
import {
  appendBytes,
  appendSave,
  buildPdf,
  contractObjects,
  openTestSigner,
  stream,
  xmp,
} from '../../test/signed-pdf.ts'
import { analyseAllChanges, analyseChanges } from './analyse-changes.ts'
import type { ChangeAnalysis } from './change-types.ts'

const signer = openTestSigner()
test.after.always(() => signer.close())

const contract = contractObjects()
const signed = signer.sign(buildPdf(contract), { fieldName: 'A', rect: [200, 20, 300, 80] })
const catalog = /\n1 0 obj\s*([^]*?)endobj/.exec(Buffer.from(signed).toString('latin1'))?.[1] ?? ''

function analyse(bytes: Uint8Array): ChangeAnalysis[] {
  const doc = openPdf(bytes)
  return analyseAllChanges(doc, listSignatures(doc))
}

const details = (analysis: ChangeAnalysis | undefined): string[] =>
  (analysis?.changes ?? []).map((change) => `${change.allowed ? '' : '!'}${change.detail}`)

test('a second signature leaves the first as it is', (t) => {
  const twice = signer.sign(signed, { fieldName: 'B', rect: [310, 20, 390, 80] })
  const [first, second] = analyse(twice)
  t.is(first?.verdict, 'allowed')
  t.deepEqual(details(first), ['signature-added', 'seal-placed'])
  t.deepEqual(first?.laterSignatures, ['B'])
  t.deepEqual([first?.coverage.revision, first?.coverage.revisions], [2, 3])
  t.is(second?.verdict, 'none')
  t.is(second?.coverage.bytesCovered, twice.length - 2 * 2048 - 2)
})

test('an empty field that was there before is signed', (t) => {
  const field = '<</Type/Annot/Subtype/Widget/FT/Sig/T(B)/Rect[10 100 60 130]/F 4/P 3 0 R/AP<</N 61 0 R>>>>'
  const prepared = buildPdf({
    ...contract,
    3: contract[3]?.replace('[9 0 R]', '[9 0 R 60 0 R]') ?? '',
    8: contract[8]?.replace('[9 0 R]', '[9 0 R 60 0 R]') ?? '',
    60: field,
    61: stream('', '/Type/XObject/Subtype/Form/BBox[0 0 50 30]'),
  })
  const doc = openPdf(signer.sign(signer.sign(prepared, { fieldName: 'A' }), { fieldName: 'B' }))
  const signatures = listSignatures(doc)
  const first = analyseAllChanges(doc, signatures)[signatures.findIndex((item) => item.fieldName === 'A')]
  t.is(first?.verdict, 'allowed')
  t.deepEqual(details(first), ['field-signed', 'seal-placed'])
})

test('ten signatures on the example contract, each fine with those after it', (t) => {
  let bytes: Uint8Array = new Uint8Array(
    readFileSync(join(import.meta.dirname, '../../../docs/examples/contract.pdf')),
  )
  for (let count = 1; count <= 10; count++) bytes = signer.sign(bytes, { fieldName: `Party${count}` })
  const analyses = analyse(bytes)
  t.is(analyses.length, 10)
  t.deepEqual(analyses.map(({ verdict }) => verdict).toSorted(), [
    ...Array<string>(9).fill('allowed'),
    'none',
  ])
})

/** What has the outer form of a certificate. */
const certificate = stream(Buffer.from('300b3000300306012a03020000', 'hex').toString('latin1'))

test('validation data and extension declarations are fine', (t) => {
  const dss = appendSave(signed, {
    1: catalog.replace('/Type', '/DSS 150 0 R/Extensions<</ESIC<</BaseVersion/1.7/ExtensionLevel 5>>>>/Type'),
    150: '<</Type/DSS/Certs[151 0 R]>>',
    151: certificate,
  })
  t.deepEqual(details(analyse(dss)[0]), ['validation-data-updated', 'extensions-declared'])
  const again = appendSave(dss, { 150: '<</Type/DSS/Certs[151 0 R 152 0 R]>>', 152: certificate })
  t.is(analyse(again)[0]?.verdict, 'allowed')
})

test('validation data that is page content too must not change', (t) => {
  const base = buildPdf({ ...contract, 1: contract[1]?.replace('/Type', '/DSS<</Certs[5 0 R]>>/Type') ?? '' })
  const [first] = analyse(appendSave(signer.sign(base, { fieldName: 'A' }), { 5: stream('evil') }))
  t.is(first?.verdict, 'forbidden')
})

test('dates of a save are bookkeeping', (t) => {
  const saved = appendSave(signed, {
    12: stream(xmp('2025-07-01T00:00:00Z', 'Contract'), '/Type/Metadata/Subtype/XML'),
    13: '<</Title(Contract)/Producer(Other)/ModDate(D:20250701000000Z)>>',
  })
  const [first] = analyse(saved)
  t.is(first?.verdict, 'allowed')
  t.deepEqual(details(first), ['dates-updated', 'dates-updated'])
})

test('a save that writes an object again unchanged changes nothing', (t) => {
  t.is(analyse(appendSave(signed, { 5: contract[5] ?? '' }))[0]?.verdict, 'none')
})

test('one more end of line after the end is nothing, anything else is', (t) => {
  t.is(analyse(appendBytes(signed, '\r\n'))[0]?.verdict, 'none')
  t.is(analyse(appendBytes(signed, '\n\r\n '))[0]?.verdict, 'forbidden')
  t.is(analyse(appendBytes(signed, '\nx'))[0]?.verdict, 'forbidden')
})

test('a change before a later signature fails the earlier one only', (t) => {
  const changed = appendSave(signed, { 5: stream('BT /F1 18 Tf (Pay 9999) Tj ET') })
  const [first, second] = analyse(signer.sign(changed, { fieldName: 'B' }))
  t.deepEqual([first?.verdict, second?.verdict], ['forbidden', 'none'])
})

test('one signature alone gives what all together give', (t) => {
  const doc = openPdf(signer.sign(signed, { fieldName: 'B' }))
  const signatures = listSignatures(doc)
  t.deepEqual(
    signatures.map((signature) => analyseChanges(doc, signature)),
    analyseAllChanges(doc, signatures),
  )
})

test('whatever is appended, no changed page goes unseen and every error has a code', (t) => {
  const page = Buffer.from('(Pay 1000 to B)')
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.integer({ min: 1, max: 20 }).map(String),
        fc.constantFrom(
          ...[
            'null',
            '[]',
            '<<>>',
            '42',
            '(x)',
            '/Name',
            '5 0 R',
            '<</Type/Page>>',
            '<</Fields[]>>',
            '<</Kids[1 0 R]>>',
          ],
          ...[stream('x'), '<</FT/Sig/T(Z)>>', '<</Type/Annot/Subtype/Widget>>', '[1 0 R 2 0 R 3 0 R]', '<<'],
        ),
        { minKeys: 1, maxKeys: 4 },
      ),
      fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 2 }),
      (objects, freed) => {
        try {
          const [first] = analyse(
            appendSave(signed, objects, { freed: freed.filter((num) => !(num in objects)) }),
          )
          // Every object from 1 to 13 is content here; a change of any of them is forbidden.
          const touched = [...Object.keys(objects).map(Number), ...freed].some((num) => num <= 13)
          return first === undefined || !touched || first.verdict === 'forbidden'
        } catch (error) {
          return isCoded(error)
        }
      },
    ),
    { numRuns: 300 },
  )
  t.true(Buffer.from(signed).includes(page))
})

test('whatever byte of a later save is changed, the analysis ends with a verdict or a code', (t) => {
  const twice = signer.sign(signed, { fieldName: 'B', rect: [310, 20, 390, 80] })
  fc.assert(
    fc.property(
      fc.integer({ min: signed.length, max: twice.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
      (at, value) => {
        const copy = twice.slice()
        copy[at] = value
        try {
          analyse(copy)
          return true
        } catch (error) {
          return isCoded(error)
        }
      },
    ),
    { numRuns: 300 },
  )
  t.pass()
})

test('what a later signer added is protected as well', (t) => {
  const twice = signer.sign(signed, { fieldName: 'B', rect: [310, 20, 390, 80] })
  const doc = openPdf(twice)
  for (const [num, entry] of doc.revisions.at(-1)?.entries ?? []) {
    if (entry.kind !== 'offset' || num <= 13) continue
    const [first] = analyse(appendSave(twice, { [num]: stream('x') }))
    t.is(first?.verdict, 'forbidden', `object ${num}`)
  }
})

test('what an empty field showed may be overwritten when it is signed, and not afterwards', (t) => {
  const prepared = buildPdf({
    ...contract,
    3: contract[3]?.replace('[9 0 R]', '[9 0 R 60 0 R]') ?? '',
    8: contract[8]?.replace('[9 0 R]', '[9 0 R 60 0 R]') ?? '',
    60: '<</Type/Annot/Subtype/Widget/FT/Sig/T(B)/Rect[10 100 60 130]/F 4/P 3 0 R/AP<</N 61 0 R>>>>',
    61: stream('', '/Type/XObject/Subtype/Form/BBox[0 0 50 30]'),
  })
  const first = signer.sign(prepared, { fieldName: 'A' })
  const inked = stream('0 g 0 0 50 30 re f', '/Type/XObject/Subtype/Form/BBox[0 0 50 30]')
  const verdict = (bytes: Uint8Array): string | undefined => {
    const doc = openPdf(bytes)
    const signatures = listSignatures(doc)
    return analyseAllChanges(doc, signatures)[signatures.findIndex((item) => item.fieldName === 'A')]?.verdict
  }
  t.is(verdict(appendSave(first, { 61: inked })), 'forbidden')
  const second = signer.sign(first, { fieldName: 'B' })
  t.is(verdict(second), 'allowed')
  t.is(verdict(appendSave(second, { 61: inked })), 'forbidden')
})
