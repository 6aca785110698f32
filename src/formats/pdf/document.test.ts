import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'

import test from 'ava'

import { isCoded } from '../../../ca/errors.ts'
import { requireTool, run } from '../../test/judges.ts'
import {
  findString,
  getCatalog,
  getObject,
  getStreamData,
  listEntries,
  openPdf,
  openRevision,
  resolve,
} from './document.ts'
import { buildRef, getText, isDict, isStream } from './objects.ts'
import { countPages, findPage, getPageGeometry } from './page-tree.ts'
import { recoverPdf } from './recover.ts'
import {
  appendSample,
  bytesOf,
  join,
  SAMPLE_OBJECTS,
  sampleStreamPdf,
  sampleTablePdf,
  textOf,
} from '../../test/sample-pdf.ts'

function titleOf(bytes: Uint8Array): string | undefined {
  const doc = openPdf(bytes)
  const info = resolve(doc, doc.trailer.entries.get('Info'))
  const title = isDict(info) ? findString(doc, info, 'Title') : undefined
  return title && getText(title)
}

function replaceText(bytes: Uint8Array, from: string | RegExp, to: string): Uint8Array {
  return bytesOf(textOf(bytes).replace(from, to))
}

test('a table and a stream give the same document', (t) => {
  for (const bytes of [sampleTablePdf(), sampleStreamPdf()]) {
    const doc = openPdf(bytes)
    t.is(titleOf(bytes), 'TEST ONLY')
    t.is(countPages(doc), 1)
    t.is(doc.headerVersion, '1.7')
    t.deepEqual(getPageGeometry(doc, findPage(doc, 1)!), { box: [0, 0, 300, 200], rotate: 0 })
    t.is(findPage(doc, 2), undefined)
    t.is(doc.revisions.length, 1)
    t.is(doc.revisions[0]?.endOffset, bytes.length)
    t.deepEqual([...doc.anomalies], [])
  }
})

for (const mode of ['disable', 'preserve', 'generate'] as const) {
  for (const linearize of [false, true]) {
    test(`qpdf --object-streams=${mode}${linearize ? ' --linearize' : ''}: one revision, every object`, async (t) => {
      if (!requireTool(t, 'qpdf')) return
      const folder = await mkdtemp(joinPath(tmpdir(), 'pdf-'))
      await writeFile(`${folder}/in.pdf`, sampleTablePdf())
      const args = [`--object-streams=${mode}`, ...(linearize ? ['--linearize'] : []), 'in.pdf', 'out.pdf']
      t.is((await run('qpdf', args, { cwd: folder })).status, 0)
      const bytes = new Uint8Array(await readFile(`${folder}/out.pdf`))
      const doc = openPdf(bytes)
      t.is(titleOf(bytes), 'TEST ONLY')
      t.is(countPages(doc), 1)
      t.is(doc.revisions.length, 1)
      t.is(doc.revisions[0]?.endOffset, bytes.length)
      let streams = 0
      for (const [num, entry] of listEntries(doc)) {
        if (entry.kind === 'free') continue
        const object = getObject(doc, buildRef(num))
        t.not(object, null)
        if (isStream(object) && getStreamData(doc, object).length > 0) streams++
      }
      t.true(streams >= 1)
      t.deepEqual([...doc.anomalies], [])
    })
  }
}

test('revisions: what was there before an update can be opened', (t) => {
  const first = sampleTablePdf()
  const second = appendSample(first, { 6: '<</Title(second)>>' })
  const third = appendSample(second, { 6: '<</Title(third)>>', 1: '<</Type/Catalog/Pages 2 0 R/Lang(zh)>>' })
  const doc = openPdf(third)
  t.deepEqual(
    doc.revisions.map((revision) => revision.endOffset),
    [first.length, second.length, third.length],
  )
  t.false(getCatalog(openRevision(doc, 1)).entries.has('Lang'))
  t.true(getCatalog(openRevision(doc, 2)).entries.has('Lang'))
  t.deepEqual([...(doc.revisions[2]?.entries.keys() ?? [])], [1, 6])
})

test('generation numbers, free objects and missing objects', (t) => {
  const doc = openPdf(sampleTablePdf())
  t.is(getObject(doc, buildRef(4, 1)), null)
  t.true(doc.anomalies.has('generation-mismatch'))
  t.is(getObject(doc, buildRef(0, 65535)), null)
  t.is(getObject(doc, buildRef(999)), null)
})

test('loops end: references, /Prev, page tree, object lengths', (t) => {
  const loop = openPdf(sampleTablePdf({ ...SAMPLE_OBJECTS, 7: '8 0 R', 8: '7 0 R' }))
  t.is(resolve(loop, buildRef(7)), null)
  t.true(loop.anomalies.has('reference-loop'))
  const own = openPdf(sampleTablePdf({ ...SAMPLE_OBJECTS, 7: '<</Length 7 0 R>>\nstream\nabc\nendstream' }))
  const stream = getObject(own, buildRef(7))
  t.is(isStream(stream) && textOf(stream.raw), 'abc')
  const pages = openPdf(
    sampleTablePdf({ ...SAMPLE_OBJECTS, 2: '<</Type/Pages/Kids[3 0 R 2 0 R 3 0 R null]/Count 9>>' }),
  )
  t.is(countPages(pages), 1)
  const bytes = sampleTablePdf()
  const at = /startxref\s+(\d+)/.exec(textOf(bytes))?.[1]
  t.true(
    isCoded(
      t.throws(() => openPdf(sampleTablePdf(SAMPLE_OBJECTS, `/Prev ${at}`))),
      'PDF_MALFORMED',
    ),
  )
})

