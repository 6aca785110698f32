import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'

import test from 'ava'

import { isCoded } from '../../../ca/errors.ts'
import {
  signEmpty,
  redStamp,
  SIGNING_TIME,
  EMPTY_CMS,
  createTestSigner,
  pdfsigVerdicts,
  qpdfStatus,
  signPdf,
} from '../../test/pades-signer.ts'
import { javaVerdicts, requireJavaJudge, requireTool, run } from '../../test/judges.ts'
import {
  findArray,
  findDict,
  findName,
  findNumber,
  findString,
  getCatalog,
  openPdf,
} from '../pdf/document.ts'
import { listFields } from '../pdf/form-fields.ts'
import { getText } from '../pdf/objects.ts'
import { countPages, findPage } from '../pdf/page-tree.ts'
import {
  appendSample,
  bytesOf,
  join,
  sampleStreamPdf,
  sampleTablePdf,
  textOf,
} from '../../test/sample-pdf.ts'
import { listSignatures } from '../pdf/signatures.ts'
import { finishPades } from './finish.ts'
import { encodeByteRange, preparePades, type PadesOptions } from './prepare.ts'

test('the signature dictionary has what PAdES-B-B asks for and no more', (t) => {
  const bytes = signEmpty(sampleTablePdf(), {
    reason: '同意',
    location: 'Beijing',
    name: 'TEST ONLY',
    contactInfo: '',
  })
  const doc = openPdf(bytes)
  const [signature] = listSignatures(doc)
  t.deepEqual(signature?.problems, [])
  t.true(signature?.coversWholeFile)
  t.deepEqual(
    [...signature!.dict.entries.keys()],
    ['Type', 'Filter', 'SubFilter', 'ByteRange', 'Contents', 'M', 'Name', 'Reason', 'Location'],
  )
  t.is(getText(findString(doc, signature!.dict, 'M')!), "D:20260304050607+00'00'")
  t.is(getText(findString(doc, signature!.dict, 'Reason')!), '同意')
  t.is(signature?.filter, 'Adobe.PPKLite')
  t.is(signature?.subFilter, 'ETSI.CAdES.detached')
  t.deepEqual(signature?.contents, EMPTY_CMS)
  const [field] = listFields(doc)
  t.is(field?.name, 'Signature1')
  const widget = field!.dict
  t.is(findNumber(doc, widget, 'F'), 132)
  t.deepEqual(findArray(doc, widget, 'Rect'), [0, 0, 0, 0])
  t.deepEqual(widget.entries.get('P'), findPage(doc, 1)?.ref)
  t.deepEqual(findArray(doc, findPage(doc, 1)!.dict, 'Annots'), [field!.ref])
  t.is(findNumber(doc, findDict(doc, getCatalog(doc), 'AcroForm')!, 'SigFlags'), 3)
})

test('what is digested is the file without the Contents, and the same input gives the same bytes', (t) => {
  const options = { signingTime: SIGNING_TIME, contentsSize: 512 }
  const prepared = preparePades(sampleTablePdf(), options)
  const [a, b, c, d] = prepared.byteRange
  const bytes = join(...finishPades(prepared.state, EMPTY_CMS))
  const direct = createHash('sha256')
    .update(bytes.subarray(a, b))
    .update(bytes.subarray(c, c + d))
    .digest('hex')
  const hash = createHash('sha256')
  for (const part of prepared.digestInput) hash.update(part)
  t.is(hash.digest('hex'), direct)
  t.is(c - b, 2 * 512 + 2)
  t.deepEqual(preparePades(sampleTablePdf(), options).state.tail, prepared.state.tail)
  t.is(prepared.digestInput[0], prepared.state.base)
})

test('a CMS that does not fit is refused, never cut; one that is not DER is refused', (t) => {
  const { state } = preparePades(sampleTablePdf(), { signingTime: SIGNING_TIME, contentsSize: 256 })
  const before = Uint8Array.from(state.tail)
  const long = join(Uint8Array.of(0x30, 0x82, 1, 0), new Uint8Array(256))
  const error = t.throws(() => finishPades(state, long))
  t.true(isCoded(error, 'PADES_CONTENTS_TOO_SMALL'))
  t.deepEqual(isCoded(error) && error.extra, { needed: 260, reserved: 256 })
  for (const bad of [
    new Uint8Array(),
    Uint8Array.of(0x30, 5),
    Uint8Array.of(0x30, 0, 0),
    Uint8Array.of(4, 0),
  ]) {
    t.true(
      isCoded(
        t.throws(() => finishPades(state, bad)),
        'INPUT_MALFORMED',
      ),
    )
  }
  finishPades(state, EMPTY_CMS)
  t.deepEqual(state.tail, before, 'a second try starts from the same state')
})

test('the ByteRange slot holds files of more than 100,000,000 bytes and of 2 GiB', (t) => {
  const width = '[0 9999999999 9999999999 9999999999]'.length
  for (const at of [99_999_999, 100_000_000, 2 ** 31, 9_999_999_999]) {
    t.is(encodeByteRange([0, at, at, at], width).length, width)
  }
  t.true(
    isCoded(
      t.throws(() => encodeByteRange([0, 1e10, 1e10, 1e10], width)),
      'PDF_TOO_LARGE',
    ),
  )
})

