// Attacks by two parts: a payload that no cross-reference names, and a trigger that makes other readers give up the
// cross-reference and look for objects in the bytes. Each part alone must be found, and both together.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'

import test from 'ava'

import { openPdf } from '../../formats/pdf/document.ts'
import { listSignatures } from '../../formats/pdf/signatures.ts'
import {
  appendBytes,
  buildPdf,
  contractObjects,
  isIntact,
  lastStartxref,
  openTestSigner,
  stream,
} from '../../test/signed-pdf.ts'
import { analyseAllChanges } from './analyse-changes.ts'

const signer = openTestSigner()
const folder = mkdtempSync(join(tmpdir(), 'yinxin-rebuild-'))
test.after.always(() => {
  signer.close()
  rmSync(folder, { recursive: true })
})

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const contract = contractObjects()
const signed = signer.sign(buildPdf(contract), { fieldName: 'A' })
const evilBody = stream('BT /F1 18 Tf 20 250 Td (Pay 9999 to C) Tj ET')
const evilObject = `5 0 obj\n${evilBody}\nendobj\n`
const catalog =
  /\n1 0 obj\n([^]*?)\nendobj/.exec(text(signed).slice(text(signed).lastIndexOf('\n1 0 obj')))?.[1] ?? ''
const withStore = catalog.replace('/Type', '/DSS 910 0 R/Type')

/** Bodies by number, in the order in which they are written. */
type Bodies = readonly (readonly [number, string])[]

const split = `x\nendstream\nendobj\n${evilObject}901 0 obj\n<</Length 1>>\nstream\nx`
const whole = `x\n${evilObject}`
const hiddenPage =
  '<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 300]/Contents 903 0 R/Resources<</Font<</F1 7 0 R>>>>>>'
const packed = (entries = ''): string => {
  const data = deflateSync(`3 0 ${hiddenPage}`).toString('latin1')
  return stream(data, `/Type/ObjStm/N 1/First 4/Filter/FlateDecode${entries}`)
}
const indirect = `<</Length 902 0 R>>\nstream\n${split}\nendstream`
const length: Bodies[number] = [902, String(split.length)]

const payloads: Readonly<Record<string, Bodies>> = {
  'a stream with an indirect length': [[900, indirect], length],
  'a stream with a direct length': [[900, stream(whole)]],
  'a stream that ends twice': [[900, stream(split)]],
  'an object stream': [
    [900, packed()],
    [903, evilBody],
  ],
  'an object stream with an escaped type': [
    [900, packed().replace('/ObjStm', '/Obj#53tm')],
    [903, evilBody],
  ],
  'a string': [[900, `(${evilObject.replaceAll('(', '').replaceAll(')', '')})`]],
  'a header behind a comment': [[900, stream(`x\n5 %x\n0 %x\nobj\n${evilBody}\nendobj`)]],
  'a trailer in a stream': [[900, stream('x\ntrailer\n<</Root 900 0 R>>\n')]],
  'validation data: a stream with an indirect length': [
    [1, withStore],
    [910, '<</Type/DSS/Certs[900 0 R]>>'],
    [900, indirect],
    length,
  ],
  'validation data: an object stream': [
    [1, withStore],
    [910, '<</Type/DSS/Certs[900 0 R]>>'],
    [900, packed()],
    [903, evilBody],
  ],
  'validation data: a page': [
    [1, withStore],
    [910, '<</Type/DSS/Certs[904 0 R]>>'],
    [904, hiddenPage],
    [903, evilBody],
  ],
  'validation data: an entry that is not known': [
    [1, withStore],
    [910, '<</Type/DSS/Other 900 0 R>>'],
    [900, stream('x')],
  ],
}

/** As the standard wants a save. */
const PLAIN = {
  row: '%o 00000 n \n',
  table: 'xref\n',
  size: '/Size 950',
  trailer: 'trailer\n',
  keys: '/Root 1 0 R/Info 13 0 R/ID[<00><02>]',
  before: '',
  beforeTable: '',
  startShift: 0,
  rowShift: 0,
  tail: '',
  end: '\n%%EOF\n',
}
type Form = Partial<typeof PLAIN>

