import test from 'ava'

import { isCoded } from '../../../ca/errors.ts'
import { encodeName, encodeNumber, encodeObject } from './encode-object.ts'
import { DEFAULT_PDF_LIMITS } from './limits.ts'
import { buildTextString, encodePdfDoc, getText, isString, type PdfObject } from './objects.ts'
import { parseObject, type Cursor } from './parse-object.ts'
import { bytesOf, textOf } from '../../test/sample-pdf.ts'

function parse(text: string): { object: PdfObject; anomalies: string[] } {
  const bytes = bytesOf(text)
  const cursor: Cursor = {
    bytes,
    pos: 0,
    end: bytes.length,
    limits: DEFAULT_PDF_LIMITS,
    anomalies: new Set(),
  }
  const object = parseObject(cursor)
  return { object, anomalies: [...cursor.anomalies] }
}

function stringOf(text: string): string {
  const { object } = parse(text)
  return isString(object) ? textOf(object.bytes) : 'not a string'
}

test('objects of ISO 32000-2, 7.3 are read and encoded again', (t) => {
  const text =
    '<</A[1 -2 .5 -.002 4. true false null]/B#20C/D/E(a\\(b\\)c)/F<48 65 6C6>/G 12 3 R/H<</I[[]]>>>>'
  const { object, anomalies } = parse(text)
  t.deepEqual(anomalies, [])
  const encoded = textOf(encodeObject(object))
  t.is(
    encoded.replaceAll('\n', ''),
    '<</A [1 -2 0.5 -0.002 4 true false null]/B#20C /D/E (a\\(b\\)c)/F <48656c60>/G 12 3 R/H <</I [[]]>>>>',
  )
  t.deepEqual(parse(encoded).object, object)
})

test('literal strings: nesting, escapes, ends of line (7.3.4.2)', (t) => {
  t.is(stringOf('((a)(b(c)))'), '(a)(b(c))')
  t.is(stringOf('(\\n\\r\\t\\b\\f\\(\\)\\\\\\x)'), '\n\r\t\b\f()\\x')
  t.is(stringOf('(\\0053\\53\\533\\8)'), '\x053+[8')
  t.is(stringOf('(a\\\r\nb\\\nc\r\nd\re)'), 'abc\nd\ne')
})

test('a reference is told from two numbers', (t) => {
  t.deepEqual(parse('[1 0 R 2 0 3 R]').object, [
    { kind: 'ref', num: 1, gen: 0 },
    2,
    { kind: 'ref', num: 0, gen: 3 },
  ])
  t.deepEqual(parse('[1 0 RG]').anomalies, ['keyword-unknown'])
})

test('what other readers tolerate is read and named', (t) => {
  t.deepEqual(parse('[--5 1.2.3 6-7]'), { object: [-5, 1.2, 6], anomalies: ['number-malformed'] })
  t.deepEqual(parse('<</A/B/A/C>>').anomalies, ['dictionary-key-duplicate'])
  t.deepEqual(parse('<</A>>').anomalies, ['value-missing'])
  t.deepEqual(parse('<4G>').anomalies, ['hex-string-malformed'])
})

test('broken syntax is PDF_MALFORMED', (t) => {
  for (const text of [
    '',
    '(',
    '(a\\)',
    '<41',
    '[1',
    '<<',
    '<</A 1',
    '<<1 2>>',
    ')',
    '>',
    '}',
    '[1 endobj',
    '<</A endobj>>',
  ]) {
    t.true(
      isCoded(
        t.throws(() => parse(text)),
        'PDF_MALFORMED',
      ),
      text,
    )
  }
})

test('nesting is bounded', (t) => {
  t.true(
    isCoded(
      t.throws(() => parse('['.repeat(1e6))),
      'PDF_TOO_LARGE',
    ),
  )
  t.true(
    isCoded(
      t.throws(() => parse('<</A'.repeat(1e6))),
      'PDF_TOO_LARGE',
    ),
  )
})

test('numbers have no exponent (7.3.3) and names no delimiter (7.3.5)', (t) => {
  t.is(encodeNumber(1e-7), '0.0000001')
  t.is(encodeNumber(-1e-12), '0')
  t.is(encodeNumber(1.5), '1.5')
  t.is(encodeNumber(2147483648), '2147483648')
  t.is(encodeNumber(Number.NaN), '0')
  t.is(encodeName('a b/#(é'), '/a#20b#2f#23#28#e9')
})

test('text strings: PDFDocEncoding, UTF-16 and UTF-8 (7.9.2.2)', (t) => {
  for (const text of ['', 'plain', '印信 signs 🖋', 'é']) t.is(getText(buildTextString(text)), text)
  t.is(getText({ kind: 'string', bytes: bytesOf('\xef\xbb\xbf\xe5\x8d\xb0'), hex: false }), '印')
  t.is(getText({ kind: 'string', bytes: bytesOf('\x80\xa0\x1f\xe9'), hex: false }), '•€˜é')
  t.deepEqual(encodePdfDoc('€é'), Uint8Array.of(0xa0, 0xe9))
  t.is(encodePdfDoc('印'), undefined)
})
