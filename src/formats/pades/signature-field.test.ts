import test from 'ava'

import { signEmpty, redStamp, createTestSigner, qpdfStatus } from '../../test/pades-signer.ts'
import { requireTool } from '../../test/judges.ts'
import { findArray, findDict, findNumber, getCatalog, getObject, openPdf, resolve } from '../pdf/document.ts'
import { listFields } from '../pdf/form-fields.ts'
import { isDict, isStream } from '../pdf/objects.ts'
import { findPage } from '../pdf/page-tree.ts'
import { SAMPLE_OBJECTS, sampleStreamPdf, sampleTablePdf, type SampleObjects } from '../../test/sample-pdf.ts'
import { listSignatures } from '../pdf/signatures.ts'

import { type PadesOptions } from './prepare.ts'

function sample(objects: SampleObjects): Uint8Array {
  return sampleTablePdf({ ...SAMPLE_OBJECTS, ...objects })
}

const forms: [string, SampleObjects][] = [
  ['no form, no annotations', {}],
  ['direct form and fields', { 1: '<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R]/DA(/F 0 Tf)>>>>' }],
  [
    'indirect form',
    { 1: '<</Type/Catalog/Pages 2 0 R/AcroForm 8 0 R>>', 8: '<</Fields[7 0 R]/DR<<>>/DA(/F 0 Tf)>>' },
  ],
  [
    'indirect form and fields',
    {
      1: '<</Type/Catalog/Pages 2 0 R/AcroForm 8 0 R>>',
      8: '<</Fields 9 0 R/SigFlags 1/DA(/F 0 Tf)>>',
      9: '[7 0 R]',
    },
  ],
  ['form without fields', { 1: '<</Type/Catalog/Pages 2 0 R/AcroForm<</DA(/F 0 Tf)>>>>' }],
  ['direct annotations', { 3: '<</Type/Page/Parent 2 0 R/Annots[7 0 R]>>' }],
  ['indirect annotations', { 3: '<</Type/Page/Parent 2 0 R/Annots 8 0 R>>', 8: '[7 0 R]' }],
  ['annotations that are no array', { 3: '<</Type/Page/Parent 2 0 R/Annots null>>' }],
]
for (const [name, objects] of forms) {
  for (const write of [sampleTablePdf, sampleStreamPdf]) {
    test(`${name}, ${write.name}: what was there is kept`, async (t) => {
      const text = { 7: '<</Type/Annot/Subtype/Widget/FT/Tx/T(Text)/V(kept)/Rect[1 1 2 2]>>' }
      const original = write({ ...SAMPLE_OBJECTS, ...text, ...objects })
      const bytes = signEmpty(original)
      t.deepEqual(bytes.subarray(0, original.length), original)
      const doc = openPdf(bytes)
      const before = openPdf(original)
      const names = listFields(before).map((field) => field.name)
      t.deepEqual(
        listFields(doc).map((field) => field.name),
        [...names, 'Signature1'],
      )
      const form = findDict(doc, getCatalog(doc), 'AcroForm')!
      const old = findDict(before, getCatalog(before), 'AcroForm')
      for (const key of old?.entries.keys() ?? []) t.true(form.entries.has(key), key)
      t.is(findNumber(doc, form, 'SigFlags'), 3)
      const annotations = findArray(doc, findPage(doc, 1)!.dict, 'Annots') ?? []
      const oldAnnotations = findArray(before, findPage(before, 1)!.dict, 'Annots') ?? []
      t.is(annotations.length, oldAnnotations.length + 1)
      t.deepEqual(annotations.slice(0, -1), oldAnnotations)
      t.is(doc.revisions[1]?.xrefKind, write === sampleTablePdf ? 'table' : 'stream')
      if (requireTool(t, 'qpdf')) t.is(await qpdfStatus(await createTestSigner(), bytes), 0)
    })
  }
}

test('a visible signature stands upright, on its page, in its rectangle', (t) => {
  const turned = sample({
    2: '<</Type/Pages/Kids[3 0 R 7 0 R]/Count 2/MediaBox[0 0 300 200]>>',
    7: '<</Type/Page/Parent 2 0 R/Rotate 90>>',
  })
  const sizes: unknown[] = []
  const build: typeof redStamp.build = (allocate, size) => {
    sizes.push(size)
    return redStamp.build(allocate, size)
  }
  const bytes = signEmpty(turned, { appearance: { ...redStamp, page: 2, build } })
  const doc = openPdf(bytes)
  t.deepEqual(sizes, [{ width: 40, height: 100 }])
  const [field] = listFields(doc)
  t.deepEqual(field?.dict.entries.get('P'), findPage(doc, 2)?.ref)
  t.deepEqual(findArray(doc, field!.dict, 'Rect'), [20, 20, 120, 60])
  const form = resolve(doc, findDict(doc, field!.dict, 'AP')?.entries.get('N'))
  t.true(isStream(form))
  t.deepEqual(isStream(form) && form.dict.entries.get('Matrix'), [0, 1, -1, 0, 0, 0])
  t.false(findPage(doc, 1)!.dict.entries.has('Annots'))
})

