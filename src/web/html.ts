/**
 * HTML with automatic escaping: what is put into the template is text unless it was made by the template itself.
 *
 * The mark is a symbol, so nothing that came in as JSON can pass itself off as HTML.
 */
const MARK = Symbol('html')

/** A piece of HTML that is safe to send: its dynamic parts have been escaped. */
export interface Html {
  readonly [MARK]: string
}

/** What a template takes; `false`, `null` and `undefined` leave nothing behind. */
export type Part = Html | string | number | false | null | undefined | readonly Part[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text for element content and for quoted attribute values. */
const escapeText = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')

const isHtml = (part: Part): part is Html => typeof part === 'object' && part !== null && MARK in part

function partText(part: Part): string {
  if (part === false || part === null || part === undefined) return ''
  if (isHtml(part)) return part[MARK]
  if (typeof part === 'string') return escapeText(part)
  if (typeof part === 'number') return String(part)
  return part.map(partText).join('')
}

/** Template tag; attribute values must stand in double quotes. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] ?? ''
  for (const [index, part] of parts.entries()) text += partText(part) + (strings[index + 1] ?? '')
  return { [MARK]: text }
}

/** The text of a piece of HTML. */
export const renderHtml = (piece: Html): string => piece[MARK]

/** Pieces with something between them. */
export const joinHtml = (pieces: readonly Part[], between: Part): Html =>
  html`${pieces.map((piece, index) => (index === 0 ? piece : [between, piece]))}`

// C0, C1, bidirectional controls and invisible marks: they can make a name read as another one (Unicode UTR 36 §3).
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** Text that a stranger chose (a name, a file name, a reason): isolated in direction, unseen characters made visible. */
export const foreign = (text: string): Html =>
  html`<bdi
    >${text.replace(UNSEEN, (c) => `[U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`)}</bdi
  >`