test('limits come before the work', (t) => {
  const code = (limits: Parameters<typeof openPdf>[1]): unknown =>
    (t.throws(() => countPages(openPdf(sampleTablePdf(), limits))) as { code?: string }).code
  t.is(code({ limits: { fileBytes: 100 } }), 'PDF_TOO_LARGE')
  t.is(code({ limits: { xrefEntries: 3 } }), 'PDF_TOO_LARGE')
  t.is(code({ limits: { depth: 1 } }), 'PDF_TOO_LARGE')
  t.is(code({ limits: { nodes: 1 } }), 'PDF_TOO_LARGE')
  t.is(code({ limits: { xrefSections: 0 } }), 'PDF_TOO_LARGE')
})

test('a decompression bomb in the cross-reference is refused', async (t) => {
  const { deflateSync } = await import('node:zlib')
  const data = deflateSync(new Uint8Array(200_000_000))
  const dict = `<</Type/XRef/W[1 2 1]/Size 9/Root 1 0 R/Filter/FlateDecode/Length ${data.length}>>`
  const head = bytesOf(`%PDF-1.7\n1 0 obj\n${dict}\nstream\n`)
  const bytes = join(head, new Uint8Array(data), bytesOf('\nendstream\nendobj\nstartxref\n9\n%%EOF\n'))
  t.true(
    isCoded(
      t.throws(() => openPdf(bytes)),
      'PDF_TOO_LARGE',
    ),
  )
})

test('what is not a PDF, or lacks what a PDF must have, is PDF_MALFORMED', (t) => {
  const sample = sampleTablePdf()
  const broken = [
    new Uint8Array(),
    bytesOf('GIF89a'),
    replaceText(sample, '%PDF-', '%PDX-'),
    replaceText(sample, 'startxref', 'startxxxx'),
    replaceText(sample, /startxref\n\d+/, 'startxref\n999999'),
    replaceText(sample, '/Root 1 0 R', '/Root 9 0 R'),
    replaceText(sample, '/Root 1 0 R', '/Root 3 0 X'),
    replaceText(sample, '0000000015 00000 n', '00000000x5 00000 n'),
    sampleTablePdf(SAMPLE_OBJECTS, '/Prev(x)'),
    sampleTablePdf(SAMPLE_OBJECTS, '/Encrypt 3'),
  ]
  for (const bytes of broken) {
    t.true(
      isCoded(
        t.throws(() => openPdf(bytes)),
        'PDF_MALFORMED',
      ),
      textOf(bytes.subarray(-120)),
    )
  }
})

test('an offset that leads to another object is not followed', (t) => {
  const sample = textOf(sampleTablePdf())
  const [, first] = /\n0 7\n.{20}(.{20})/s.exec(sample) ?? []
  const [, , sixth] = /\n0 7\n(.{20}){6}(.{20})/s.exec(sample) ?? []
  const doc = openPdf(bytesOf(sample.replace(sixth as string, first as string)))
  t.true(
    isCoded(
      t.throws(() => getObject(doc, buildRef(6))),
      'PDF_MALFORMED',
    ),
  )
})

test('a damaged file without signatures is written anew, with what can be reached and nothing else', async (t) => {
  const objects = { ...SAMPLE_OBJECTS, 7: '(nobody leads here)', 8: '<</Type/Page/Parent 2 0 R>>' }
  const damaged = replaceText(sampleTablePdf(objects), /startxref\n\d+/, 'startxref\n7')
  const mended = recoverPdf(damaged)
  t.is(titleOf(mended), 'TEST ONLY')
  t.is(countPages(openPdf(mended)), 1)
  t.false(textOf(mended).includes('nobody leads here'))
  t.deepEqual(recoverPdf(damaged), mended)
  if (!requireTool(t, 'qpdf')) return
  const folder = await mkdtemp(joinPath(tmpdir(), 'pdf-'))
  await writeFile(`${folder}/out.pdf`, mended)
  t.is((await run('qpdf', ['--check', 'out.pdf'], { cwd: folder })).status, 0)
})

test('objects in object streams are found again where the cross-reference stream is gone', async (t) => {
  if (!requireTool(t, 'qpdf')) return
  const folder = await mkdtemp(joinPath(tmpdir(), 'pdf-'))
  await writeFile(`${folder}/in.pdf`, sampleTablePdf())
  await run('qpdf', ['--object-streams=generate', '--compress-streams=n', 'in.pdf', 'out.pdf'], {
    cwd: folder,
  })
  const bytes = new Uint8Array(await readFile(`${folder}/out.pdf`))
  const mended = recoverPdf(replaceText(bytes, /startxref\n\d+/, 'startxref\n7'))
  t.is(titleOf(mended), 'TEST ONLY')
  t.is(countPages(openPdf(mended)), 1)
})

test('a damaged file with any trace of a signature is left alone', (t) => {
  const signed = { ...SAMPLE_OBJECTS, 7: '<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>' }
  t.true(
    isCoded(
      t.throws(() => recoverPdf(sampleTablePdf(signed))),
      'PDF_DAMAGED_SIGNED',
    ),
  )
  const field = {
    ...SAMPLE_OBJECTS,
    1: '<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R]>>>>',
    7: '<</FT/Sig/T(S)/V<</Type/Sig/Contents<30>>>>>',
  }
  t.true(
    isCoded(
      t.throws(() => recoverPdf(sampleTablePdf(field))),
      'PDF_DAMAGED_SIGNED',
    ),
  )
})

test('a file without pages is beyond repair', (t) => {
  const bytes = sampleTablePdf({ ...SAMPLE_OBJECTS, 2: '<</Type/Pages/Kids[]/Count 0>>' })
  t.true(
    isCoded(
      t.throws(() => recoverPdf(bytes)),
      'PDF_MALFORMED',
    ),
  )
})
