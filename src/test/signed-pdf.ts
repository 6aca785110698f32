// Small PDFs written by hand, signatures on them by openssl, and saves appended to them byte by byte.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { finishPades } from '../formats/pades/finish.ts'
import { preparePades, type PadesAppearance } from '../formats/pades/prepare.ts'
import { buildDict, buildName, buildStream } from '../formats/pdf/objects.ts'
import type { PdfSignature } from '../formats/pdf/signatures.ts'
import type { DocMdpLevel } from '../formats/pdf/transforms.ts'

/** Object bodies by number: what stands between `obj` and `endobj`. */
export type Objects = Readonly<Record<number, string>>

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))
const join2 = (...parts: (Uint8Array | string)[]): Uint8Array =>
  Uint8Array.from(Buffer.concat(parts.map((part) => (typeof part === 'string' ? bytesOf(part) : part))))

/** A stream body with its /Length. */
export function stream(data: string, entries = ''): string {
  return `<<${entries}/Length ${data.length}>>\nstream\n${data}\nendstream`
}

/** Two pages with text, a form with a filled text field, metadata, and a reference to an object that is not there. */
export function contractObjects(): Record<number, string> {
  return {
    1: '<</Type/Catalog/Pages 2 0 R/AcroForm 8 0 R/Metadata 12 0 R>>',
    2: '<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]/MediaBox[0 0 400 300]>>',
    3: '<</Type/Page/Parent 2 0 R/Contents[5 0 R 6 0 R]/Resources<</Font<</F1 7 0 R>>>>/Annots[9 0 R]>>',
    4: '<</Type/Page/Parent 2 0 R/Contents[10 0 R 99 0 R]/Resources<</Font<</F1 7 0 R>>>>>>',
    5: stream('BT /F1 18 Tf 20 250 Td (Pay 1000 to B) Tj ET'),
    6: stream('1 g 20 200 300 30 re f'),
    7: '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
    8: '<</Fields[9 0 R]/DA(/F1 12 Tf 0 g)/DR<</Font<</F1 7 0 R>>>>>>',
    9: '<</Type/Annot/Subtype/Widget/FT/Tx/T(Price)/V(1000)/Rect[20 20 120 40]/F 4/P 3 0 R/AP<</N 11 0 R>>>>',
    10: stream('BT /F1 18 Tf 20 250 Td (Page two) Tj ET'),
    11: stream(
      'BT /F1 12 Tf (1000) Tj ET',
      '/Type/XObject/Subtype/Form/BBox[0 0 100 20]/Resources<</Font<</F1 7 0 R>>>>',
    ),
    12: stream(xmp('2025-06-01T00:00:00Z', 'Contract'), '/Type/Metadata/Subtype/XML'),
    13: '<</Title(Contract)/Producer(TEST ONLY)/ModDate(D:20250601000000Z)>>',
  }
}

/** An XMP packet with a date of change and a title. */
export function xmp(modified: string, title: string): string {
  return `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:ModifyDate="${modified}"><dc:title>${title}</dc:title></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`
}

/** A whole file with a cross-reference table. */
export function buildPdf(objects: Objects, trailer = '/Root 1 0 R/Info 13 0 R/ID[<00><01>]'): Uint8Array {
  return appendSave(bytesOf('%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3\n'), objects, { trailer, isFirst: true })
}

/** How a save is written; what is left out is what an honest program would do. */
export type SaveOptions = {
  readonly trailer?: string
  readonly isFirst?: boolean
  /** Object numbers to mark free. */
  readonly freed?: readonly number[]
  /** Cross-reference rows that point where the caller says. */
  readonly rows?: Readonly<Record<number, number>>
  /** Object numbers that are written and left out of the cross-reference. */
  readonly hidden?: readonly number[]
}

