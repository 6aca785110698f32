import { deflateSync } from 'node:zlib'

import test from 'ava'

import { isCoded } from '../../../ca/errors.ts'
import { decodeFilters } from './filters.ts'
import { DEFAULT_PDF_LIMITS } from './limits.ts'
import { buildDict, buildName, isRef, type PdfObject } from './objects.ts'
import { bytesOf, textOf } from '../../test/sample-pdf.ts'

const plain = (object: PdfObject | undefined): PdfObject => (isRef(object) ? null : (object ?? null))

function decode(filter: PdfObject, data: Uint8Array, params?: PdfObject, inflatedBytes = 1e6): string {
  const dict = buildDict({ Filter: filter, DecodeParms: params })
  return textOf(decodeFilters(dict, data, plain, { ...DEFAULT_PDF_LIMITS, inflatedBytes }))
}

test('the filters of ISO 32000-2, 7.4', (t) => {
  t.is(decode(buildName('ASCIIHexDecode'), bytesOf('54 45\n53 5>ignored')), 'TESP')
  t.is(decode(buildName('ASCII85Decode'), bytesOf('87cURD]i,"Ebo80~>')), 'Hello World!')
  t.is(decode(buildName('ASCII85Decode'), bytesOf('z87cUR\nD]~>')), '\0\0\0\0Hello')
  t.is(decode(buildName('RunLengthDecode'), bytesOf('\x02abc\xfed\x80x')), 'abcddd')
  // The example of 7.4.4.2.
  t.is(
    decode(buildName('LZWDecode'), Uint8Array.of(0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01)),
    '-----A---B',
  )
  t.is(decode(buildName('FlateDecode'), new Uint8Array(deflateSync(bytesOf('deflated')))), 'deflated')
  t.is(decode([buildName('AHx'), buildName('AHx')], bytesOf('3534>')), 'T')
})

test('PNG and TIFF predictors', (t) => {
  const params = (predictor: number): PdfObject => buildDict({ Predictor: predictor, Columns: 3 })
  const rows = Uint8Array.of(0, 1, 2, 3, 1, 1, 1, 1, 2, 1, 1, 1, 3, 2, 2, 2, 4, 1, 1, 1)
  const data = new Uint8Array(deflateSync(rows))
  const out = Uint8Array.from(decode(buildName('FlateDecode'), data, params(15)), (char) =>
    char.charCodeAt(0),
  )
  t.deepEqual([...out], [1, 2, 3, 1, 2, 3, 2, 3, 4, 3, 5, 6, 4, 6, 7])
  const tiff = new Uint8Array(deflateSync(Uint8Array.of(1, 1, 1, 5, 1, 1)))
  t.is(decode(buildName('FlateDecode'), tiff, params(2)), '\x01\x02\x03\x05\x06\x07')
})

test('unknown filters, broken data and bombs', (t) => {
  const code = (run: () => unknown): string | undefined => (t.throws(run) as { code?: string }).code
  t.is(
    code(() => decode(buildName('DCTDecode'), bytesOf('x'))),
    'PDF_MALFORMED',
  )
  t.is(
    code(() => decode(buildName('FlateDecode'), bytesOf('not deflated'))),
    'PDF_MALFORMED',
  )
  t.is(
    code(() => decode(buildName('FlateDecode'), new Uint8Array(deflateSync(new Uint8Array(2e6))))),
    'PDF_TOO_LARGE',
  )
  t.is(
    code(() => decode(buildName('RL'), new Uint8Array(1e5).fill(129))),
    'PDF_TOO_LARGE',
  )
  t.is(
    code(() =>
      decode(
        Array.from({ length: 9 }, () => buildName('AHx')),
        bytesOf('41'),
      ),
    ),
    'PDF_TOO_LARGE',
  )
  const wide = buildDict({ Predictor: 12, Columns: 2 ** 31 })
  const error = t.throws(() =>
    decode(buildName('FlateDecode'), new Uint8Array(deflateSync(bytesOf('x'))), wide),
  )
  t.true(isCoded(error, 'PDF_MALFORMED'))
})
