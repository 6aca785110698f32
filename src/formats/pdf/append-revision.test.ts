import test from 'ava'

import { isCoded } from '../../../ca/errors.ts'
import { appendRevision, encodeStream, encodeTable } from './append-revision.ts'
import { findName, getCatalog, getObject, openPdf, openRevision } from './document.ts'
import { createDraft, editCatalog } from './draft-revision.ts'
import { buildDict, buildName, buildRef, buildStream, isStream, isString, withEntries } from './objects.ts'
import { DEFAULT_PDF_LIMITS } from './limits.ts'
import { parseIndirectObject } from './parse-indirect.ts'
import { bytesOf, join, sampleStreamPdf, sampleTablePdf, textOf } from '../../test/sample-pdf.ts'

test('a table has rows of 20 bytes in runs, whatever the offset', (t) => {
  const rows = [
    { num: 7, gen: 0, offset: 100_000_000 },
    { num: 3, gen: 2, offset: 2 ** 31 },
    { num: 4, gen: 65535, offset: 9_999_999_999 },
  ]
  const text = textOf(encodeTable(rows, new Map([['Root', buildRef(1)]]), 9))
  t.is(
    text,
    'xref\n3 2\n2147483648 00002 n \n9999999999 65535 n \n7 1\n0100000000 00000 n \ntrailer\n<<\n/Size 9\n/Root 1 0 R\n>>\n',
  )
  const tooFar = [{ num: 1, gen: 0, offset: 10_000_000_000 }]
  t.true(
    isCoded(
      t.throws(() => encodeTable(tooFar, new Map(), 2)),
      'PDF_TOO_LARGE',
    ),
  )
})

test('a cross-reference stream is as wide as its offsets and lists itself', (t) => {
  for (const [offset, width] of [
    [255, 1],
    [65_536, 3],
    [99_999_999, 4],
    [100_000_000, 4],
    [2 ** 31, 4],
    [2 ** 32, 5],
    [2 ** 40 + 5, 6],
  ] as const) {
    const bytes = encodeStream([{ num: 3, gen: 1, offset: 7 }], new Map(), 5, offset)
    const cursor = {
      bytes,
      pos: 0,
      end: bytes.length,
      limits: DEFAULT_PDF_LIMITS,
      anomalies: new Set<string>(),
    }
    const { object, ref } = parseIndirectObject(cursor, () => undefined)
    if (!isStream(object)) return t.fail()
    t.deepEqual(ref, buildRef(5))
    t.deepEqual(object.dict.entries.get('W'), [1, width, 2])
    t.deepEqual(object.dict.entries.get('Index'), [3, 1, 5, 1])
    t.is(object.dict.entries.get('Size'), 6)
    const row = object.raw.subarray(width + 3)
    t.is(
      row.subarray(1, width + 1).reduce((sum, byte) => sum * 256 + byte, 0),
      offset,
    )
  }
  return undefined
})

for (const [kind, sample] of [
  ['table', sampleTablePdf()],
  ['stream', sampleStreamPdf()],
] as const) {
  test(`an update keeps the bytes and the kind of cross-reference: ${kind}`, (t) => {
    const doc = openPdf(sample)
    const draft = createDraft(doc)
    draft.allocate(buildStream(buildDict({}), bytesOf('hello')))
    editCatalog(draft, (catalog) => withEntries(catalog, { PageMode: buildName('UseNone') }))
    const { tail, offsets } = appendRevision(doc, draft.objects)
    t.deepEqual(appendRevision(doc, draft.objects).tail, tail)
    const updated = openPdf(join(sample, tail))
    t.deepEqual(
      updated.revisions.map((revision) => [revision.xrefKind, revision.endOffset]),
      [
        [kind, sample.length],
        [kind, sample.length + tail.length],
      ],
    )
    t.is(findName(updated, getCatalog(updated), 'PageMode')?.value, 'UseNone')
    const stream = getObject(updated, buildRef(doc.size))
    t.is(isStream(stream) && textOf(stream.raw), 'hello')
    t.is(
      textOf(join(sample, tail)).indexOf(`\n${doc.size} 0 obj`, sample.length - 1) + 1,
      offsets.get(doc.size) ?? -1,
    )
    t.is(updated.size, doc.size + (kind === 'table' ? 1 : 2))
    const id = updated.trailer.entries.get('ID')
    const [first, second] = Array.isArray(id) ? id : []
    if (!isString(first) || !isString(second)) return t.fail()
    t.is(Buffer.from(first.bytes).toString('hex'), '00112233445566778899aabbccddeeff')
    t.is(second.bytes.length, 16)
    t.notDeepEqual(first.bytes, second.bytes)
    t.is(updated.trailer.entries.get('Prev'), doc.revisions[0]?.startxref)
    t.is(findName(doc, getCatalog(openRevision(updated, 0)), 'PageMode'), undefined)
    t.deepEqual([...updated.anomalies], [])
    return undefined
  })
}

test('a file that does not end with an end of line gets one before the update', (t) => {
  const sample = sampleTablePdf()
  const bytes = sample.subarray(0, sample.length - 1)
  const doc = openPdf(bytes)
  const { tail } = appendRevision(doc, [{ ref: buildRef(7), object: 1 }])
  t.is(tail[0], 0x0a)
  t.is(getObject(openPdf(join(bytes, tail)), buildRef(7)), 1)
})

test('offsets count from the header where the file starts with something else', (t) => {
  const bytes = join(bytesOf('HTTP/1.1 200 OK\r\n\r\n'), sampleTablePdf())
  const doc = openPdf(bytes)
  t.is(doc.base, 19)
  const updated = openPdf(join(bytes, appendRevision(doc, [{ ref: buildRef(7), object: 5 }]).tail))
  t.is(getObject(updated, buildRef(7)), 5)
  t.is(updated.revisions.length, 2)
})