/** Appends one save with a cross-reference table. */
export function appendSave(bytes: Uint8Array, objects: Objects, options: SaveOptions = {}): Uint8Array {
  let text = ''
  const rows = new Map<number, string>()
  const row = (offset: number, rest: string): string => `${String(offset).padStart(10, '0')} ${rest} \n`
  if (options.isFirst === true) rows.set(0, row(0, '65535 f'))
  for (const [num, body] of Object.entries(objects)) {
    if (options.hidden?.includes(Number(num)) !== true)
      rows.set(Number(num), row(bytes.length + text.length, '00000 n'))
    text += `${num} 0 obj\n${body}\nendobj\n`
  }
  for (const num of options.freed ?? []) rows.set(num, row(0, '00001 f'))
  for (const [num, offset] of Object.entries(options.rows ?? {}))
    rows.set(Number(num), row(offset, '00000 n'))
  const startxref = bytes.length + text.length
  const table = [...rows].sort(([a], [b]) => a - b).map(([num, line]) => `${num} 1\n${line}`)
  const previous = options.isFirst === true ? '' : `/Prev ${lastStartxref(bytes)}`
  const trailer = options.trailer ?? '/Root 1 0 R/Info 13 0 R/ID[<00><02>]'
  const size = Math.max(200, ...sizesOf(bytes), ...[...rows.keys()].map((num) => num + 1))
  text += `xref\n${table.join('')}trailer\n<</Size ${size}${trailer}${previous}>>\nstartxref\n${startxref}\n%%EOF\n`
  return join2(bytes, text)
}

/** Every /Size that a file announces. */
function sizesOf(bytes: Uint8Array): number[] {
  return [
    ...Buffer.from(bytes)
      .toString('latin1')
      .matchAll(/\/Size (\d+)/g),
  ].map(([, size]) => Number(size))
}

/** The offset that a viewer starts from. */
export function lastStartxref(bytes: Uint8Array): number {
  const text = Buffer.from(bytes).toString('latin1')
  return Number(/startxref\s+(\d+)/.exec(text.slice(text.lastIndexOf('startxref')))?.[1])
}

/** Appends bytes as they are. */
export function appendBytes(bytes: Uint8Array, text: string): Uint8Array {
  return join2(bytes, text)
}

/** Signs PDFs with a key made for this run. */
export type TestSigner = {
  sign(bytes: Uint8Array, options?: TestSignature): Uint8Array
  close(): void
}

/** What and where to sign; invisible unless there is a rectangle. */
export type TestSignature = {
  readonly fieldName?: string
  readonly rect?: readonly [number, number, number, number]
  readonly page?: number
  readonly docMdp?: DocMdpLevel
  /** Spaces in the appearance, to make room after the signature dictionary. */
  readonly padding?: number
}

/** Makes a key and a certificate with openssl. */
export function openTestSigner(): TestSigner {
  const folder = mkdtempSync(join(tmpdir(), 'yinxin-signer-'))
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' })
  }
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=TEST ONLY signer', '-keyout', file('key.pem'), '-out', file('cert.pem')],
  )
  const signCms = (input: readonly Uint8Array[]): Uint8Array => {
    writeFileSync(file('in'), join2(...input))
    return Uint8Array.from(
      execFileSync(
        'openssl',
        [
          ...['cms', '-sign', '-binary', '-cades', '-md', 'sha256', '-outform', 'DER', '-in', file('in')],
          ...['-signer', file('cert.pem'), '-inkey', file('key.pem')],
        ],
        { stdio: 'pipe' },
      ),
    )
  }
  return {
    sign: (bytes, options = {}) => {
      const { state, digestInput } = preparePades(bytes, {
        ...(options.fieldName === undefined ? {} : { fieldName: options.fieldName }),
        ...(options.docMdp === undefined ? {} : { docMdp: options.docMdp }),
        ...(options.rect === undefined ? {} : { appearance: appearanceAt(options.rect, options) }),
        signingTime: new Date('2025-06-01T00:00:00Z'),
        contentsSize: 2048,
      })
      return join2(...finishPades(state, signCms(digestInput)))
    },
    close: () => {
      rmSync(folder, { recursive: true })
    },
  }
}

/** A grey picture. */
export function appearanceAt(
  rect: readonly [number, number, number, number],
  { page = 1, padding = 0 }: TestSignature = {},
): PadesAppearance {
  return {
    page,
    rect,
    build: (allocate, size) =>
      allocate(
        buildStream(
          buildDict({
            Type: buildName('XObject'),
            Subtype: buildName('Form'),
            BBox: [0, 0, size.width, size.height],
          }),
          bytesOf('0.9 g 0 0 1000 1000 re f'.padEnd(24 + padding)),
        ),
      ),
  }
}

/** Whether the signed bytes are still the signed ones: attacks on a PDF leave them alone. */
export function isIntact(bytes: Uint8Array, signature: PdfSignature): boolean {
  if (signature.byteRange === undefined) return false
  const [a, b, c, d] = signature.byteRange
  const digest = createHash('sha256')
    .update(bytes.subarray(a, a + b))
    .update(bytes.subarray(c, c + d))
    .digest()
  return Buffer.from(signature.contents).includes(digest)
}
