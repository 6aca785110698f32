import test from 'ava'

import { openPdf } from './document.ts'
import { buildPdf, contractObjects } from '../../test/signed-pdf.ts'
import { appendSample, bytesOf, join, SAMPLE_OBJECTS, sampleTablePdf, textOf } from '../../test/sample-pdf.ts'
import { listSignatures, type PdfSignature } from './signatures.ts'
import { isLocked } from './transforms.ts'

// A DER SEQUENCE that holds a NULL: enough for everything that is not CMS.
const CMS = '30020500'
const SLOT = '0 0000000000 0000000000 0000000000'
const FORM = '<</Type/Catalog/Pages 2 0 R/AcroForm<</SigFlags 3/Fields[7 0 R]>>>>'
const FIELD = '<</FT/Sig/T(S1)/V 8 0 R/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/P 3 0 R>>'
const VALUE = `<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[${SLOT}]/Contents<${CMS}0000>>>`

/** Writes the true ranges into every slot that is still empty. */
function fillRanges(bytes: Uint8Array): Uint8Array {
  const text = textOf(bytes)
  const start = text.indexOf(`<${CMS}`)
  const end = text.indexOf('>', start) + 1
  const pad = (value: number): string => String(value).padStart(10, '0')
  return bytesOf(text.replace(SLOT, `0 ${pad(start)} ${pad(end)} ${pad(text.length - end)}`))
}

function signedPdf(objects: Record<number, string> = {}): Uint8Array {
  return fillRanges(sampleTablePdf({ ...SAMPLE_OBJECTS, 1: FORM, 7: FIELD, 8: VALUE, ...objects }))
}

/** The signature with another ByteRange of the same width. */
function withRange(change: (range: [number, number, number, number]) => number[]): Uint8Array {
  const text = textOf(signedPdf())
  return bytesOf(
    text.replace(/ByteRange\[([\d ]+)\]/, (whole, numbers: string) => {
      const range = numbers.split(' ').map(Number) as [number, number, number, number]
      return `ByteRange[${change(range).join(' ')}`.padEnd(whole.length - 1) + ']'
    }),
  )
}

function list(bytes: Uint8Array): PdfSignature[] {
  return listSignatures(openPdf(bytes))
}

function problemsOf(bytes: Uint8Array): string[][] {
  return list(bytes).map((signature) => [...signature.problems])
}

test('a sound signature: what it covers, and where its CMS is', (t) => {
  const bytes = signedPdf()
  const [signature, ...others] = list(bytes)
  t.deepEqual(others, [])
  t.deepEqual(signature?.problems, [])
  t.is(signature?.fieldName, 'S1')
  t.is(signature?.kind, 'signature')
  t.is(signature?.subFilter, 'ETSI.CAdES.detached')
  t.is(Buffer.from(signature!.contents).toString('hex'), CMS)
  const [start, end] = signature!.contentsRange!
  t.is(textOf(bytes.subarray(start, end)), `<${CMS}0000>`)
  t.is(signature?.signedEnd, bytes.length)
  t.true(signature?.coversWholeFile)
  t.is(signature?.revisionIndex, 0)
})

test('a later revision leaves it sound, but no longer the whole file', (t) => {
  const [signature] = list(appendSample(signedPdf(), { 6: '<</Title(later)>>' }))
  t.deepEqual(signature?.problems, [])
  t.false(signature?.coversWholeFile)
  t.is(signature?.revisionIndex, 0)
})

test('universal signature forgery: no, null, odd or negative ByteRange', (t) => {
  const value = (range: string): string => VALUE.replace(`/ByteRange[${SLOT}]`, range)
  t.deepEqual(problemsOf(signedPdf({ 8: value('') })), [['byte-range-missing']])
  t.deepEqual(problemsOf(signedPdf({ 8: value('/ByteRange null') })), [['byte-range-missing']])
  for (const range of [
    '[]',
    '[0 1]',
    '[0 1 2]',
    '[0 1 2 3 4]',
    '[0 -1 5 6]',
    '[0 1.5 2 3]',
    '[(0) 1 2 3]',
    '12',
  ]) {
    t.deepEqual(problemsOf(signedPdf({ 8: value(`/ByteRange ${range}`) })), [['byte-range-malformed']], range)
  }
})

