import test from 'ava'

import { openPdf } from '../../formats/pdf/document.ts'
import { listSignatures, type PdfSignature } from '../../formats/pdf/signatures.ts'
import {
  appendBytes,
  appendSave,
  buildPdf,
  contractObjects,
  isIntact,
  lastStartxref,
  openTestSigner,
  stream,
} from '../../test/signed-pdf.ts'
import { analyseAllChanges } from './analyse-changes.ts'
import type { ChangeAnalysis, ChangeDetail } from './change-types.ts'

const signer = openTestSigner()
test.after.always(() => signer.close())

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const contract = buildPdf(contractObjects())
const signed = signer.sign(contract, { fieldName: 'A', rect: [200, 20, 300, 80] })

type Judged = { readonly signature: PdfSignature; readonly analysis: ChangeAnalysis }

/** The first signature of the document with what changed after it. */
function judge(bytes: Uint8Array): Judged {
  const doc = openPdf(bytes)
  const signatures = listSignatures(doc)
  const [signature] = signatures
  const [analysis] = analyseAllChanges(doc, signatures)
  if (signature === undefined || analysis === undefined) throw new Error('the document has no signature')
  return { signature, analysis }
}

/** Fails unless the change is found, in a file whose signed bytes are as they were signed. */
const caught = test.macro((t, attack: () => Uint8Array, detail: ChangeDetail) => {
  const bytes = attack()
  const { signature, analysis } = judge(bytes)
  t.true(isIntact(bytes, signature), 'the attack must leave the signature cryptographically intact')
  t.is(analysis.verdict, 'forbidden')
  const found = analysis.changes.filter((change) => !change.allowed).map((change) => change.detail)
  t.true(found.includes(detail), found.join(' '))
})

test('the signed document itself has no changes', (t) => {
  const { signature, analysis } = judge(signed)
  t.true(isIntact(signed, signature))
  t.is(analysis.verdict, 'none')
  t.deepEqual(analysis.changes, [])
  t.deepEqual(
    [analysis.coverage.revision, analysis.coverage.revisions, analysis.coverage.trailingBytes],
    [2, 2, 0],
  )
})

const evilPage = stream('BT /F1 18 Tf 20 250 Td (Pay 9999 to C) Tj ET')

// Universal signature forgery: the signature dictionary is overwritten so that a viewer has nothing to check.
const { ref } = judge(signed).signature
const BYTE_RANGE = /\/ByteRange\s*\[[^\]]*\]/
/** The source of an object of a signed file. */
function bodyOf(bytes: Uint8Array, num: number): string {
  const start = text(bytes).lastIndexOf(`\n${num} 0 obj`)
  return text(bytes)
    .slice(start, text(bytes).indexOf('endobj', start))
    .replace(/^\s*\d+ 0 obj\s*/, '')
}
const dictionary = (changes: [RegExp, string][]): string =>
  changes.reduce((all, [from, to]) => all.replace(from, to), bodyOf(signed, ref?.num ?? 0))
const usf: Readonly<Record<string, [RegExp, string][]>> = {
  'ByteRange missing': [[BYTE_RANGE, '']],
  'ByteRange null': [[BYTE_RANGE, '/ByteRange null']],
  'ByteRange negative': [[BYTE_RANGE, '/ByteRange [0 -1 20 -30]']],
  'ByteRange of other numbers': [[BYTE_RANGE, '/ByteRange [0 0 0 0]']],
  'ByteRange of one range': [[BYTE_RANGE, '/ByteRange [0 20]']],
  'Contents missing': [[/\/Contents\s*<[^>]*>/, '']],
  'Contents null': [[/\/Contents\s*<[^>]*>/, '/Contents null']],
  'Contents empty': [[/\/Contents\s*<[^>]*>/, '/Contents <00>']],
}
for (const [name, changes] of Object.entries(usf)) {
  test(`USF: ${name}`, (t) => {
    const { signature, analysis } = judge(
      appendSave(signed, { 5: evilPage, [ref?.num ?? 0]: dictionary(changes) }),
    )
    t.true(signature.problems.length > 0)
    t.is(analysis.verdict, 'forbidden')
  })
}

test(
  'ISA 1: a whole incremental update',
  caught,
  () => appendSave(signed, { 5: evilPage }),
  'object-redefined',
)
test(
  'ISA 2: objects and trailer without a cross-reference',
  caught,
  () =>
    appendBytes(
      signed,
      `5 0 obj\n${evilPage}\nendobj\ntrailer\n<</Size 200/Root 1 0 R>>\nstartxref\n${lastStartxref(signed)}\n%%EOF\n`,
    ),
  'byte-range-not-whole-revision',
)
test(
  'ISA 3: objects and an end-of-file mark',
  caught,
  () => appendBytes(signed, `5 0 obj\n${evilPage}\nendobj\n%%EOF\n`),
  'bytes-after-end',
)
test(
  'ISA 4: objects with a copy of the signature',
  caught,
  () => appendSave(signed, { 5: evilPage, 150: dictionary([]), 151: '<</FT/Sig/T(B)/V 150 0 R>>' }),
  'object-redefined',
)
test(
  'ISA: junk after the end',
  caught,
  () => appendBytes(signed, '\n<script>alert(1)</script>'),
  'bytes-after-end',
)
test(
  'ISA: objects that the cross-reference does not name',
  caught,
  () => appendSave(signed, { 5: evilPage, 160: '<<>>' }, { hidden: [5] }),
  'bytes-unaccounted',
)

test('SWA: the second signed range is moved behind new objects', (t) => {
  const roomy = signer.sign(contract, { fieldName: 'A', rect: [200, 20, 300, 80], padding: 8000 })
  const { signature } = judge(roomy)
  const [, b, c, d] = signature.byteRange ?? [0, 0, 0, 0]
  const num = signature.ref?.num ?? 0
  const original = bodyOf(roomy, num)
  const evil = `5 0 obj\n${evilPage}\nendobj\n`
  const copyStart = c + evil.length
  const row = (offset: number): string => `${String(offset).padStart(10, '0')} 00000 n \n`
  // The signed tail says where the cross-reference is, so the new one is put exactly there.
  const build = (moved: number): string => {
    const range = `/ByteRange [0 ${b} ${String(moved).padStart(6, '0')} ${d}]`
    const copy = `${num} 0 obj\n${original.replace(BYTE_RANGE, range)}endobj\n`
    const gap = `${evil}${copy}`.padEnd(lastStartxref(roomy) - c)
    return `${gap}xref\n5 1\n${row(c)}${num} 1\n${row(copyStart)}trailer\n<</Size 200/Root 1 0 R/Info 13 0 R/ID[<00><02>]/Prev ${lastStartxref(contract)}>>\n`
  }
  const moved = c + build(0).length
  const attack = Buffer.from(text(roomy).slice(0, c) + build(moved) + text(roomy).slice(c), 'latin1')
  const doc = openPdf(Uint8Array.from(attack))
  const signatures = listSignatures(doc)
  const wrapped = signatures.find((item) => item.byteRange?.[2] === moved)
  t.true(wrapped !== undefined && isIntact(attack, wrapped))
  for (const analysis of analyseAllChanges(doc, signatures)) t.is(analysis.verdict, 'forbidden')
})
