// Attacks by a later signer whose own signature is sound: its seal hides or replaces what others signed.
import test from 'ava'

import { openPdf } from '../../formats/pdf/document.ts'
import { listSignatures } from '../../formats/pdf/signatures.ts'
import {
  appendSave,
  buildPdf,
  contractObjects,
  isIntact,
  openTestSigner,
  type TestSignature,
} from '../../test/signed-pdf.ts'
import { analyseAllChanges } from './analyse-changes.ts'
import type { ChangeDetail } from './change-types.ts'

const signer = openTestSigner()
test.after.always(() => signer.close())

const contract = contractObjects()
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const signA = (bytes: Uint8Array): Uint8Array =>
  signer.sign(bytes, { fieldName: 'A', rect: [200, 20, 300, 80] })
const signB = (bytes: Uint8Array, rect: NonNullable<TestSignature['rect']>, page = 2): Uint8Array =>
  signer.sign(bytes, { fieldName: 'B', rect, page })

/** Writes over the last place where a text stands, as the signer of that save could have written it. */
function overwrite(bytes: Uint8Array, from: RegExp, to: (found: string) => string): Uint8Array {
  const found = [...text(bytes).matchAll(from)].at(-1)
  if (!found) throw new Error(`${from.source} is not there`)
  const changed = Uint8Array.from(bytes)
  changed.set(Buffer.from(to(found[0]).padEnd(found[0].length), 'latin1'), found.index)
  return changed
}

/** The contract with an empty signature field on the first page, where the page shows it. */
function withEmptyField(entries: string, isShown = true): Uint8Array {
  const annotations = isShown ? '[9 0 R 60 0 R]' : '[9 0 R]'
  return buildPdf({
    ...contract,
    3: contract[3]?.replace('[9 0 R]', annotations) ?? '',
    8: contract[8]?.replace('[9 0 R]', '[9 0 R 60 0 R]') ?? '',
    60: `<</Type/Annot/Subtype/Widget/FT/Sig/T(B)/P 3 0 R${entries}>>`,
  })
}

function judge(bytes: Uint8Array): { details: ChangeDetail[]; isSound: boolean } {
  const doc = openPdf(bytes)
  const signatures = listSignatures(doc)
  const index = signatures.findIndex(({ fieldName }) => fieldName === 'A')
  const signature = signatures[index]
  const changes = analyseAllChanges(doc, signatures)[index]?.changes ?? []
  if (!signature || !isIntact(bytes, signature)) throw new Error('the first signature must be left intact')
  const forbidden = changes.filter(({ allowed }) => !allowed)
  return { details: forbidden.map(({ detail }) => detail), isSound: forbidden.length === 0 }
}

const caught = test.macro((t, attack: () => Uint8Array, detail: ChangeDetail) => {
  const { details } = judge(attack())
  t.true(details.includes(detail), details.join(' '))
})

test('a seal of usual size is fine, in a new field and in an empty one', (t) => {
  t.true(judge(signB(signA(buildPdf(contract)), [10, 10, 110, 60])).isSound)
  t.true(judge(signB(signA(withEmptyField('/F 4/Rect[20 100 120 150]')), [20, 100, 120, 150], 1)).isSound)
})
test(
  'seal: an empty field over the whole page is signed later',
  caught,
  () => signB(signA(withEmptyField('/F 4/Rect[0 0 400 300]')), [0, 0, 400, 300], 1),
  'widget-covers-page',
)
test(
  'seal: a hidden empty field over the whole page is shown when it is signed',
  caught,
  () =>
    overwrite(
      signB(signA(withEmptyField('/F 2/Rect[0 0 400 300]')), [0, 0, 400, 300], 1),
      /\/F 2\b/g,
      () => '/F 4',
    ),
  'widget-covers-page',
)
test(
  'seal: a widget that is not on the screen and covers the page in print',
  caught,
  () => overwrite(signB(signA(buildPdf(contract)), [10, 50, 390, 290]), /\/F 132\b/g, () => '/F 36'),
  'widget-covers-page',
)
test(
  'seal: a rectangle of five numbers, of which viewers take four',
  caught,
  () =>
    overwrite(
      signB(signA(buildPdf(contract)), [100, 100, 390, 190]),
      /\/Rect \[100 100 390 190\]/g,
      () => '/Rect [0 0 400 300 1]',
    ),
  'widget-covers-page',
)
test(
  'seal: half of the page, which is all that the crop box shows',
  caught,
  () =>
    signB(
      signA(
        buildPdf({ ...contract, 4: contract[4]?.replace('/Type', '/CropBox[0 200 400 300]/Type') ?? '' }),
      ),
      [0, 200, 400, 300],
    ),
  'widget-covers-page',
)
test(
  'seal: one more seal, and together they cover the page',
  caught,
  () => {
    const first = signer.sign(signA(buildPdf(contract)), {
      fieldName: 'C',
      rect: [0, 150, 400, 295],
      page: 2,
    })
    return signB(first, [0, 0, 400, 145])
  },
  'widget-covers-page',
)

const editForm = (bytes: Uint8Array, change: (form: string) => string): string => {
  const all = text(bytes)
  const start = all.lastIndexOf('\n8 0 obj')
  return change(all.slice(start + 8, all.indexOf('endobj', start)))
}
const bareField = (entries: string): string => contract[9]?.replace('/AP<</N 11 0 R>>', entries) ?? ''
const addFont = (bytes: Uint8Array): Uint8Array =>
  appendSave(bytes, {
    8: editForm(bytes, (form) => form.replace(/\/Font\s*<</, '/Font<</Evil 170 0 R')),
    170: '<</Type/Font/Subtype/Type1/BaseFont/Symbol>>',
  })

test('form: a default font that nothing names may be added', (t) => {
  t.true(judge(addFont(signA(buildPdf(contract)))).isSound)
})
for (const [what, style] of [
  ['names', '/Evil 12 Tf 0 g'],
  ['names with an escape', '/E#76il 12 Tf 0 g'],
] as const)
  test(
    `form: the default font comes that a field without appearance ${what}`,
    caught,
    () => addFont(signA(buildPdf({ ...contract, 9: bareField(`/DA(${style})`) }))),
    'entry-changed',
  )
test(
  'form: a default style comes for a field that has none',
  caught,
  () => {
    const bytes = signA(
      buildPdf({ ...contract, 8: contract[8]?.replace(/\/DA\([^)]*\)/, '') ?? '', 9: bareField('') }),
    )
    return appendSave(bytes, { 8: editForm(bytes, (form) => form.replace('/DR', '/DA(/F1 1 Tf 1 g)/DR')) })
  },
  'entry-changed',
)