/** Appends a save in the given form; what is left out is as the standard wants it. */
function save(bytes: Uint8Array, objects: Bodies, changes: Form = {}): Uint8Array {
  const form = { ...PLAIN, ...changes }
  let body = ''
  const offsets = new Map<number, number>()
  for (const [num, object] of objects) {
    body += form.before
    offsets.set(num, bytes.length + body.length)
    body += `${num} 0 obj\n${object}\nendobj\n`
  }
  body += form.beforeTable
  const at = bytes.length + body.length + form.startShift
  body += form.table
  for (const [num, offset] of [...offsets].sort(([a], [b]) => a - b)) {
    const row = form.row.replace('%o', String(offset + form.rowShift).padStart(10, '0'))
    body += `${num} 1\n${row}`
  }
  const keys = form.keys
  body += `${form.trailer}<<${form.size}${keys}/Prev ${lastStartxref(bytes)}>>\n`
  return appendBytes(bytes, `${body}${form.tail}startxref\n${at}${form.end}`)
}

const spaces = ' '.repeat(1500)
const triggers: Readonly<Record<string, Form>> = {
  'white space after the end': { end: `\n%%EOF\n${' '.repeat(3000)}` },
  'much white space after the end': { end: `\n%%EOF\n${' '.repeat(40_000)}` },
  'ends of lines after the end': { end: `\n%%EOF${'\n'.repeat(1500)}` },
  'NUL after the end': { end: `\n%%EOF${'\0'.repeat(1500)}` },
  'white space before the mark of the end': { end: `\n${spaces}%%EOF\n` },
  'one space before the mark of the end': { end: '\n %%EOF\n' },
  'rows of 19 bytes': { row: '%o 00000 n\n' },
  'rows of 21 bytes': { row: '%o 00000 n  \n' },
  'comments between rows': { row: '%o 00000 n \n%c\n' },
  'a comment after xref': { table: 'xref %c\n' },
  'no end of line after xref': { table: 'xref ' },
  'startxref at a comment before xref': { beforeTable: '%startxref 12\n', startShift: -14 },
  'startxref at white space before xref': { beforeTable: '\n\n\n\n', startShift: -4 },
  'rows that lead to white space': { before: '\n\n\n', rowShift: -3 },
  'rows that lead to a comment': { before: '%abc\n', rowShift: -5 },
  'a comment before startxref': { tail: '%startxref 9\n' },
  'a comment after trailer': { trailer: 'trailer%x\n' },
  'a size of 0': { size: '/Size 0' },
  'a size that is too small': { size: '/Size 5' },
  'a size that is missing': { size: '' },
  'a size beyond what readers take': { size: '/Size 99999999' },
}

/** What is forbidden, in a file whose signed bytes are as they were signed. */
function forbidden(bytes: Uint8Array): { details: string[]; intact: boolean } {
  const doc = openPdf(bytes)
  const signatures = listSignatures(doc)
  const [analysis] = analyseAllChanges(doc, signatures)
  const [signature] = signatures
  if (analysis === undefined || signature === undefined) throw new Error('the document has no signature')
  const details = analysis.changes.filter(({ allowed }) => !allowed).map(({ detail }) => detail)
  return { details, intact: isIntact(bytes, signature) }
}

const caught = test.macro((t, attack: () => Uint8Array) => {
  const { details, intact } = forbidden(attack())
  t.true(intact, 'the attack must leave the signature cryptographically intact')
  t.not(details.length, 0)
})

test('a plain save that says nothing new is no attack', (t) => {
  t.deepEqual(forbidden(save(signed, [[1, catalog]])).details, [])
  t.deepEqual(forbidden(save(signed, [[1, catalog]], { end: '\r%%EOF\r\n' })).details, [])
  const odd = save(signed, [[1, catalog]], { before: '\n', rowShift: -1, beforeTable: '\n', startShift: -1 })
  t.deepEqual(forbidden(odd).details, [], 'offsets that count from the end of line before')
})

for (const [name, objects] of Object.entries(payloads)) {
  test(`payload alone: ${name}`, caught, () => save(signed, objects))
}
for (const [name, form] of Object.entries(triggers)) {
  test(`trigger alone: ${name}`, caught, () => save(signed, [[1, catalog]], form))
}
for (const [name, objects] of Object.entries(payloads)) {
  for (const [trigger, form] of Object.entries(triggers)) {
    test(`rebuild: ${name}, ${trigger}`, caught, () => save(signed, objects, form))
  }
}

