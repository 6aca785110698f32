/**
 * Properties that name the moment and the program of a save; every other one says something about the document.
 *
 * @see ISO 16684-1 (XMP), 8.4 and 8.6
 */
const SAVE_PROPERTIES: ReadonlySet<string> = new Set([
  '{http://ns.adobe.com/xap/1.0/}ModifyDate',
  '{http://ns.adobe.com/xap/1.0/}MetadataDate',
  '{http://ns.adobe.com/xap/1.0/mm/}InstanceID',
  '{http://ns.adobe.com/pdf/1.3/}Producer',
])
const RDF = '{http://www.w3.org/1999/02/22-rdf-syntax-ns#}'
const LIMITS = { bytes: 1_048_576, tags: 20_000, depth: 64, save: 512 } as const

type Element = {
  readonly name: string
  readonly attributes: Map<string, string>
  readonly children: (Element | string)[]
}
type Scope = ReadonlyMap<string, string>

/**
 * The properties of an XMP packet in an order and notation of their own, without those of the save; programs write
 * the same properties as attributes or elements, as they like.
 *
 * @returns undefined where the packet is not plain XMP; it then cannot be said to be the same as another
 */
export function canonicaliseXmp(bytes: Uint8Array): string | undefined {
  if (bytes.length > LIMITS.bytes) return undefined
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
  const root = parseTree(text)
  const rdf = root && findRdf(root)
  const facts: string[] = []
  const isPlain = rdf?.children.every((child) => addFacts(facts, child)) ?? false
  return isPlain ? facts.sort().join('\n') : undefined
}

/** Adds what one rdf:Description says; false where it is something else. */
function addFacts(facts: string[], child: Element | string): boolean {
  if (typeof child === 'string' || child.name !== `${RDF}Description`) return false
  const about = child.attributes.get(`${RDF}about`) ?? ''
  for (const [name, value] of child.attributes) if (name !== `${RDF}about`) addFact(facts, about, name, value)
  for (const property of child.children) {
    if (typeof property === 'string') return false
    addFact(facts, about, property.name, isSimple(property) ? textOf(property) : write(property))
  }
  return true
}

function addFact(facts: string[], about: string, name: string, value: string): void {
  if (SAVE_PROPERTIES.has(name) && value.length <= LIMITS.save) return
  facts.push(JSON.stringify([about, name, value]))
}

function isSimple(element: Element): boolean {
  return element.attributes.size === 0 && element.children.every((child) => typeof child === 'string')
}

function textOf(element: Element): string {
  return element.children.filter((child) => typeof child === 'string').join('')
}

function write(element: Element): string {
  const attributes = [...element.attributes].sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([
    element.name,
    attributes,
    element.children.map((child) => (typeof child === 'string' ? child : write(child))),
  ])
}

function findRdf(root: Element): Element | undefined {
  if (root.name === `${RDF}RDF`) return root
  return root.children
    .filter((child) => typeof child !== 'string')
    .find((child) => child.name === `${RDF}RDF`)
}

/** Tags, processing instructions and text; comments, CDATA and DOCTYPE are not plain XMP. */
const TOKEN =
  /<\?[^]*?\?>|<\/([\w:.-]+)\s*>|<([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|[^<]+/y
const ATTRIBUTE = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

type Open = { readonly element: Element; readonly tag: string; readonly scope: Scope }

function parseTree(text: string): Element | undefined {
  const top: Element = { name: '', attributes: new Map(), children: [] }
  const stack: Open[] = [{ element: top, tag: '', scope: new Map() }]
  TOKEN.lastIndex = 0
  for (let count = 0; TOKEN.lastIndex < text.length; count++) {
    const token = TOKEN.exec(text)
    if (token === null || count > LIMITS.tags || stack.length > LIMITS.depth) return undefined
    if (!takeToken(stack, token)) return undefined
  }
  const roots = top.children.filter((child) => typeof child !== 'string')
  return stack.length === 1 && roots.length === 1 ? roots[0] : undefined
}

/** Puts one token into the tree; false where it does not fit. */
function takeToken(stack: Open[], [whole, closing, opening, attributes, empty]: RegExpExecArray): boolean {
  const open = stack.at(-1)
  if (open === undefined) return false
  if (closing !== undefined) {
    stack.pop()
    return closing === open.tag && stack.length > 0
  }
  if (opening === undefined) {
    if (!whole.startsWith('<') && /[^\s\ufeff\0]/.test(whole)) open.element.children.push(whole)
    return true
  }
  const next = openElement(opening, attributes ?? '', open.scope)
  if (next === undefined) return false
  open.element.children.push(next.element)
  if (empty === '') stack.push({ ...next, tag: opening })
  return true
}

function openElement(
  tag: string,
  source: string,
  outer: Scope,
): { element: Element; scope: Scope } | undefined {
  const scope = new Map(outer)
  const plain: [string, string][] = []
  for (const [, name = '', double, single] of source.matchAll(ATTRIBUTE)) {
    const value = double ?? single ?? ''
    if (name === 'xmlns') scope.set('', value)
    else if (name.startsWith('xmlns:')) scope.set(name.slice(6), value)
    else plain.push([name, value])
  }
  const attributes = new Map(plain.map(([name, value]) => [expand(name, scope), value]))
  // Readers disagree on which of two attributes of one name counts.
  if (attributes.size !== plain.length) return undefined
  return { element: { name: expand(tag, scope), attributes, children: [] }, scope }
}

function expand(name: string, scope: Scope): string {
  const colon = name.indexOf(':')
  const prefix = colon < 0 ? '' : name.slice(0, colon)
  return `{${scope.get(prefix) ?? `prefix ${prefix}`}}${name.slice(colon + 1)}`
}
