import test from 'ava'

import { openPdf } from '../../formats/pdf/document.ts'
import { listSignatures } from '../../formats/pdf/signatures.ts'
import {
  appendSave,
  buildPdf,
  contractObjects,
  isIntact,
  openTestSigner,
  stream,
  xmp,
  type Objects,
} from '../../test/signed-pdf.ts'
import { analyseAllChanges } from './analyse-changes.ts'
import type { Change, ChangeClass, ChangeDetail } from './change-types.ts'

const signer = openTestSigner()
test.after.always(() => signer.close())

const contract = contractObjects()
const signed = signer.sign(buildPdf(contract), { fieldName: 'A', rect: [200, 20, 300, 80] })
const evilText = stream('BT /F1 18 Tf 20 250 Td (Pay 9999 to C) Tj ET')
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** The latest body of an object, changed. */
function edit(bytes: Uint8Array, num: number, from: RegExp | string, to: string): string {
  const start = text(bytes).lastIndexOf(`\n${num} 0 obj`)
  const body = text(bytes)
    .slice(start, text(bytes).indexOf('endobj', start))
    .replace(/^\s*\d+ 0 obj\s*/, '')
  const changed = body.replace(from, to)
  if (changed === body) throw new Error(`object ${num} was not changed`)
  return changed
}

function forbiddenOf(bytes: Uint8Array): { changes: Change[]; intact: boolean } {
  const doc = openPdf(bytes)
  const signatures = listSignatures(doc)
  // Where no field leads to it any more, it is found as an orphan.
  const index = Math.max(
    0,
    signatures.findIndex((item) => item.fieldName === 'A'),
  )
  const analysis = analyseAllChanges(doc, signatures)[index]
  const signature = signatures[index]
  if (analysis === undefined || signature === undefined) throw new Error('the document has no signature')
  const changes = analysis.changes.filter((change) => !change.allowed)
  return { changes: analysis.verdict === 'forbidden' ? changes : [], intact: isIntact(bytes, signature) }
}

const caught = test.macro((t, attack: () => Uint8Array, kind: ChangeClass, detail: ChangeDetail) => {
  const { changes, intact } = forbiddenOf(attack())
  t.true(intact, 'the attack must leave the signature cryptographically intact')
  const found = changes.map((change) => `${change.class}: ${change.detail}`)
  t.true(found.includes(`${kind}: ${detail}`), found.join(' '))
})

// Shadow attacks: content is put into the document before it is signed, and shown or hidden afterwards.
test(
  'shadow-hide: the overlay is emptied',
  caught,
  () => appendSave(signed, { 6: stream('') }),
  'page-content',
  'object-redefined',
)
test(
  'shadow-hide: the overlay is removed',
  caught,
  () => appendSave(signed, {}, { freed: [6] }),
  'page-content',
  'object-removed',
)
test(
  'shadow-hide: the page drops the overlay',
  caught,
  () => appendSave(signed, { 3: edit(signed, 3, '6 0 R', '') }),
  'page-content',
  'entry-changed',
)
test(
  'shadow-hide: a content stream that was missing appears',
  caught,
  () => appendSave(signed, { 99: stream('0 g 0 0 400 300 re f') }),
  'page-content',
  'object-now-defined',
)
test(
  'shadow-replace: the font draws other characters',
  caught,
  () => appendSave(signed, { 7: '<</Type/Font/Subtype/Type1/BaseFont/Symbol>>' }),
  'font',
  'object-redefined',
)
test(
  'shadow-replace: the appearance of a field no longer shows its value',
  caught,
  () => appendSave(signed, { 11: edit(signed, 11, '(1000)', '(9999)') }),
  'resource',
  'object-redefined',
)
test(
  'shadow-replace: the value of a field changes and its appearance does not',
  caught,
  () => appendSave(signed, { 9: edit(signed, 9, '/V(1000)', '/V(9999)') }),
  'form-field',
  'field-entry-changed',
)
test(
  'shadow-replace: a viewer is told to draw the fields anew',
  caught,
  () => appendSave(signed, { 8: edit(signed, 8, '/DA', '/NeedAppearances true/DA') }),
  'form',
  'entry-changed',
)

