/** A strict reading of the HTML that the pages make: what a browser would silently repair is a fault here. */

const VOID = new Set(['meta', 'link', 'input', 'img', 'br', 'hr'])
const TAG = /<!doctype html>|<(\/?)([a-z][a-z0-9-]*)((?:\s+[a-z][a-z-]*(?:="[^"<>]*")?)*)\s*(\/?)>/gi
const ATTRIBUTE = /([a-z][a-z-]*)(?:="([^"]*)")?/g
const ENTITY = /&(?!(?:amp|lt|gt|quot|#39);)/

interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
}

const readAttributes = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(ATTRIBUTE)].map(([, name = '', value = '']) => [name, value]))

const isEscaped = (between: string): boolean => !/[<>]/.test(between) && !ENTITY.test(between)

/** Checks that tags nest and returns all elements. */
function readElements(page: string, faults: string[]): Element[] {
  const open: string[] = []
  const elements: Element[] = []
  let at = 0
  for (const match of page.matchAll(TAG)) {
    const between = page.slice(at, match.index)
    if (!isEscaped(between)) faults.push(`unescaped text: ${between.slice(0, 80)}`)
    at = match.index + match[0].length
    const [, closing, name, attributes = ''] = match
    if (name === undefined) continue
    if (closing === '/') close(open, name, faults)
    else {
      elements.push({ name, attributes: readAttributes(attributes) })
      if (!VOID.has(name)) open.push(name)
    }
  }
  if (open.length > 0) faults.push(`not closed: ${open.join(' ')}`)
  if (!isEscaped(page.slice(at))) faults.push('text behind the last tag')
  return elements
}

function close(open: string[], name: string, faults: string[]): void {
  const expected = open.pop()
  if (expected !== name) faults.push(`</${name}> where </${expected ?? 'nothing'}> belongs`)
}

function checkIds(elements: readonly Element[], faults: string[]): void {
  const ids = elements.flatMap(({ attributes }) => attributes.get('id') ?? [])
  for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index)))
    faults.push(`id ${id} twice`)
  for (const { name, attributes } of elements)
    for (const attribute of ['for', 'aria-labelledby', 'aria-describedby']) {
      const target = attributes.get(attribute)
      if (target !== undefined && !ids.includes(target))
        faults.push(`<${name} ${attribute}="${target}"> leads nowhere`)
    }
}

function checkAttributes({ name, attributes }: Element, labelled: ReadonlySet<string>): string[] {
  const faults: string[] = []
  if (name === 'input' && !labelled.has(attributes.get('id') ?? '')) faults.push('an <input> without label')
  if (name === 'img' && !attributes.has('alt')) faults.push('an <img> without alt')
  if (name === 'html' && !attributes.get('lang')) faults.push('<html> without lang')
  for (const [attribute, value] of attributes) {
    if (attribute === 'style' || attribute.startsWith('on')) faults.push(`inline ${attribute} in <${name}>`)
    if (ENTITY.test(value)) faults.push(`unescaped ${attribute} in <${name}>`)
  }
  return faults
}

function checkAccess(elements: readonly Element[], faults: string[]): void {
  for (const landmark of ['html', 'main', 'h1', 'title']) {
    const count = elements.filter(({ name }) => name === landmark).length
    if (count !== 1) faults.push(`${count} <${landmark}>`)
  }
  const labelled = new Set(elements.flatMap(({ attributes }) => attributes.get('for') ?? []))
  for (const element of elements) faults.push(...checkAttributes(element, labelled))
  const levels = elements.flatMap(({ name }) => (/^h[1-6]$/.test(name) ? [Number(name[1])] : []))
  for (const [index, level] of levels.entries()) {
    const before = levels[index - 1] ?? level
    if (level > before + 1) faults.push(`<h${level}> after <h${before}>`)
  }
}

/** Everything wrong with a page; empty for a good one. */
export function htmlFaults(page: string): string[] {
  const faults: string[] = []
  const elements = readElements(page, faults)
  checkIds(elements, faults)
  checkAccess(elements, faults)
  return faults
}