test('universal signature forgery: no, null or empty Contents, or something other than CMS', (t) => {
  const contents = (hex: string): string => VALUE.replace(`/Contents<${CMS}0000>`, hex)
  const has = (value: string, problem: string): void => {
    const [problems] = problemsOf(signedPdf({ 8: value }))
    t.true(problems?.includes(problem), `${value}: ${problems?.join()}`)
  }
  has(contents(''), 'contents-missing')
  has(contents('/Contents null'), 'contents-missing')
  has(contents('/Contents 7'), 'contents-missing')
  has(contents('/Contents<>'), 'contents-empty')
  has(contents('/Contents<00000000>'), 'contents-empty')
  has(contents('/Contents<0400>'), 'contents-malformed')
  has(contents('/Contents<3082ffff00>'), 'contents-malformed')
  has(contents(`/Contents<${CMS}0001>`), 'contents-padding')
  has('(not a dictionary)', 'value-malformed')
  has(VALUE.replace('/SubFilter/ETSI.CAdES.detached', ''), 'sub-filter-missing')
})

test('incremental saving attack: bytes after the last save, with and without a marker', (t) => {
  const bytes = signedPdf()
  for (const tail of [
    '9 0 obj\n(evil)\nendobj\n',
    '9 0 obj\n(evil)\nendobj\n%%EOF\n',
    'xref\n0 0\ntrailer\n<<>>\n',
  ]) {
    const [signature] = list(join(bytes, bytesOf(tail)))
    t.deepEqual(signature?.problems, ['bytes-after-revision'], tail)
    t.false(signature?.coversWholeFile)
  }
  t.deepEqual(problemsOf(join(bytes, bytesOf('\n\n'))), [[]])
})

test('signature wrapping: a gap that is more, less or something other than the Contents', (t) => {
  t.deepEqual(problemsOf(withRange(([, b, c, d]) => [0, b - 1, c, d])), [['byte-range-gap']])
  t.deepEqual(problemsOf(withRange(([, b, c, d]) => [0, b, c + 1, d - 1])), [['byte-range-gap']])
  t.deepEqual(problemsOf(withRange(([, b, c, d]) => [0, b + 1, c, d])), [['byte-range-gap']])
  t.deepEqual(problemsOf(withRange(([, b, c, d]) => [0, b - 20, c - 20, d + 20])), [['byte-range-gap']])
})

test('signature wrapping: the second range moved behind injected objects', (t) => {
  const bytes = signedPdf()
  const text = textOf(bytes)
  const start = text.indexOf(`<${CMS}`)
  const end = text.indexOf('>', start) + 1
  const rest = text.slice(end)
  // What was signed last stands at the end again; what is shown stands where nobody hashed.
  const injected = `>>\nendobj\n${rest.slice(rest.indexOf('xref'))}`
  const moved = `${text.slice(0, end)}${injected}${rest}`.replace(
    /ByteRange\[[\d ]+\]/,
    (whole) => `ByteRange[0 ${start} ${end + injected.length} ${rest.length}`.padEnd(whole.length - 1) + ']',
  )
  const problems = problemsOf(bytesOf(moved)).flat()
  t.true(problems.includes('byte-range-gap'), problems.join())
})

test('signature wrapping: Contents of another dictionary in the gap', (t) => {
  const [, range] = /ByteRange\[([\d ]+)\]/.exec(textOf(signedPdf())) ?? []
  const [signature, orphan] = list(appendSample(signedPdf(), { 8: VALUE.replace(SLOT, range as string) }))
  t.deepEqual(signature?.problems, ['contents-elsewhere'])
  t.is(orphan?.kind, 'orphan')
})

test('ranges that do not start at 0, overlap, run past the end, or end inside a revision', (t) => {
  const has = (bytes: Uint8Array, problem: string): void => {
    const [problems] = problemsOf(bytes)
    t.true(problems?.includes(problem), `${problem}: ${problems?.join()}`)
  }
  has(
    withRange(([, b, c, d]) => [1, b - 1, c, d]),
    'byte-range-start',
  )
  has(
    withRange(([, b, , d]) => [0, b, b - 9, d]),
    'byte-range-order',
  )
  has(
    withRange(([, b, c]) => [0, b, c, 0]),
    'byte-range-order',
  )
  has(
    withRange(([, , c, d]) => [0, 0, c, d]),
    'byte-range-order',
  )
  has(
    withRange(([, b, c, d]) => [0, b, c, d + 5]),
    'byte-range-beyond-eof',
  )
  has(
    withRange(([, b]) => [0, b, 999_999_999, 5]),
    'byte-range-beyond-eof',
  )
  has(
    withRange(([, b, c, d]) => [0, b, c, d - 8]),
    'byte-range-end',
  )
  t.deepEqual(
    problemsOf(withRange(([, b, c, d]) => [0, b, c, d - 1])),
    [[]],
    'the last end of line may be left out',
  )
})