/** A document that holds a second content stream which nothing uses, and where that starts. */
const withHidden = buildPdf({
  ...contract,
  50: evilText,
  51: '<</Type/Catalog/Pages 52 0 R>>',
  52: '<</Type/Pages/Count 0/Kids[]>>',
})
const hidden = signer.sign(withHidden, { fieldName: 'A' })
test(
  'shadow-hide-and-replace: the cross-reference leads to what was hidden',
  caught,
  () => appendSave(hidden, {}, { rows: { 5: text(hidden).indexOf('50 0 obj') } }),
  'xref',
  'xref-points-back',
)
test(
  'shadow-hide-and-replace: the trailer names another catalog',
  caught,
  () => appendSave(hidden, {}, { trailer: '/Root 51 0 R/Info 13 0 R/ID[<00><02>]' }),
  'trailer',
  'root-replaced',
)
test(
  'shadow-hide-and-replace: the page shows the hidden stream',
  caught,
  () => appendSave(hidden, { 3: edit(hidden, 3, '5 0 R', '50 0 R') }),
  'page-content',
  'entry-changed',
)

// Evil annotation and sneaky signature attacks: what a certification permits is used to paint over the document.
const certified = (docMdp: 1 | 2 | 3): Uint8Array =>
  signer.sign(buildPdf(contract), { fieldName: 'A', docMdp })
const stamp =
  '<</Type/Annot/Subtype/FreeText/Rect[20 240 300 270]/F 4/DA(/F1 18 Tf)/Contents(Pay 9999 to C)>>'
