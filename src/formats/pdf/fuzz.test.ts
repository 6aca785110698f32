// Whatever the bytes are: a typed error or a document, in bounded time.
import { deflateSync } from 'node:zlib'

import test from 'ava'
import fc from 'fast-check'

import { isCoded } from '../../../ca/errors.ts'
import { loadCases, readCorpusFile, skipNote } from '../../test/corpora.ts'
import { finishPades } from '../pades/finish.ts'
import { preparePades } from '../pades/prepare.ts'
import { findElementLength } from './der-length.ts'
import { getObject, getStreamData, listEntries, openPdf, openRevision } from './document.ts'
import { listFields } from './form-fields.ts'
import { isStream } from './objects.ts'
import { countPages } from './page-tree.ts'
import { recoverPdf } from './recover.ts'
import { bytesOf, join, SAMPLE_OBJECTS, sampleStreamPdf, sampleTablePdf } from '../../test/sample-pdf.ts'
import { listSignatures } from './signatures.ts'

/** Small limits, so that a runaway is refused and not merely slow. */
const limits = { inflatedBytes: 2 ** 22, structureBytes: 2 ** 23, nodes: 5_000, xrefEntries: 50_000 }

/** True where the work ends, or ends with a typed error. */
function isTyped(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch (error) {
    if (isCoded(error)) return true
    throw error
  }
}

function readEverything(bytes: Uint8Array): void {
  const doc = openPdf(bytes, { limits })
  isTyped(() => countPages(doc))
  isTyped(() => listFields(doc))
  isTyped(() => listSignatures(doc))
  for (const revision of doc.revisions.slice(0, 4)) isTyped(() => openRevision(doc, revision.index))
  let objects = 0
  for (const [num, entry] of listEntries(doc)) {
    if (++objects > 500) break
    isTyped(() => {
      const object = getObject(doc, { kind: 'ref', num, gen: entry.kind === 'offset' ? entry.gen : 0 })
      if (isStream(object)) getStreamData(doc, object)
    })
  }
}

function tryAll(bytes: Uint8Array): boolean {
  const options = { limits, signingTime: new Date(0), contentsSize: 256 }
  return (
    isTyped(() => readEverything(bytes)) &&
    isTyped(() => recoverPdf(bytes, { limits })) &&
    isTyped(() => {
      const { state } = preparePades(bytes, options)
      listSignatures(openPdf(join(...finishPades(state, Uint8Array.of(0x30, 0))), { limits }))
    })
  )
}

const FORM = {
  ...SAMPLE_OBJECTS,
  1: '<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R]/SigFlags 3>>/Perms<</DocMDP 8 0 R>>>>',
  7: '<</FT/Sig/T(S)/V 8 0 R/Kids[9 0 R]/Lock<</Action/Include/Fields[(a)]>>>>',
  8: '<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<3000>/Reference[<</TransformMethod/DocMDP>>]>>',
  9: '<</Type/Annot/Subtype/Widget/Parent 7 0 R>>',
}
const SEEDS = [sampleTablePdf(), sampleStreamPdf(), sampleTablePdf(FORM), sampleStreamPdf(FORM)]
/** Pieces of syntax that meet each other in the wrong places. */
const TOKENS = [
  '<<',
  '>>',
  '[',
  ']',
  '(',
  ')',
  '<',
  '>',
  '/',
  '%',
  ' 0 R',
  ' 0 obj',
  'endobj',
  'stream\n',
  'endstream',
]
const WORDS = [
  'xref\n',
  'trailer',
  'startxref\n',
  '%%EOF',
  '/Prev 9',
  '/Length 7 0 R',
  '/Kids[2 0 R]',
  '-1',
  '9'.repeat(20),
]

type Edit = { readonly at: number; readonly remove: number; readonly insert: Uint8Array }

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(4000),
  remove: fc.nat(30),
  insert: fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.constantFrom(...TOKENS, ...WORDS).map(bytesOf),
    fc.nat(3000).map((value) => bytesOf(String(value))),
  ),
})

