import test from 'ava'
import fc from 'fast-check'

import { xmp } from '../../test/signed-pdf.ts'
import { canonicaliseXmp } from './xmp.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const wrap = (inner: string): string =>
  `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">${inner}</rdf:RDF></x:xmpmeta>`
const ns = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'

test('attributes and elements say the same', (t) => {
  const a = wrap(`<rdf:Description rdf:about="" ${ns} dc:format="application/pdf" xmp:ModifyDate="2025"/>`)
  const b = wrap(
    `<rdf:Description ${ns} rdf:about=""><xmp:ModifyDate>2026</xmp:ModifyDate>\n <dc:format>application/pdf</dc:format></rdf:Description>`,
  )
  t.is(canonicaliseXmp(bytes(a)), canonicaliseXmp(bytes(b)))
  t.not(canonicaliseXmp(bytes(a)), undefined)
})

test('a prefix that means another namespace makes another property', (t) => {
  const a = wrap('<rdf:Description rdf:about="" xmlns:p="urn:a" p:x="1"/>')
  const b = wrap('<rdf:Description rdf:about="" xmlns:p="urn:b" p:x="1"/>')
  t.not(canonicaliseXmp(bytes(a)), canonicaliseXmp(bytes(b)))
})

test('a changed title is seen, in text and in a list', (t) => {
  t.not(canonicaliseXmp(bytes(xmp('2025', 'A'))), canonicaliseXmp(bytes(xmp('2025', 'B'))))
  const list = (word: string): string =>
    wrap(
      `<rdf:Description ${ns}><dc:title><rdf:Alt><rdf:li xml:lang="x">${word}</rdf:li></rdf:Alt></dc:title></rdf:Description>`,
    )
  t.not(canonicaliseXmp(bytes(list('A'))), canonicaliseXmp(bytes(list('B'))))
})

test('what is not plain XMP cannot be compared', (t) => {
  for (const odd of [
    '',
    'no XML',
    '<a><b></a></b>',
    wrap('<!-- comment -->'),
    wrap('<![CDATA[x]]>'),
    wrap(`<rdf:Description ${ns} dc:format="a" dc:format="b"/>`),
    `<!DOCTYPE x [<!ENTITY e "x">]>${wrap('')}`,
    '<a>'.repeat(100) + '</a>'.repeat(100),
  ]) {
    t.is(canonicaliseXmp(bytes(odd)), undefined, odd.slice(0, 60))
  }
  t.is(canonicaliseXmp(Uint8Array.of(0xff, 0xfe)), undefined)
  t.is(canonicaliseXmp(new Uint8Array(2_000_000)), undefined)
})

test('whatever the bytes are, there is an answer', (t) => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '/',
    '"',
    "'",
    '<?',
    '?>',
    '<a ',
    'x="1"',
    ' ',
    '<rdf:RDF>',
    '</rdf:RDF>',
    '&amp;',
    '\0',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(piece, { maxLength: 60 }).map((all) => bytes(all.join(''))),
      ),
      (input) => {
        const answer = canonicaliseXmp(input)
        return answer === undefined || typeof answer === 'string'
      },
    ),
  )
  t.pass()
})