const FORM = '<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R]>>>>'
const EMPTY = '/FT/Sig/T(Here)/Type/Annot/Subtype/Widget/Rect[10 10 60 40]/P 3 0 R'
const PAGE = '<</Type/Page/Parent 2 0 R/Annots[7 0 R]>>'

test('an empty field is filled where it is, with its lock', (t) => {
  const lock = '/Lock<</Type/SigFieldLock/Action/Include/Fields[(a)(b)]>>'
  const bytes = signEmpty(sample({ 1: FORM, 3: PAGE, 7: `<<${EMPTY}${lock}>>` }), {
    fieldName: 'Here',
    appearance: redStamp,
  })
  const doc = openPdf(bytes)
  const [signature, ...others] = listSignatures(doc)
  t.deepEqual(others, [])
  t.is(signature?.fieldName, 'Here')
  t.is(signature?.ref !== undefined && signature.field?.ref?.num, 7)
  t.deepEqual(signature?.fieldMdp, { action: 'Include', fields: ['a', 'b'] })
  t.deepEqual(findArray(doc, signature!.field!.dict, 'Rect'), [10, 10, 60, 40])
  t.true(signature!.field!.dict.entries.has('AP'))
  t.is(findArray(doc, findPage(doc, 1)!.dict, 'Annots')?.length, 1)
})

test('a field whose widget is another object, under a parent', (t) => {
  const bytes = signEmpty(
    sample({
      1: FORM,
      3: '<</Type/Page/Parent 2 0 R/Annots[9 0 R]>>',
      7: '<</T(Party)/Kids[8 0 R]>>',
      8: '<</FT/Sig/T(One)/Parent 7 0 R/Kids[9 0 R]>>',
      9: '<</Type/Annot/Subtype/Widget/Rect[1 1 9 9]/Parent 8 0 R>>',
    }),
    { fieldName: 'Party.One', appearance: redStamp },
  )
  const doc = openPdf(bytes)
  const [signature] = listSignatures(doc)
  t.is(signature?.fieldName, 'Party.One')
  const widget = getObject(doc, { kind: 'ref', num: 9, gen: 0 })
  t.true(isDict(widget) && widget.entries.has('AP') && !widget.entries.has('V'))
})

test('fields that cannot be filled', (t) => {
  const code = (field: string, options: Partial<PadesOptions> = {}): string | undefined => {
    const bytes = sample({ 1: FORM, 3: PAGE, 7: `<<${field}>>` })
    return (t.throws(() => signEmpty(bytes, { fieldName: 'Here', ...options })) as { code?: string }).code
  }
  t.is(code(`${EMPTY}/V<</Type/Sig>>`), 'PADES_FIELD_SIGNED')
  t.is(code('/FT/Tx/T(Here)/Type/Annot/Subtype/Widget'), 'PADES_FIELD_INVALID')
  t.is(code(`${EMPTY}/Lock<</Action/Never>>`), 'PADES_FIELD_INVALID')
  t.is(code(`${EMPTY}/Lock<</Action/All/P 1>>`), 'PADES_FIELD_INVALID')
  t.is(code('/FT/Sig/T(Here)', { appearance: redStamp }), 'PADES_FIELD_INVALID')
  t.is(code(`${EMPTY}/SV<</Ff 2/SubFilter[/adbe.pkcs7.detached]>>`), 'PADES_SEED_VALUE_UNSUPPORTED')
  t.is(code(`${EMPTY}/SV<</Ff 4/V 3>>`), 'PADES_SEED_VALUE_UNSUPPORTED')
  t.is(code(`${EMPTY}/SV<</Cert<</Ff 2>>>>`), 'PADES_SEED_VALUE_UNSUPPORTED')
  t.is(code(`${EMPTY}/SV<</MDP<</P 2>>>>`), 'PADES_SEED_VALUE_UNSUPPORTED')
  t.is(code(`${EMPTY}/SV<</Ff 8/Reasons[(I agree)]>>`, { reason: 'other' }), 'PADES_SEED_VALUE_UNSUPPORTED')
  const wish = `<<${EMPTY}/SV<</Ff 75/Filter/Adobe.PPKLite/SubFilter[/ETSI.CAdES.detached]/Reasons[(I agree)]/DigestMethod[(SHA256)]>>>>`
  t.notThrows(() =>
    signEmpty(sample({ 1: FORM, 3: PAGE, 7: wish }), { fieldName: 'Here', reason: 'I agree' }),
  )
})
