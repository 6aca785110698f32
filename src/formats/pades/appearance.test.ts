import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { PNG } from 'pngjs'
import { isCoded } from '../../../ca/errors.ts'
import { buildSealPng } from '../../cli/demo/seal-image.ts'
import { withEntries, type PdfObject, type PdfRef } from '../pdf/objects.ts'
import type { AppearanceOptions } from './appearance.ts'
import { buildAppearance } from './appearance.ts'
import { layoutText, visibleText } from './appearance-text.ts'
import { loadFont } from './font.ts'

const fontPath = createRequire(import.meta.url).resolve(
  '@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf',
)
const font = await loadFont(readFileSync(fontPath))
const seal = buildSealPng({ size: 240 })
const lines = ['杭州云栖贸易有限公司', 'Signed by 张伟 (TEST ONLY)', '2025-06-01 09:30:00 +08:00']

function serialise(object: PdfObject): Buffer {
  if (object === null || typeof object === 'boolean' || typeof object === 'number')
    return Buffer.from(String(object))
  if (Array.isArray(object))
    return Buffer.concat([
      Buffer.from('['),
      ...object.flatMap((each) => [serialise(each), Buffer.from(' ')]),
      Buffer.from(']'),
    ])
  switch (object.kind) {
    case 'name':
      return Buffer.from(`/${object.value}`)
    case 'string':
      return Buffer.from(`<${Buffer.from(object.bytes).toString('hex')}>`)
    case 'ref':
      return Buffer.from(`${object.num} ${object.gen} R`)
    case 'dict':
      return Buffer.concat([
        Buffer.from('<<'),
        ...[...object.entries].flatMap(([key, value]) => [
          Buffer.from(`/${key} `),
          serialise(value),
          Buffer.from('\n'),
        ]),
        Buffer.from('>>'),
      ])
    case 'stream':
      return Buffer.concat([
        serialise(withEntries(object.dict, { Length: object.raw.length })),
        Buffer.from('\nstream\n'),
        object.raw,
        Buffer.from('\nendstream'),
      ])
  }
}

/** One page that shows the appearance through a widget whose Rect starts at 72, 72. */
function pdfWith(options: AppearanceOptions): Buffer {
  const objects: Buffer[] = []
  const allocate = (object: PdfObject): PdfRef => ({
    kind: 'ref',
    num: objects.push(serialise(object)),
    gen: 0,
  })
  const form = buildAppearance(options, allocate)
  const add = (text: string): number => objects.push(Buffer.from(text))
  const field = add(
    `<</Type/Annot/Subtype/Widget/FT/Sig/T(Seal)/F 132/Rect[72 72 ${72 + options.width} ${72 + options.height}]/AP<</N ${form.num} 0 R>>>>`,
  )
  const pages = objects.length + 2
  add(
    `<</Type/Page/Parent ${pages} 0 R/MediaBox[0 0 400 300]/Rotate ${options.rotate ?? 0}/Resources<<>>/Annots[${field} 0 R]>>`,
  )
  add(`<</Type/Pages/Count 1/Kids[${pages - 1} 0 R]>>`)
  const catalog = add(`<</Type/Catalog/Pages ${pages} 0 R/AcroForm<</Fields[${field} 0 R]>>>>`)
  let at = 9
  const offsets: number[] = []
  const body = objects.map((bytes, index) => {
    offsets.push(at)
    const whole = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), bytes, Buffer.from('\nendobj\n')])
    at += whole.length
    return whole
  })
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const count = objects.length + 1
  return Buffer.concat([
    Buffer.from('%PDF-1.7\n'),
    ...body,
    Buffer.from(
      `xref\n0 ${count}\n0000000000 65535 f \n${rows}trailer\n<</Size ${count}/Root ${catalog} 0 R>>\nstartxref\n${at}\n%%EOF\n`,
    ),
  ])
}

function hasTool(tool: string): boolean {
  const found = spawnSync(tool, ['--version']).error === undefined
  if (!found && process.env.CI) throw new Error(`${tool} is missing`)
  return found
}