// B2: the payload is in the document before it is signed.
const at = text(buildPdf(contract)).indexOf('xref\n')
const prepared = ((): Uint8Array => {
  const plain = text(buildPdf(contract))
  const start = lastStartxref(buildPdf(contract)) + evilObject.length
  return Uint8Array.from(
    Buffer.from(
      `${plain.slice(0, at)}${evilObject}${plain.slice(at)}`.replace(/startxref\n\d+/, `startxref\n${start}`),
      'latin1',
    ),
  )
})()

// S4 and its relatives: readers take the first or the last of two equal keys.
const otherCatalog: Bodies = [
  [900, '<</Type/Catalog/Pages 901 0 R>>'],
  [901, '<</Type/Pages/Count 1/Kids[904 0 R]>>'],
  [904, hiddenPage.replace('2 0 R', '901 0 R')],
  [903, evilBody],
]
const roots: Readonly<Record<string, string>> = {
  'the other root first': '/Root 900 0 R/Root 1 0 R',
  'the other root last': '/Root 1 0 R/Root 900 0 R',
  'an escaped name': '/R#6fot 900 0 R/Root 1 0 R',
  'a null between': '/Root 900 0 R/Root null/Root 1 0 R',
  'another generation': '/Root 1 7 R',
}
for (const [name, keys] of Object.entries(roots)) {
  const rest = '/Info 13 0 R/ID[<00><02>]'
  test(`S4: two roots, ${name}`, (t) => {
    try {
      t.not(forbidden(save(signed, otherCatalog, { keys: `${keys}${rest}` })).details.length, 0)
    } catch (error) {
      t.is((error as { code?: string }).code, 'PDF_MALFORMED')
    }
  })
}
test('S4: the same key twice says what was said', caught, () =>
  save(signed, [[1, catalog]], { keys: '/Root 1 0 R/Root 1 0 R/Info 13 0 R/ID[<00><02>]' }),
)
test('S4: the same key twice in an object', caught, () =>
  save(signed, [[1, catalog.replace('/Type', '/Pages 2 0 R/Type')]]),
)

type Row = readonly [num: number, type: number, second: number, third: number]

/** Appends a save with a cross-reference stream whose rows are the given ones, its own and those of the objects. */
function saveStream(objects: Bodies, rows: (offsets: Map<number, number>) => Row[], width = 1): Uint8Array {
  let body = ''
  const offsets = new Map<number, number>()
  for (const [num, object] of objects) {
    offsets.set(num, signed.length + body.length)
    body += `${num} 0 obj\n${object}\nendobj\n`
  }
  const start = signed.length + body.length
  offsets.set(5, signed.length + Math.max(0, body.indexOf(evilObject)))
  const all: Row[] = [
    ...rows(offsets),
    ...objects.map(([num]): Row => [num, 1, offsets.get(num) ?? 0, 0]),
    [949, 1, start, 0],
  ]
  const data = Buffer.concat(
    all.map(([, type, second, third]) => {
      const row = Buffer.alloc(width + 6)
      row.writeUIntBE(type, 0, width)
      row.writeUInt32BE(second, width)
      row.writeUInt16BE(third, width + 4)
      return row
    }),
  ).toString('latin1')
  const index = all.map(([num]) => `${num} 1`).join(' ')
  const dict = `/Type/XRef/W[${width} 4 2]/Index[${index}]/Size 950/Root 1 0 R/Info 13 0 R/ID[<00><02>]/Prev ${lastStartxref(signed)}`
  return appendBytes(signed, `${body}949 0 obj\n${stream(data, dict)}\nendobj\nstartxref\n${start}\n%%EOF\n`)
}

