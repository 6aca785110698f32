import type { FontFace } from './font.ts'
import { advanceOf, verticalExtent } from './font.ts'

/** Lines that fit a box at one font size; `lines` are drawn top down, `leading` points apart. */
export type TextLayout = {
  readonly fontSize: number
  readonly leading: number
  /** Baseline of the first line, in points below the top of the box. */
  readonly firstBaseline: number
  readonly lines: readonly string[]
}

const SMALLEST = 3
const LEADING = 1.28
const ELLIPSIS = '…'
// Characters that a line of Chinese text must not start with.
const NEVER_FIRST = new Set('，。、；：？！）》」』】〕’”,.;:?!)]}%…')
// Invisible characters and direction overrides can make a reader see another text than the one that is there.
const UNSHOWN =
  /[\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]|\u{e0001}|[\u{e0020}-\u{e007f}]|[\u{e0100}-\u{e01ef}]/gu

/** The text that is drawn for a line of input: well-formed, composed, without invisible or reordering characters. */
export function visibleText(text: string): string {
  return text
    .toWellFormed()
    .normalize('NFC')
    .replaceAll(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, ' ')
    .replaceAll(UNSHOWN, '')
    .trimEnd()
}

/**
 * Finds the largest font size, not above `fontSize`, at which the wrapped lines fit the box; where even the
 * smallest does not fit, the text is cut and ends in an ellipsis. All lengths are in points.
 */
export function layoutText(
  face: FontFace,
  texts: readonly string[],
  box: { width: number; height: number },
  fontSize: number,
): TextLayout {
  const measure = measurer(face)
  // A date or a name broken over two lines reads worse than smaller letters.
  for (let size = fontSize; size >= fontSize * 0.7; size *= 0.97) {
    const lines = texts.flatMap((text) => wrap(text, box.width / size, measure))
    if (lines.length === texts.length && lines.length * LEADING * size <= box.height) {
      return place(face, lines, box.height, size)
    }
  }
  for (let size = fontSize; size > SMALLEST; size = Math.max(SMALLEST, size * 0.94)) {
    const lines = texts.flatMap((text) => wrap(text, box.width / size, measure))
    if (lines.length * LEADING * size <= box.height) return place(face, lines, box.height, size)
  }
  const room = Math.max(1, Math.floor(box.height / (LEADING * SMALLEST)))
  const lines = texts.flatMap((text) => wrap(text, box.width / SMALLEST, measure))
  const kept =
    lines.length <= room
      ? lines
      : [...lines.slice(0, room - 1), cut(lines[room - 1] ?? '', box.width / SMALLEST, measure)]
  return place(face, kept, box.height, SMALLEST)
}

function place(face: FontFace, lines: readonly string[], height: number, fontSize: number): TextLayout {
  const { ascent, descent } = verticalExtent(face)
  const leading = LEADING * fontSize
  const inked = (lines.length - 1) * leading + ((ascent + descent) / 1000) * fontSize
  return {
    fontSize,
    leading,
    lines,
    firstBaseline: Math.max(0, (height - inked) / 2) + (ascent / 1000) * fontSize,
  }
}

type Measure = (character: string) => number

/** Widths in ems, remembered per character: fitting tries several sizes over the same text. */
function measurer(face: FontFace): Measure {
  const known = new Map<string, number>()
  return (character) => {
    let width = known.get(character)
    if (width === undefined)
      known.set(character, (width = advanceOf(face, character.codePointAt(0) ?? 0) / 1000))
    return width
  }
}

const isWide = (character: string): boolean => (character.codePointAt(0) ?? 0) >= 0x2e80

/** Breaks at spaces and between wide characters; a word longer than the line is broken anywhere. */
function wrap(text: string, width: number, measure: Measure): string[] {
  const lines: string[] = []
  let line: string[] = []
  let used = 0
  let breakAt = 0
  for (const character of text) {
    const previous = line.at(-1)
    if (previous !== undefined && mayBreak(previous, character)) breakAt = line.length
    if (used + measure(character) > width && character !== ' ' && line.length > 0) {
      const at = breakAt > 0 ? breakAt : line.length
      lines.push(line.slice(0, at).join('').trimEnd())
      line = line.slice(at)
      used = line.reduce((sum, each) => sum + measure(each), 0)
      breakAt = 0
    }
    if (line.length === 0 && character === ' ' && lines.length > 0) continue
    line.push(character)
    used += measure(character)
  }
  lines.push(line.join('').trimEnd())
  return lines
}

function mayBreak(before: string, after: string): boolean {
  if (before === ' ') return after !== ' '
  return (isWide(before) || isWide(after)) && !NEVER_FIRST.has(after)
}

function cut(line: string, width: number, measure: Measure): string {
  const characters = [...line]
  let used = measure(ELLIPSIS) + characters.reduce((sum, each) => sum + measure(each), 0)
  while (used > width && characters.length > 0) used -= measure(characters.pop() ?? '')
  return characters.join('') + ELLIPSIS
}