test(
  'EAA: an annotation on a document certified with P=3',
  caught,
  () =>
    appendSave(certified(3), { 150: stamp, 3: edit(certified(3), 3, /\/Annots\s*\[/, '/Annots[150 0 R ') }),
  'annotation',
  'annotation-added',
)
const fake = (entries: string): string =>
  `<</Type/Annot/Subtype/Widget/FT/Sig/T(B)/F 132/Rect[20 240 300 270]/AP<</N 151 0 R>>/P 3 0 R${entries}>>`
const cover = stream('1 g 0 0 280 30 re f', '/Type/XObject/Subtype/Form/BBox[0 0 280 30]')
const withField = (bytes: Uint8Array, field: string, more: Objects = {}): Uint8Array =>
  appendSave(bytes, {
    ...{ 150: field, 151: cover, ...more },
    3: edit(bytes, 3, /\/Annots\s*\[/, '/Annots[150 0 R '),
    8: edit(bytes, 8, /\/Fields\s*\[/, '/Fields[150 0 R '),
  })
test(
  'SSA: the widget of a signature that never came, on a document certified with P=2',
  caught,
  () => withField(certified(2), fake('')),
  'signature-field',
  'field-never-signed',
)
test(
  'SSA: the widget of a signature that signs nothing',
  caught,
  () =>
    withField(certified(2), fake('/V 152 0 R'), {
      152: '<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<3000>>>',
    }),
  'signature-field',
  'signature-range-wrong',
)
test(
  'SSA: the widget shows an earlier signature',
  caught,
  () => withField(signed, fake(`/V ${listSignatures(openPdf(signed))[0]?.ref?.num ?? 0} 0 R`)),
  'signature-field',
  'signature-reused',
)
test(
  'SSA: a signed widget over an earlier seal',
  caught,
  () => signer.sign(signed, { fieldName: 'B', rect: [250, 50, 350, 120] }),
  'annotation',
  'widget-overlaps',
)
test(
  'SSA: a signed widget over a form field',
  caught,
  () => signer.sign(signed, { fieldName: 'B', rect: [10, 10, 60, 60] }),
  'annotation',
  'widget-overlaps',
)
test(
  'SSA: a signed widget over most of the page',
  caught,
  () => signer.sign(signed, { fieldName: 'B', rect: [0, 0, 400, 300], page: 2 }),
  'annotation',
  'widget-covers-page',
)
test(
  'SSA: a signature field with an action',
  caught,
  () => withField(signed, fake('/AA<</E<</S/JavaScript/JS(app.alert(1))>>>>')),
  'signature-field',
  'field-entry-not-allowed',
)

const catalog =
  (from: string | RegExp, to: string): (() => Uint8Array) =>
  () =>
    appendSave(signed, { 1: edit(signed, 1, from, to) })
test(
  'catalog: an open action is added',
  caught,
  catalog('/Type', '/OpenAction<</S/JavaScript/JS(1)>>/Type'),
  'action',
  'entry-changed',
)
test(
  'catalog: JavaScript is added by name',
  caught,
  catalog('/Type', '/Names<</JavaScript<<>>>>/Type'),
  'names',
  'entry-changed',
)
test(
  'catalog: optional content is added',
  caught,
  catalog('/Type', '/OCProperties<<>>/Type'),
  'catalog',
  'entry-changed',
)
test(
  'catalog: another page tree',
  caught,
  () => appendSave(signed, { 1: edit(signed, 1, '2 0 R', '150 0 R'), 150: '<</Type/Pages/Count 0/Kids[]>>' }),
  'page-tree',
  'entry-changed',
)
test(
  'page tree: a page is removed',
  caught,
  () => appendSave(signed, { 2: edit(signed, 2, '4 0 R', '') }),
  'page-tree',
  'object-redefined',
)
test(
  'page: it is turned',
  caught,
  () => appendSave(signed, { 4: edit(signed, 4, '/Type', '/Rotate 180/Type') }),
  'page',
  'entry-changed',
)
test(
  'page: an annotation is removed',
  caught,
  () => appendSave(signed, { 3: edit(signed, 3, '9 0 R', '') }),
  'annotation',
  'annotation-removed',
)
test(
  'form: a field is removed',
  caught,
  () => appendSave(signed, { 8: edit(signed, 8, '9 0 R', '') }),
  'form',
  'field-removed',
)
test(
  'form: a text field is added',
  caught,
  () => withField(signed, '<</Type/Annot/Subtype/Widget/FT/Tx/T(B)/Rect[0 0 9 9]>>'),
  'form-field',
  'field-added',
)
test(
  'form: the first signature is emptied',
  caught,
  () => {
    const field = listSignatures(openPdf(signed))[0]?.field?.ref?.num ?? 0
    return appendSave(signed, { [field]: edit(signed, field, /\/V \d+ 0 R/, '') })
  },
  'signature-field',
  'field-entry-changed',
)
test(
  'metadata: another title',
  caught,
  () =>
    appendSave(signed, { 12: stream(xmp('2025-06-02T00:00:00Z', 'Other'), '/Type/Metadata/Subtype/XML') }),
  'metadata',
  'metadata-changed',
)
test(
  'information: another title',
  caught,
  () => appendSave(signed, { 13: edit(signed, 13, 'Contract', 'Other') }),
  'metadata',
  'information-changed',
)
test(
  'trailer: encryption appears',
  caught,
  () =>
    appendSave(signed, { 160: '<<>>' }, { trailer: '/Root 1 0 R/Info 13 0 R/ID[<00><02>]/Unknown 160 0 R' }),
  'trailer',
  'entry-changed',
)
test(
  'a list of annotations used by two pages is extended',
  caught,
  () => {
    const shared = buildPdf({
      ...contract,
      3: contract[3]?.replace('[9 0 R]', ' 60 0 R') ?? '',
      4: contract[4]?.replace('>>>>>>', '>>>>/Annots 60 0 R>>') ?? '',
      60: '[9 0 R]',
    })
    const first = signer.sign(shared, { fieldName: 'A' })
    return appendSave(first, { 60: '[9 0 R 150 0 R]', 150: stamp })
  },
  'object',
  'object-shared',
)
test('P=1: a later signature on a document certified against changes', (t) => {
  const bytes = certified(2)
  const later = signer.sign(bytes, { fieldName: 'B' })
  t.deepEqual(forbiddenOf(later).changes, [])
  const doc = openPdf(later)
  const signatures = listSignatures(doc).map((item) => ({
    ...item,
    ...(item.docMdp === 2 ? { docMdp: 1 as const } : {}),
  }))
  t.is(analyseAllChanges(doc, signatures)[0]?.changes.at(-1)?.detail, 'certified-no-changes')
})
test('FieldMDP: a later signature in a locked field', (t) => {
  const doc = openPdf(signer.sign(signed, { fieldName: 'B' }))
  const lock = { action: 'Include' as const, fields: ['B'] }
  const signatures = listSignatures(doc).map((item) =>
    item.fieldName === 'A' ? { ...item, fieldMdp: lock } : item,
  )
  const [analysis] = analyseAllChanges(doc, signatures)
  t.is(analysis?.verdict, 'forbidden')
  t.is(analysis?.changes.at(-1)?.detail, 'field-locked')
})