function apply(seed: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let bytes = seed
  for (const { at, remove, insert } of edits) {
    const start = at % (bytes.length + 1)
    bytes = join(bytes.subarray(0, start), insert, bytes.subarray(Math.min(start + remove, bytes.length)))
  }
  return bytes
}

test('edited files', (t) => {
  const property = fc.property(
    fc.constantFrom(...SEEDS),
    fc.array(edit, { minLength: 1, maxLength: 6 }),
    (seed, edits) => tryAll(apply(seed, edits)),
  )
  t.notThrows(() => fc.assert(property, { numRuns: 1500 }))
})

test('cut files', (t) => {
  const property = fc.property(fc.constantFrom(...SEEDS), fc.nat(4000), (seed, at) =>
    tryAll(seed.subarray(0, at % seed.length)),
  )
  t.notThrows(() => fc.assert(property, { numRuns: 300 }))
})

test('any bytes after a header', (t) => {
  const syntax = fc.array(
    fc.oneof(fc.constantFrom(...TOKENS, ...WORDS).map(bytesOf), fc.uint8Array({ maxLength: 12 })),
  )
  const property = fc.property(syntax, (parts) => tryAll(join(bytesOf('%PDF-1.7\n'), ...parts)))
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
})

test('lengths of BER elements', (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    const length = findElementLength(bytes)
    return length === undefined || (length >= 2 && length <= bytes.length)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 2000 }))
  t.is(findElementLength(Uint8Array.of(0x30, 0x80, 0x05, 0, 0, 0, 9)), 6)
  t.is(findElementLength(new Uint8Array(100_000).fill(0x30).fill(0x80, 1)), undefined)
})

test('files built to take long: each ends', (t) => {
  const many = (text: string, count: number): Uint8Array => bytesOf(`%PDF-1.7\n${text.repeat(count)}`)
  const body = bytesOf('%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n')
  const zeros = new Uint8Array(deflateSync(new Uint8Array(2 ** 24)))
  const objectStream = `<</Type/ObjStm/N 1000000/First 10/Filter/FlateDecode/Length ${zeros.length}>>\nstream\n`
  const deepKids: Record<number, string> = { ...SAMPLE_OBJECTS }
  for (let num = 10; num < 400; num++) deepKids[num] = `<</Kids[${num + 1} 0 R ${num + 1} 0 R]>>`
  const hostile = [
    many('1 0 obj (', 20_000),
    many('1 0 obj <', 20_000),
    many('1 0 obj << /A ', 20_000),
    many('1 0 obj <</Length 9>> stream\n', 20_000),
    many('trailer <<', 20_000),
    many('/ByteRange ', 20_000),
    many('[', 200_000),
    join(body, bytesOf(`3 0 obj\n${objectStream}`), zeros, bytesOf('\nendstream\nendobj\n')),
    sampleTablePdf({ ...deepKids, 2: '<</Type/Pages/Kids[10 0 R]>>' }),
    sampleTablePdf({ ...deepKids, 1: '<</Pages 2 0 R/AcroForm<</Fields[10 0 R]>>>>' }),
    sampleTablePdf({ ...SAMPLE_OBJECTS, 2: `<</Type/Pages/Kids[${'3 0 R '.repeat(100_000)}]>>` }),
  ]
  for (const bytes of hostile) t.true(tryAll(bytes))
})

test('corpus pyhanko, structure: every file edited', (t) => {
  const cases = loadCases('pyhanko')?.filter(({ kind }) => kind === 'structure')
  if (!cases) return skipNote(t, 33, 'the corpora are absent')
  const seeds = cases.map((item) => readCorpusFile('pyhanko', String(item.files?.['pdf'])))
  for (const seed of seeds) t.true(tryAll(seed))
  const property = fc.property(
    fc.constantFrom(...seeds),
    fc.array(edit, { minLength: 1, maxLength: 4 }),
    (seed, edits) => tryAll(apply(seed, edits)),
  )
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
  return undefined
})
