/**
 * The part of Markdown that our own policy texts use: headings, paragraphs, lists, tables, code, quotes, strong
 * text and links. What it does not know stays as text; HTML in the source is text too.
 */
import { type Html, type Part, html } from './html.ts'

/** A heading, for a table of contents. */
export interface Heading {
  readonly level: number
  readonly id: string
  readonly text: string
}

export interface MarkdownPage {
  readonly content: Html
  readonly headings: readonly Heading[]
}

interface Block {
  readonly part: Part
  /** Lines that it took. */
  readonly taken: number
}

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^()\s]+)\)/g

/** Addresses that a text may link to; any other scheme, javascript: above all, stays text. */
const isSafeHref = (href: string): boolean => /^(https:\/\/|http:\/\/|mailto:|#|\/(?!\/))/.test(href)

/** Code, strong text and links within a line. */
export function inlineMarkdown(text: string): Html {
  const parts: Part[] = []
  let at = 0
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, strong, label, href] = match
    parts.push(text.slice(at, match.index))
    at = match.index + whole.length
    if (code !== undefined) parts.push(html`<code>${code}</code>`)
    else if (strong !== undefined) parts.push(html`<strong>${inlineMarkdown(strong)}</strong>`)
    else if (href !== undefined && isSafeHref(href)) parts.push(html`<a href="${href}">${label}</a>`)
    else parts.push(whole)
  }
  return html`${parts}${text.slice(at)}`
}

const idOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')

/** The lines from `at` on for which the test holds. */
function run(lines: readonly string[], at: number, test: (line: string) => boolean): readonly string[] {
  let end = at
  while (end < lines.length && test(lines[end] ?? '')) end += 1
  return lines.slice(at, end)
}

const cellsOf = (line: string): string[] =>
  line
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim())

function table(lines: readonly string[], at: number): Block | undefined {
  if (!/^\|/.test(lines[at] ?? '') || !/^\|[\s:|-]+\|$/.test((lines[at + 1] ?? '').trim())) return undefined
  const rows = run(lines, at, (line) => line.startsWith('|'))
  const row = (line: string): Html =>
    html`<tr>
      ${cellsOf(line).map((cell) => html`<td>${inlineMarkdown(cell)}</td>`)}
    </tr>`
  const head = cellsOf(rows[0] ?? '').map((cell) => html`<th scope="col">${inlineMarkdown(cell)}</th>`)
  const part = html`<div class="scroll" tabindex="0">
    <table>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows.slice(2).map(row)}
      </tbody>
    </table>
  </div>`
  return { part, taken: rows.length }
}

function code(lines: readonly string[], at: number): Block | undefined {
  if (!(lines[at] ?? '').startsWith('```')) return undefined
  const body = run(lines, at + 1, (line) => !line.startsWith('```'))
  return { part: html`<pre><code>${body.join('\n')}</code></pre>`, taken: body.length + 2 }
}

function list(lines: readonly string[], at: number): Block | undefined {
  const marker = /^(-|\d+\.) /.exec(lines[at] ?? '')?.[1]
  if (marker === undefined) return undefined
  const isItem = marker === '-' ? /^- / : /^\d+\. /
  const rows = run(lines, at, (line) => isItem.test(line) || /^ {2,}\S/.test(line))
  const items: string[] = []
  for (const line of rows) {
    if (isItem.test(line)) items.push(line.replace(isItem, ''))
    else items.push(`${items.pop() ?? ''} ${line.trim()}`)
  }
  const parts = items.map((item) => html`<li>${inlineMarkdown(item)}</li>`)
  return {
    part:
      marker === '-'
        ? html`<ul>
            ${parts}
          </ul>`
        : html`<ol>
            ${parts}
          </ol>`,
    taken: rows.length,
  }
}

function quote(lines: readonly string[], at: number): Block | undefined {
  const rows = run(lines, at, (line) => line.startsWith('> '))
  if (rows.length === 0) return undefined
  const text = rows.map((line) => line.slice(2)).join(' ')
  return { part: html`<blockquote><p>${inlineMarkdown(text)}</p></blockquote>`, taken: rows.length }
}

const isSpecial = (line: string): boolean => /^(\s*$|#{1,4} |- |\d+\. |\||```|> )/.test(line)

function paragraph(lines: readonly string[], at: number): Block {
  const rows = [lines[at] ?? '', ...run(lines, at + 1, (line) => !isSpecial(line))]
  // Between Chinese characters the end of a line is no space.
  const text = rows
    .join('\n')
    .replace(/(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])/g, '')
  return { part: html`<p>${inlineMarkdown(text)}</p>`, taken: rows.length }
}

/**
 * @param shift levels by which headings go down, where the page already has its own first heading
 */
export function parseMarkdown(text: string, shift = 0): MarkdownPage {
  const lines = text.replace(/\r\n?/g, '\n').split('\n')
  const parts: Part[] = []
  const headings: Heading[] = []
  const ids = new Set<string>()
  for (let at = 0; at < lines.length;) {
    const line = lines[at] ?? ''
    const heading = /^(#{1,4}) (.+)$/.exec(line)
    if (line.trim() === '') at += 1
    else if (heading?.[1] && heading[2]) {
      const made = { level: heading[1].length + shift, id: freeId(ids, heading[2]), text: heading[2].trim() }
      headings.push(made)
      parts.push(headingHtml(made))
      at += 1
    } else {
      const block =
        table(lines, at) ?? code(lines, at) ?? list(lines, at) ?? quote(lines, at) ?? paragraph(lines, at)
      parts.push(block.part)
      at += block.taken
    }
  }
  return { content: html`${parts}`, headings }
}

function freeId(taken: Set<string>, text: string): string {
  const base = idOf(text) || 'section'
  let id = base
  for (let count = 2; taken.has(id); count += 1) id = `${base}-${count}`
  taken.add(id)
  return id
}

function headingHtml({ level, id, text }: Heading): Html {
  const inside = inlineMarkdown(text)
  if (level <= 1) return html`<h1 id="${id}">${inside}</h1>`
  if (level === 2) return html`<h2 id="${id}">${inside}</h2>`
  if (level === 3) return html`<h3 id="${id}">${inside}</h3>`
  return html`<h4 id="${id}">${inside}</h4>`
}
