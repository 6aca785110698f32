import test from 'ava'
import fc from 'fast-check'
import { foreign, html, joinHtml, renderHtml } from './html.ts'
import { htmlFaults } from './testing/check-html.ts'

test('a name that is a script stays text', (t) => {
  const name = '<script>alert(1)</script>'
  const made = renderHtml(html`<p title="${name}">${name}</p>`)
  t.is(made, '<p title="&lt;script&gt;alert(1)&lt;/script&gt;">&lt;script&gt;alert(1)&lt;/script&gt;</p>')
})

test('a quote cannot leave an attribute', (t) => {
  t.is(renderHtml(html`<a title="${'" onload="x'}"></a>`), '<a title="&quot; onload=&quot;x"></a>')
})

test('whatever text comes in, no tag and no attribute comes out of it', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const made = renderHtml(html`<p title="${text}">${foreign(text)}</p>`)
      const inside = made.slice('<p title="'.length, -'</p>'.length)
      return !/<(?!\/?bdi\s*>)/.test(inside) && inside.split('"').length === 2
    }),
  )
  t.pass()
})

test('an object from JSON cannot pass itself off as HTML', (t) => {
  const forged = JSON.parse('{"Symbol(html)":"<script>"}') as never
  t.throws(() => renderHtml(html`${forged}`))
})

test('false, null and undefined leave nothing; lists and pieces nest', (t) => {
  t.is(renderHtml(html`${false}${null}${undefined}${0}${['a', html`<b>${'&'}</b>`]}`), '0a<b>&amp;</b>')
  t.is(renderHtml(joinHtml(['a', 'b', 'c'], ', ')), 'a, b, c')
})

test('a name that turns the reading direction round is shown for what it is', (t) => {
  const made = renderHtml(foreign('invoice\u202efdp.exe\u200b\u0000'))
  t.true(made.includes('invoice[U+202E]fdp.exe[U+200B][U+0000]'))
  t.false(/[\u202e\u200b\u0000]/.test(made))
})

test('the HTML check finds planted faults', (t) => {
  const page = (body: string): string =>
    `<!doctype html><html lang="en"><head><title>t</title></head><body><main><h1>h</h1>${body}</main></body></html>`
  t.deepEqual(htmlFaults(page('<p>fine &amp; well</p>')), [])
  for (const bad of [
    '<p>',
    '</p>',
    '<p><b></p></b>',
    'a < b',
    'a & b',
    '<p id="x"></p><p id="x"></p>',
    '<input name="a">',
    '<label for="no">x</label>',
    '<p style="color:red">x</p>',
    '<p onclick="x()">x</p>',
    '<h3>skips</h3>',
    '<img src="x">',
  ])
    t.not(htmlFaults(page(bad)).length, 0, bad)
})