test('one dictionary behind two fields, two fields of one name, one Contents for two', (t) => {
  const form = FORM.replace('[7 0 R]', '[7 0 R 9 0 R]')
  const shared = signedPdf({ 1: form, 9: FIELD.replace('(S1)', '(S2)') })
  t.deepEqual(problemsOf(shared), [
    ['value-shared', 'contents-shared'],
    ['value-shared', 'contents-shared'],
  ])
  const named = signedPdf({
    1: form,
    9: FIELD.replace('8 0 R', '10 0 R'),
    10: VALUE.replace(SLOT, '0 1 2 3'),
  })
  t.true(problemsOf(named).every((problems) => problems.includes('field-name-duplicate')))
})

test('a dictionary in the field itself, or with a key twice', (t) => {
  const direct = signedPdf({ 7: FIELD.replace('8 0 R', VALUE), 8: 'null' })
  t.deepEqual(problemsOf(direct), [['dictionary-not-indirect']])
  const twice = VALUE.replace('/Type/Sig', '/Type/Sig/Contents<3000>')
  t.true(problemsOf(signedPdf({ 8: twice }))[0]?.includes('dictionary-key-duplicate'))
})

test('orphans: taken out of the form, replaced, or never in it', (t) => {
  const removed = appendSample(signedPdf(), { 1: SAMPLE_OBJECTS[1]! })
  t.deepEqual(
    list(removed).map(({ kind, problems }) => [kind, problems]),
    [['orphan', ['orphan']]],
  )
  const cleared = appendSample(signedPdf(), { 7: FIELD.replace('/V 8 0 R', '') })
  t.deepEqual(problemsOf(cleared), [['orphan']])
  const never = signedPdf({ 1: SAMPLE_OBJECTS[1]! })
  t.deepEqual(problemsOf(never), [['orphan']])
  const inStream = signedPdf({
    9: '<</Length 40>>\nstream\n8 0 obj<</ByteRange[0 1 2 3]/Contents<00>>>\nendstream',
  })
  t.deepEqual(problemsOf(inStream), [[]])
})

test('certification, field locks and what they name', (t) => {
  const reference = (method: string, params: string): string =>
    VALUE.replace(
      '/ByteRange',
      `/Reference[<</TransformMethod/${method}/TransformParams<<${params}>>>>]/ByteRange`,
    )
  const certified = signedPdf({
    1: FORM.replace('/AcroForm', '/Perms<</DocMDP 8 0 R>>/AcroForm'),
    8: reference('DocMDP', '/P 2/V/1.2'),
  })
  const [certification] = list(certified)
  t.is(certification?.docMdp, 2)
  t.true(certification?.isCertification)
  t.is(list(signedPdf({ 8: reference('DocMDP', '') }))[0]?.docMdp, 2)
  t.is(
    list(signedPdf({ 8: reference('DocMDP', '/P 9') }))[0]?.docMdp,
    1,
    'what is not understood is the strictest',
  )
  const [locked] = list(signedPdf({ 8: reference('FieldMDP', '/Action/Include/Fields[(a)(b.c)]') }))
  t.deepEqual(locked?.fieldMdp, { action: 'Include', fields: ['a', 'b.c'] })
  t.deepEqual(problemsOf(signedPdf({ 8: reference('FieldMDP', '/Action/Some') })), [['field-lock-unclear']])
  t.deepEqual(problemsOf(signedPdf({ 8: reference('Unknown', '') })), [['field-lock-unclear']])
  const usage = signedPdf({ 1: SAMPLE_OBJECTS[1]!, 8: reference('UR3', '') })
  t.is(list(usage)[0]?.kind, 'usage-rights')
})

test('a lock names a field or what is below it, not what merely starts alike', (t) => {
  const include = { action: 'Include', fields: ['Signature 1', 'group'] } as const
  t.true(isLocked(include, 'Signature 1'))
  t.false(isLocked(include, 'Signature 10'))
  t.true(isLocked(include, 'group.name'))
  t.false(isLocked({ ...include, action: 'Exclude' }, 'group.name'))
  t.true(isLocked({ ...include, action: 'Exclude' }, 'other'))
  t.true(isLocked({ action: 'All', fields: [] }, 'anything'))
})

test('many kids: a field that names one kid 300,000 times is read in one pass', (t) => {
  const doc = openPdf(
    buildPdf({
      ...contractObjects(),
      9: `<</FT/Sig/T(A)/Kids[${'20 0 R '.repeat(300_000)}]>>`,
      20: '<</T(B)/V 21 0 R>>',
      21: '<</Type/Sig/ByteRange[0 1 2 3]/Contents<3000>>>',
    }),
  )
  t.deepEqual(
    listSignatures(doc).map(({ fieldName }) => fieldName),
    ['A.B'],
  )
})