/** Runs `use` on the file in a folder of its own. */
function withFile<T>(bytes: Uint8Array, use: (path: string, folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'yinxin-appearance-'))
  try {
    const path = join(folder, 'in.pdf')
    writeFileSync(path, bytes)
    return use(path, folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

type Picture = { width: number; height: number; data: Uint8Array }

function render(bytes: Uint8Array): Picture {
  return withFile(bytes, (path, folder) => {
    execFileSync('pdftoppm', ['-png', '-r', '144', '-singlefile', path, join(folder, 'out')], {
      stdio: 'pipe',
    })
    return PNG.sync.read(readFileSync(join(folder, 'out.png')))
  })
}

/** Counts pixels in a rectangle given in points from the top left, at 144 dpi. */
function count(
  picture: Picture,
  box: [number, number, number, number],
  is: (r: number, g: number, b: number) => boolean,
): number {
  let found = 0
  for (let y = box[1] * 2; y < box[3] * 2; y++) {
    for (let x = box[0] * 2; x < box[2] * 2; x++) {
      const at = (y * picture.width + x) * 4
      if (is(picture.data[at]!, picture.data[at + 1]!, picture.data[at + 2]!)) found++
    }
  }
  return found
}
const red = (r: number, g: number, b: number): boolean => r > 180 && g < 80 && b < 80
const dark = (r: number, g: number, b: number): boolean => r < 90 && g < 90 && b < 90

test('pdftotext reads Chinese and Latin lines of a visible signature', (t) => {
  if (!hasTool('pdftotext')) return t.pass('pdftotext is missing')
  const text = withFile(pdfWith({ width: 240, height: 90, image: seal, lines, font }), (path) =>
    execFileSync('pdftotext', ['-layout', path, '-'], { encoding: 'utf8' }),
  )
  for (const line of lines) t.true(text.includes(line), line)
})

test('pdffonts shows one embedded subset with a Unicode map, and it is small', (t) => {
  if (!hasTool('pdffonts')) return t.pass('pdffonts is missing')
  const pdf = pdfWith({ width: 240, height: 90, lines, font })
  const listed = withFile(pdf, (path) => execFileSync('pdffonts', [path], { encoding: 'utf8' }))
  t.regex(listed, /[A-Z]{6}\+NotoSansSC-Regular +CID TrueType +Identity-H +yes yes yes/)
  t.true(pdf.length < 20_000, `${pdf.length} bytes`)
})

test('qpdf and mutool find nothing wrong', (t) => {
  const pdf = pdfWith({ width: 240, height: 90, image: seal, lines, font })
  withFile(pdf, (path) => {
    if (hasTool('qpdf'))
      t.regex(
        execFileSync('qpdf', ['--check', path], { encoding: 'utf8' }),
        /No syntax or stream encoding errors/,
      )
    const mutool = spawnSync('mutool', ['draw', '-q', '-o', '/dev/null', '-F', 'txt', path], {
      encoding: 'utf8',
    })
    if (mutool.error === undefined)
      t.is(mutool.stderr.replaceAll(/.*ICC support is not available\n/g, ''), '')
  })
  t.pass()
})

test('image stands at the left, text at the right', (t) => {
  if (!hasTool('pdftoppm')) return t.pass('pdftoppm is missing')
  const picture = render(pdfWith({ width: 240, height: 90, image: seal, lines, font }))
  const left: [number, number, number, number] = [72, 138, 166, 228]
  const right: [number, number, number, number] = [168, 138, 312, 228]
  t.true(count(picture, left, red) > 2000)
  t.is(count(picture, left, dark), 0)
  t.true(count(picture, right, dark) > 500)
  t.is(count(picture, right, red), 0)
})

for (const rotate of [90, 180, 270] as const) {
  test(`the appearance stands upright on a page turned by ${rotate}`, (t) => {
    if (!hasTool('pdftoppm')) return t.pass('pdftoppm is missing')
    const turned = rotate !== 180
    const size = turned ? { width: 90, height: 200 } : { width: 200, height: 90 }
    const picture = render(pdfWith({ ...size, image: seal, lines: ['甲方签署'], font, rotate }))
    // Where the Rect lies on the turned page, from its top left.
    const box = { 90: [72, 72], 180: [128, 72], 270: [28, 238] }[rotate]
    const [x, y] = box as [number, number]
    t.true(count(picture, [x, y, x + 88, y + 90], red) > 1000)
    t.is(count(picture, [x + 92, y, x + 200, y + 90], red), 0)
    t.true(count(picture, [x + 92, y, x + 200, y + 90], dark) > 100)
  })
}

test('a character that the font lacks is drawn as a box and still read', (t) => {
  if (!hasTool('pdftotext')) return t.pass('pdftotext is missing')
  const pdf = pdfWith({ width: 200, height: 40, lines: ['A\u{1f58b}B'], font })
  const text = withFile(pdf, (path) => execFileSync('pdftotext', [path, '-'], { encoding: 'utf8' }))
  t.true(text.includes('A\u{1f58b}B'))
})

test('a character of the supplementary planes is drawn and read', (t) => {
  if (!hasTool('pdftotext')) return t.pass('pdftotext is missing')
  t.true(font.font.hasGlyphForCodePoint(0x20087))
  const pdf = pdfWith({ width: 200, height: 40, lines: ['𠂇野家'], font })
  const text = withFile(pdf, (path) => execFileSync('pdftotext', [path, '-'], { encoding: 'utf8' }))
  t.true(text.includes('𠂇野家'))
})

test('the same request gives the same bytes', (t) => {
  const options = { width: 240, height: 90, image: seal, lines, font }
  t.deepEqual(pdfWith(options), pdfWith(options))
})

test('invisible characters and direction overrides are not drawn', (t) => {
  t.is(visibleText('pay\u202e001\u202c\u200b\u0000 now\n'), 'pay001 now')
  t.is(visibleText('\ud800'), '\ufffd')
})

test('a line is rather shrunk than wrapped', (t) => {
  const layout = layoutText(font, ['2025-06-01 09:30:00 +08:00'], { width: 120, height: 50 }, 12)
  t.deepEqual(layout.lines, ['2025-06-01 09:30:00 +08:00'])
  t.true(layout.fontSize < 12 && layout.fontSize >= 8)
})

test('text shrinks to its box and at last ends in an ellipsis', (t) => {
  const fits = layoutText(font, ['电子签名'], { width: 200, height: 50 }, 12)
  t.deepEqual([fits.fontSize, fits.lines], [12, ['电子签名']])
  const shrunk = layoutText(font, ['电子签名服务合同'.repeat(4)], { width: 100, height: 40 }, 12)
  t.true(shrunk.fontSize < 12)
  t.is(shrunk.lines.join(''), '电子签名服务合同'.repeat(4))
  const cut = layoutText(font, ['电子签名服务合同'.repeat(40)], { width: 60, height: 12 }, 12)
  t.true(cut.lines.at(-1)!.endsWith('…'))
  t.deepEqual(layoutText(font, ['甲方，乙方'], { width: 25, height: 100 }, 12).lines, ['甲', '方，', '乙方'])
})

test('whatever the text and the size are, an appearance is drawn', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { maxLength: 6 }),
      fc.double({ min: 0.01, max: 800, noNaN: true }),
      fc.double({ min: 0.01, max: 800, noNaN: true }),
      (texts, width, height) => {
        let objects = 0
        buildAppearance({ width, height, lines: texts, font }, () => ({
          kind: 'ref',
          num: ++objects,
          gen: 0,
        }))
        return objects >= 1
      },
    ),
    { numRuns: 150 },
  )
  t.pass()
})

test('sizes and lengths out of range are refused', (t) => {
  const allocate = (): PdfRef => ({ kind: 'ref', num: 1, gen: 0 })
  const refuse = (options: AppearanceOptions): void => {
    t.true(
      isCoded(
        t.throws(() => buildAppearance(options, allocate)),
        'APPEARANCE_INVALID',
      ),
    )
  }
  refuse({ width: 0, height: 10 })
  refuse({ width: Number.NaN, height: 10 })
  refuse({ width: 10, height: 20_000 })
  refuse({ width: 10, height: 10, lines: ['a'] })
  refuse({ width: 10, height: 10, lines: ['a'.repeat(5000)], font })
  refuse({ width: 10, height: 10, lines: Array.from({ length: 65 }, () => 'a'), font })
})

test('a font that is none is refused', async (t) => {
  t.true(isCoded(await t.throwsAsync(loadFont(new Uint8Array(100))), 'APPEARANCE_FONT_INVALID'))
})
