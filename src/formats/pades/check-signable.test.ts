import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'

import test from 'ava'

import { isCoded } from '../../../ca/errors.ts'
import { signEmpty, EMPTY_CMS } from '../../test/pades-signer.ts'
import { requireTool, run } from '../../test/judges.ts'
import { findString, openPdf } from '../pdf/document.ts'

import { getText } from '../pdf/objects.ts'

import { bytesOf, SAMPLE_OBJECTS, sampleTablePdf, textOf, type SampleObjects } from '../../test/sample-pdf.ts'
import { listSignatures } from '../pdf/signatures.ts'

function sample(objects: SampleObjects): Uint8Array {
  return sampleTablePdf({ ...SAMPLE_OBJECTS, ...objects })
}

const FORM = '<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R]>>>>'
const EMPTY = '/FT/Sig/T(Here)/Type/Annot/Subtype/Widget/Rect[10 10 60 40]/P 3 0 R'
const PAGE = '<</Type/Page/Parent 2 0 R/Annots[7 0 R]>>'

test('certification: first, alone, and respected', (t) => {
  const certified = signEmpty(sampleTablePdf(), { docMdp: 2 })
  const [first] = listSignatures(openPdf(certified))
  t.true(first?.isCertification)
  t.is(first?.docMdp, 2)
  const twice = signEmpty(certified)
  t.deepEqual(
    listSignatures(openPdf(twice)).map(({ problems }) => problems),
    [[], []],
  )
  t.true(
    isCoded(
      t.throws(() => signEmpty(certified, { docMdp: 2 })),
      'PADES_CERTIFY_NOT_FIRST',
    ),
  )
  const closed = signEmpty(sampleTablePdf(), { docMdp: 1 })
  t.true(
    isCoded(
      t.throws(() => signEmpty(closed)),
      'PDF_CERTIFIED_NO_CHANGES',
    ),
  )
  const locked = signEmpty(sample({ 1: FORM, 3: PAGE, 7: `<<${EMPTY}/Lock<</Action/All>>>>` }), {
    fieldName: 'Here',
  })
  t.true(
    isCoded(
      t.throws(() => signEmpty(locked)),
      'PDF_FIELD_LOCKED',
    ),
  )
  const level = '/V<</Type/Sig/Contents<3000>/ByteRange[0 1 2 3]>>/Lock<</Action/Include/Fields[]/P 1>>'
  t.true(
    isCoded(
      t.throws(() => signEmpty(sample({ 1: FORM, 3: PAGE, 7: `<<${EMPTY}${level}>>` }))),
      'PDF_CERTIFIED_NO_CHANGES',
    ),
  )
})

test('files that must not be signed', (t) => {
  const xfa = '<</Type/Catalog/Pages 2 0 R/NeedsRendering true/AcroForm<</Fields[]/XFA 7 0 R>>>>'
  t.true(
    isCoded(
      t.throws(() => signEmpty(sample({ 1: xfa, 7: '[]' }))),
      'PDF_XFA_DYNAMIC',
    ),
  )
  t.notThrows(() => signEmpty(sample({ 1: xfa.replace('true', 'false'), 7: '[]' })))
  t.true(
    isCoded(
      t.throws(() => signEmpty(sampleTablePdf(SAMPLE_OBJECTS, '/AuthCode<<>>'))),
      'PDF_ENCRYPTION_UNSUPPORTED',
    ),
  )
  const damage = (bytes: Uint8Array): Uint8Array =>
    bytesOf(textOf(bytes).replace(/startxref\n\d+\n%%EOF\n$/, ''))
  const signed = signEmpty(sampleTablePdf())
  const truncated = damage(damage(signed)).subarray(0, signed.length - 200)
  t.true(
    isCoded(
      t.throws(() => signEmpty(bytesOf(textOf(truncated).replaceAll('startxref', '')))),
      'PDF_DAMAGED_SIGNED',
    ),
  )
  t.true(
    isCoded(
      t.throws(() => signEmpty(bytesOf('not a PDF'))),
      'PDF_MALFORMED',
    ),
  )
})

test('a file that its owner closed is signed only with the owner password', async (t) => {
  if (!requireTool(t, 'qpdf')) return
  const folder = await mkdtemp(joinPath(tmpdir(), 'pades-'))
  await writeFile(`${folder}/in.pdf`, sampleTablePdf())
  const encrypt = async (...permissions: string[]): Promise<Uint8Array> => {
    const args = ['--encrypt', '', 'owner', '256', ...permissions, '--', 'in.pdf', 'out.pdf']
    t.is((await run('qpdf', args, { cwd: folder })).status, 0)
    return new Uint8Array(await readFile(`${folder}/out.pdf`))
  }
  const closed = await encrypt('--modify=none')
  t.true(
    isCoded(
      t.throws(() => signEmpty(closed)),
      'PDF_NOT_PERMITTED',
    ),
  )
  t.notThrows(() => signEmpty(closed, { password: 'owner' }))
  const fillable = await encrypt('--modify=form')
  const bytes = signEmpty(fillable, { reason: 'TEST ONLY reason' })
  t.false(textOf(bytes).includes('TEST ONLY reason'))
  const doc = openPdf(bytes)
  const [signature] = listSignatures(doc)
  t.deepEqual(signature?.problems, [])
  t.deepEqual(signature?.contents, EMPTY_CMS, 'Contents are never encrypted')
  t.is(getText(findString(doc, signature!.dict, 'Reason')!), 'TEST ONLY reason')
})
