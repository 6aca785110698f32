import test from 'ava'
import fc from 'fast-check'
import { renderHtml } from './html.ts'
import { inlineMarkdown, parseMarkdown } from './markdown.ts'

const rendered = (text: string): string => renderHtml(parseMarkdown(text).content).replace(/\s+/g, ' ')

test('headings get identifiers that do not repeat', (t) => {
  const { headings } = parseMarkdown('# 概述\n\n## A b!\n\n## A b!\n')
  t.deepEqual(
    headings.map(({ level, id }) => [level, id]),
    [
      [1, '概述'],
      [2, 'a-b'],
      [2, 'a-b-2'],
    ],
  )
})

test('paragraphs, lists, tables, code and quotes', (t) => {
  t.is(rendered('one\ntwo\n\nthree'), '<p>one two</p><p>three</p>')
  t.regex(rendered('- a\n- b\n  more'), /<ul>\s*<li>a<\/li><li>b more<\/li>\s*<\/ul>/)
  t.regex(rendered('1. a\n2. b'), /<ol>\s*<li>a<\/li><li>b<\/li>\s*<\/ol>/)
  t.regex(rendered('| a | b |\n|---|---|\n| 1 | `2` |'), /<th scope="col">a<\/th>.*<td><code>2<\/code><\/td>/)
  t.regex(rendered('```\n<b> | x\n```'), /<pre><code>&lt;b&gt; \| x<\/code><\/pre>/)
  t.regex(rendered('> quoted'), /<blockquote>\s*<p>quoted<\/p>\s*<\/blockquote>/)
})

test('lines of Chinese join without a space', (t) => {
  t.is(rendered('电子\n签名'), '<p>电子签名</p>')
})

test('HTML in the source is text', (t) => {
  t.is(rendered('<img src=x onerror=alert(1)>'), '<p>&lt;img src=x onerror=alert(1)&gt;</p>')
})

test('a link leads to where links may lead, javascript: stays text', (t) => {
  t.is(renderHtml(inlineMarkdown('[a](https://x.example/)')), '<a href="https://x.example/">a</a>')
  t.is(renderHtml(inlineMarkdown('[a](/cps#b)')), '<a href="/cps#b">a</a>')
  for (const href of [
    'javascript:alert(1)',
    'data:text/html,x',
    '//evil.example',
    'JAVASCRIPT:x',
    'vbscript:x',
  ])
    t.false(renderHtml(inlineMarkdown(`[a](${href})`)).includes('<a'), href)
})

test('whatever text comes in, an end is reached and nothing but our own tags comes out', (t) => {
  const piece = fc.constantFrom(
    '# ',
    '- ',
    '1. ',
    '|',
    '|---|',
    '```',
    '> ',
    '`',
    '**',
    '[a](b)',
    '<b>',
    '\n',
    ' ',
    'x',
    '签',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const made = renderHtml(parseMarkdown(pieces.join('')).content)
      return !/<(?!\/?(h[1-4]|p|ul|ol|li|table|thead|tbody|tr|th|td|pre|code|blockquote|strong|a|div)[\s>])/.test(
        made,
      )
    }),
    { numRuns: 500 },
  )
  t.pass()
})