test('options that cannot be met', (t) => {
  const code = (options: Partial<PadesOptions>): string | undefined =>
    (t.throws(() => signEmpty(sampleTablePdf(), options)) as { code?: string }).code
  t.is(code({ appearance: { ...redStamp, page: 2 } }), 'PADES_PAGE_OUT_OF_RANGE')
  t.is(code({ appearance: { ...redStamp, page: 0 } }), 'PADES_PAGE_OUT_OF_RANGE')
  t.is(code({ appearance: { ...redStamp, rect: [9, 9, 9, 20] } }), 'PADES_OPTION_INVALID')
  t.is(code({ appearance: { build: redStamp.build } }), 'PADES_OPTION_INVALID')
  t.is(code({ appearance: { ...redStamp, rect: [0, 0, Number.NaN, 20] } }), 'PADES_OPTION_INVALID')
  t.is(code({ contentsSize: 100 }), 'PADES_OPTION_INVALID')
  t.is(code({ contentsSize: 2 ** 21 }), 'PADES_OPTION_INVALID')
  t.is(code({ fieldName: '' }), 'PADES_OPTION_INVALID')
  t.is(code({ fieldName: 'a.b' }), 'PADES_OPTION_INVALID')
  t.is(code({ signingTime: new Date(Number.NaN) }), 'PADES_OPTION_INVALID')
})

test('a damaged file is mended before it is signed, and says so', (t) => {
  const damaged = bytesOf(textOf(sampleTablePdf()).replace(/startxref\n\d+/, 'startxref\n3'))
  const prepared = preparePades(damaged, { signingTime: SIGNING_TIME, contentsSize: 512 })
  t.true(prepared.isMended)
  const bytes = join(...finishPades(prepared.state, EMPTY_CMS))
  t.deepEqual(listSignatures(openPdf(bytes))[0]?.problems, [])
  t.is(countPages(openPdf(bytes)), 1)
})

test('ten signatures one after the other: each keeps the bytes before it, and pdfsig finds all valid', async (t) => {
  if (!requireTool(t, 'openssl') || !requireTool(t, 'pdfsig') || !requireTool(t, 'qpdf')) return
  const signer = await createTestSigner()
  for (const original of [sampleTablePdf(), sampleStreamPdf()]) {
    let bytes = original
    for (let count = 1; count <= 10; count++) {
      const signed = await signPdf(signer, bytes, count % 2 ? {} : { appearance: redStamp })
      t.deepEqual(signed.bytes.subarray(0, bytes.length), bytes)
      t.is(signed.prepared.fieldName, `Signature${count}`)
      bytes = signed.bytes
      if (![1, 2, 10].includes(count)) continue
      const verdicts = await pdfsigVerdicts(signer, bytes)
      t.is(verdicts.length, count)
      t.true(verdicts.every((verdict) => verdict.includes('Signature is Valid')))
      t.true(verdicts.at(-1)?.includes('Total document signed'))
      t.is(await qpdfStatus(signer, bytes), 0)
      const signatures = listSignatures(openPdf(bytes))
      t.true(signatures.every(({ problems }) => problems.length === 0))
      t.deepEqual(
        signatures.map(({ revisionIndex }) => revisionIndex),
        signatures.map((_, index) => index + 1),
      )
    }
  }
})

test('a real document by LibreOffice, in every shape that qpdf writes', async (t) => {
  if (!['openssl', 'pdfsig', 'qpdf', 'libreoffice'].every((tool) => requireTool(t, tool))) return
  const signer = await createTestSigner()
  const { folder } = signer
  await writeFile(`${folder}/contract.html`, '<h1>合同 Contract</h1><p>甲方 Party A</p>'.repeat(30))
  const profile = `-env:UserInstallation=file://${folder}/profile`
  const convert = [profile, '--headless', '--convert-to', 'pdf:writer_web_pdf_Export', 'contract.html']
  await run('libreoffice', convert, { cwd: folder, timeoutMs: 120_000 })
  const shapes = [
    [],
    ['--object-streams=generate'],
    ['--linearize'],
    ['--object-streams=generate', '--linearize'],
  ]
  for (const shape of shapes) {
    await run('qpdf', [...shape, 'contract.pdf', 'shape.pdf'], { cwd: folder })
    const original = new Uint8Array(await readFile(`${folder}/shape.pdf`))
    const { bytes } = await signPdf(signer, original, { appearance: redStamp })
    t.deepEqual(bytes.subarray(0, original.length), original)
    const [verdict] = await pdfsigVerdicts(signer, bytes)
    t.true(verdict?.includes('Signature is Valid') && verdict.includes('Total document signed'), shape.join())
    t.is(await qpdfStatus(signer, bytes), 0, shape.join())
    t.is(countPages(openPdf(bytes)), countPages(openPdf(original)))
    // Java takes seconds: it judges the most intricate shape only.
    if (shape !== shapes.at(-1) || !requireJavaJudge(t)) continue
    await writeFile(`${folder}/signed.pdf`, bytes)
    const [java] = await javaVerdicts(`${folder}/signed.pdf`)
    t.true(java?.valid && java.coversWholeFile && java.gapIsContents, shape.join())
  }
})

test('an update by another writer, and a field name that is taken', (t) => {
  const updated = appendSample(signEmpty(sampleTablePdf()), { 6: '<</Title(later)>>' })
  const twice = signEmpty(updated)
  t.deepEqual(
    listSignatures(openPdf(twice)).map(({ fieldName, problems, revisionIndex }) => [
      fieldName,
      problems,
      revisionIndex,
    ]),
    [
      ['Signature1', [], 1],
      ['Signature2', [], 3],
    ],
  )
  t.true(
    isCoded(
      t.throws(() => signEmpty(twice, { fieldName: 'Signature1' })),
      'PADES_FIELD_SIGNED',
    ),
  )
  t.is(findName(openPdf(twice), getCatalog(openPdf(twice)), 'Type')?.value, 'Catalog')
})
