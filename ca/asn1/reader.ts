/**
 * Strict DER reader (X.690 §10–11) with zero-copy views.
 *
 * Trusts nothing: every length is checked against its container before it is used, non-minimal
 * lengths, indefinite lengths, high tag numbers and trailing bytes are refused. Foreign BER goes
 * through `foreign.ts` first.
 */
import { CodedError } from '../errors.ts'

/**
 * One element. Its octets are views of the input, made when they are asked for: most elements of a certificate are
 * only passed by, and a view costs more than all the rest of reading one.
 */
export class Der {
  /** Identifier octet. */
  readonly tag: number
  readonly #bytes: Uint8Array
  readonly #start: number
  readonly #contentStart: number
  readonly #end: number

  constructor(bytes: Uint8Array, tag: number, start: number, contentStart: number, end: number) {
    this.tag = tag
    this.#bytes = bytes
    this.#start = start
    this.#contentStart = contentStart
    this.#end = end
  }

  /** Content octets. */
  get content(): Uint8Array {
    return this.#bytes.subarray(this.#contentStart, this.#end)
  }

  /** The whole encoding. */
  get raw(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end)
  }

  /** The same octets under the identifier octet of the type that an IMPLICIT tag replaced (X.690 §8.14.3). */
  as(tag: number): Der {
    return new Der(this.#bytes, tag, this.#start, this.#contentStart, this.#end)
  }

  /** Octets of the whole encoding. */
  get size(): number {
    return this.#end - this.#start
  }

  /** Elements directly inside. @throws {CodedError} INPUT_MALFORMED */
  children(): Der[] {
    const list: Der[] = []
    for (let at = this.#contentStart; at < this.#end;) {
      const child = readElement(this.#bytes, at, this.#end)
      list.push(child)
      at = child.#end
    }
    return list
  }
}

/** Deeper nesting than any structure of RFC 5280, 5652, 6960 or 3161 needs. */
export const MAX_DEPTH = 40

function malformed(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', `DER: ${rule}`)
}

/** Number of length octets that start at `at`. */
function lengthSize(bytes: Uint8Array, at: number, limit: number): number {
  if (at >= limit) malformed('length is missing')
  const first = bytes[at] ?? 0
  return first < 0x80 ? 1 : 1 + (first & 0x7f)
}

/** Value of `size` length octets. */
function readLength(bytes: Uint8Array, at: number, size: number, limit: number): number {
  if (size === 1) {
    const length = bytes[at] ?? 0
    return length < 0x80 ? length : malformed('indefinite length (X.690 §10.1)')
  }
  if (size > 5) malformed('length over 4 octets')
  if (at + size > limit) malformed('length is cut off')
  let length = 0
  for (let i = 1; i < size; i++) length = length * 256 + (bytes[at + i] ?? 0)
  if (length < 0x80 || bytes[at + 1] === 0) malformed('length is not minimal (X.690 §10.1)')
  return length
}

/** The element at `start` of a container that ends at `limit`. */
function readElement(bytes: Uint8Array, start: number, limit: number): Der {
  if (start >= limit) malformed('element is missing')
  const tag = bytes[start] ?? 0
  if ((tag & 0x1f) === 0x1f) malformed('high tag number')
  if (tag === 0) malformed('end-of-contents octets')
  const size = lengthSize(bytes, start + 1, limit)
  const contentStart = start + 1 + size
  const end = contentStart + readLength(bytes, start + 1, size, limit)
  if (end > limit) malformed('element is longer than its container')
  return new Der(bytes, tag, start, contentStart, end)
}

/**
 * Reads the element that starts at `offset`; bytes after it are left alone.
 *
 * @throws {CodedError} INPUT_MALFORMED
 */
export const readDer = (bytes: Uint8Array, offset = 0): Der => readElement(bytes, offset, bytes.length)

/**
 * Parses `bytes` as exactly one element.
 *
 * @param tag when given, the identifier octet that must be there
 * @throws {CodedError} INPUT_MALFORMED
 */
export function parseDer(bytes: Uint8Array, tag?: number): Der {
  const node = readDer(bytes)
  if (node.size !== bytes.length) malformed('trailing bytes')
  if (tag !== undefined) expectTag(node, tag)
  return node
}

/**
 * The node itself, when its identifier octet is the one required.
 *
 * @throws {CodedError} INPUT_MALFORMED when the node has another identifier octet
 */
export function expectTag(node: Der | undefined, tag: number): Der {
  if (node === undefined) malformed(`element with tag 0x${tag.toString(16)} is missing`)
  if (node.tag !== tag) malformed(`tag 0x${node.tag.toString(16)} where 0x${tag.toString(16)} is required`)
  return node
}

/** Direct children of a constructed element. @throws {CodedError} INPUT_MALFORMED */
export function childrenOf(node: Der): Der[] {
  if ((node.tag & 0x20) === 0) malformed('primitive element where a constructed one is required')
  return node.children()
}

/**
 * Counts elements by their headers, before any of them becomes an object: two octets of input make several hundred of
 * memory.
 *
 * @param isLeaf elements whose content is not looked at, by identifier octet and depth (0 is the outermost)
 * @throws {CodedError} INPUT_TOO_LARGE above `max`, INPUT_MALFORMED
 */
export function checkElementCount(
  bytes: Uint8Array,
  max: number,
  isLeaf: (tag: number, depth: number) => boolean = () => false,
): void {
  const ends = [bytes.length]
  for (let at = 0, count = 0; ends.length > 0;) {
    if (at >= (ends.at(-1) ?? 0)) {
      ends.pop()
      continue
    }
    if (++count > max) throw new CodedError('INPUT_TOO_LARGE', `DER: more than ${max} elements`)
    const tag = bytes[at] ?? 0
    const size = lengthSize(bytes, at + 1, bytes.length)
    const next = at + 1 + size
    const end = next + readLength(bytes, at + 1, size, bytes.length)
    if (end > (ends.at(-1) ?? 0)) malformed('element is longer than its container')
    const depth = ends.length - 1
    if (depth > MAX_DEPTH) malformed('nested too deep')
    if ((tag & 0x20) === 0 || isLeaf(tag, depth)) at = end
    else {
      ends.push(end)
      at = next
    }
  }
}

/** The single child of an EXPLICIT tag. @throws {CodedError} INPUT_MALFORMED */
export function onlyChild(node: Der): Der {
  const list = childrenOf(node)
  const [child] = list
  if (child === undefined || list.length !== 1) malformed('explicit tag without exactly one element')
  return child
}

/** A SEQUENCE walked from left to right, the way ASN.1 modules are written. */
export class SequenceReader {
  readonly #list: readonly Der[]
  #at = 0

  constructor(list: readonly Der[]) {
    this.#list = list
  }

  /** The next element; throws when there is none or its tag differs. */
  next(tag?: number): Der {
    const child = this.#list[this.#at++]
    if (child === undefined) malformed('element is missing')
    return tag === undefined ? child : expectTag(child, tag)
  }

  /** The next element when it has this tag, else undefined and nothing is consumed. */
  optional(tag: number): Der | undefined {
    const child = this.#list[this.#at]
    if (child?.tag !== tag) return undefined
    this.#at++
    return child
  }

  /** The next element without consuming it. */
  peek(): Der | undefined {
    return this.#list[this.#at]
  }

  /** Everything not yet read. */
  rest(): Der[] {
    const left = this.#list.slice(this.#at)
    this.#at = this.#list.length
    return left
  }

  /** Throws when something is left. */
  end(): void {
    if (this.#at < this.#list.length) malformed('unexpected element at the end of a sequence')
  }
}

/**
 * Opens a SEQUENCE (or SET) for reading from left to right.
 *
 * @throws {CodedError} INPUT_MALFORMED when the node is not of the given constructed type
 */
export function readSequence(node: Der | Uint8Array, tag = 0x30): SequenceReader {
  const whole = node instanceof Uint8Array ? parseDer(node) : node
  return new SequenceReader(childrenOf(expectTag(whole, tag)))
}

/** Walks the whole tree once, so that later code may read it in any order. @throws {CodedError} INPUT_MALFORMED */
export function checkDer(bytes: Uint8Array, maxDepth = MAX_DEPTH): Der {
  const walk = (node: Der, depth: number): void => {
    if (depth > maxDepth) malformed(`nested deeper than ${maxDepth}`)
    if ((node.tag & 0x20) !== 0) for (const child of childrenOf(node)) walk(child, depth + 1)
  }
  const node = parseDer(bytes)
  walk(node, 1)
  return node
}