const original = text(signed).indexOf('\n5 0 obj') + 1
const container: Bodies = [[900, stream(whole)]]
test('a plain cross-reference stream is no attack', (t) => {
  t.deepEqual(forbidden(saveStream([[1, catalog]], () => [])).details, [])
})
test('B3: an entry of type 3 for a signed object', caught, () => saveStream([], () => [[5, 3, 0, 0]]))
test('B3: an entry of type 257 for a signed object', caught, () => saveStream([], () => [[5, 257, 0, 0]], 2))
test('B3: an entry of type 3 and the payload', caught, () => saveStream(container, () => [[5, 3, 0, 0]]))
test('B3: the signed entry, then the payload', caught, () =>
  saveStream(container, (found) => [
    [5, 1, original, 0],
    [5, 1, found.get(5) ?? 0, 0],
  ]),
)
test('B3: type 3, the signed entry, the payload', caught, () =>
  saveStream(container, (found) => [
    [5, 3, 0, 0],
    [5, 1, original, 0],
    [5, 1, found.get(5) ?? 0, 0],
  ]),
)
test('B3: the same row twice', caught, () =>
  saveStream([], () => [
    [5, 1, original, 0],
    [5, 1, original, 0],
  ]),
)

/** What a program shows of the file, or undefined where it is not installed. */
function show(command: string, args: (file: string) => string[], bytes: Uint8Array): string | undefined {
  const file = join(folder, 'attack.pdf')
  writeFileSync(file, bytes)
  try {
    return execFileSync(command, args(file), { stdio: ['ignore', 'pipe', 'ignore'] }).toString('latin1')
  } catch (error) {
    const { code, stdout } = error as { code?: string; stdout?: Buffer }
    return code === 'ENOENT' ? undefined : (stdout ?? Buffer.alloc(0)).toString('latin1')
  }
}

const READERS: readonly [string, (file: string) => string[]][] = [
  ['mutool', (file) => ['draw', '-F', 'txt', file]],
  ['pdftotext', (file) => [file, '-']],
]

for (const [command, args] of READERS) {
  test(`differential: what ${command} shows otherwise is never called unchanged`, (t) => {
    if (show(command, args, signed) === undefined) {
      t.falsy(process.env['CI'], `${command} is missing`)
      t.log(`skipped: ${command} is missing`)
      t.pass()
      return
    }
    t.true(show(command, args, signed)?.includes('1000'))
    let fooled = 0
    for (const [name, objects] of Object.entries(payloads)) {
      for (const [trigger, form] of Object.entries(triggers)) {
        const bytes = save(signed, objects, form)
        const shown = show(command, args, bytes) ?? ''
        if (shown.includes('1000') && !shown.includes('9999')) continue
        fooled++
        t.not(forbidden(bytes).details.length, 0, `${name}, ${trigger}`)
      }
    }
    t.log(`${command} shows ${fooled} files otherwise than they were signed`)
    t.true(fooled > 0, 'none of the attacks is real')
  })
}

test('B2: white space after the signature of a document with a hidden object', (t) => {
  // In a stream that a reader cannot measure without the cross-reference: signing takes it for what it says it is.
  const length = String(split.length)
  const inside = { ...contract, 40: length, 41: `<</Length 40 0 R>>\nstream\n${split}\nendstream` }
  const hidden = signer.sign(buildPdf(inside), { fieldName: 'A' })
  t.true(text(hidden).includes('9999'))
  t.deepEqual(forbidden(hidden).details, [])
  t.not(forbidden(appendBytes(hidden, ' '.repeat(3000))).details.length, 0)
  for (const [trigger, form] of Object.entries(triggers))
    t.not(forbidden(save(hidden, [[1, catalog]], form)).details.length, 0, trigger)
})

test('B2: what is signed here hides nothing', (t) => {
  const ours = signer.sign(prepared, { fieldName: 'A' })
  t.false(text(ours).includes('9999'))
  t.true(text(ours).includes('1000'))
  const loose = save(signed, [[1, catalog]], { beforeTable: evilObject })
  t.throws(() => signer.sign(loose, { fieldName: 'B' }), { code: 'PDF_DAMAGED_SIGNED' })
})

test('B2: a document with a hidden second object shows the first until white space follows it', (t) => {
  const [before, after] = [prepared, appendBytes(prepared, ' '.repeat(3000))].map((bytes) =>
    show('mutool', (file) => ['draw', '-F', 'txt', file], bytes),
  )
  if (before === undefined) return void t.pass()
  t.true(before.includes('1000'))
  t.true(after?.includes('9999'))
})
