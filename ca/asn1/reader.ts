/**
 * Strict DER reader (X.690 §10–11) with zero-copy views.
 *
 * Trusts nothing: every length is checked against its container before it is used, non-minimal
 * lengths, indefinite lengths, high tag numbers and trailing bytes are refused. Foreign BER goes
 * through `foreign.ts` first.
 */
import { CodedError } from '../errors.ts'

/** One element: identifier octet, content octets and the whole encoding, all views of the input. */
export interface Der {
  readonly tag: number
  readonly content: Uint8Array
  readonly raw: Uint8Array
}

/** Deeper nesting than any structure of RFC 5280, 5652, 6960 or 3161 needs. */
export const MAX_DEPTH = 40

function malformed(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', `DER: ${rule}`)
}

function readLength(bytes: Uint8Array, at: number): { length: number; next: number } {
  const first = bytes[at]
  if (first === undefined) malformed('length is missing')
  if (first < 0x80) return { length: first, next: at + 1 }
  const count = first & 0x7f
  if (count === 0) malformed('indefinite length (X.690 §10.1)')
  if (count > 4) malformed('length over 4 octets')
  if (at + 1 + count > bytes.length) malformed('length is cut off')
  let length = 0
  for (let i = 1; i <= count; i++) length = length * 256 + (bytes[at + i] ?? 0)
  if (length < 0x80 || bytes[at + 1] === 0) malformed('length is not minimal (X.690 §10.1)')
  return { length, next: at + 1 + count }
}

/**
 * Reads the element that starts at `offset`; bytes after it are left alone.
 *
 * @throws {CodedError} INPUT_MALFORMED
 */
export function readDer(bytes: Uint8Array, offset = 0): Der {
  const tag = bytes[offset]
  if (tag === undefined) malformed('element is missing')
  if ((tag & 0x1f) === 0x1f) malformed('high tag number')
  if (tag === 0) malformed('end-of-contents octets')
  const { length, next } = readLength(bytes, offset + 1)
  const end = next + length
  if (end > bytes.length) malformed('element is longer than its container')
  return { tag, content: bytes.subarray(next, end), raw: bytes.subarray(offset, end) }
}

/**
 * Parses `bytes` as exactly one element.
 *
 * @param tag when given, the identifier octet that must be there
 * @throws {CodedError} INPUT_MALFORMED
 */
export function parseDer(bytes: Uint8Array, tag?: number): Der {
  const node = readDer(bytes)
  if (node.raw.length !== bytes.length) malformed('trailing bytes')
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
  const list: Der[] = []
  for (let at = 0; at < node.content.length;) {
    const child = readDer(node.content, at)
    list.push(child)
    at += child.raw.length
  }
  return list
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
    const { length, next } = readLength(bytes, at + 1)
    const end = next + length
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
export interface SequenceReader {
  /** The next element; throws when there is none or its tag differs. */
  next(tag?: number): Der
  /** The next element when it has this tag, else undefined and nothing is consumed. */
  optional(tag: number): Der | undefined
  /** The next element without consuming it. */
  peek(): Der | undefined
  /** Everything not yet read. */
  rest(): Der[]
  /** Throws when something is left. */
  end(): void
}

/**
 * Opens a SEQUENCE (or SET) for reading from left to right.
 *
 * @throws {CodedError} INPUT_MALFORMED when the node is not of the given constructed type
 */
export function readSequence(node: Der | Uint8Array, tag = 0x30): SequenceReader {
  const whole = node instanceof Uint8Array ? parseDer(node) : node
  const list = childrenOf(expectTag(whole, tag))
  let at = 0
  return {
    next(expected) {
      const child = list[at++]
      if (child === undefined) malformed('element is missing')
      return expected === undefined ? child : expectTag(child, expected)
    },
    optional(expected) {
      const child = list[at]
      if (child?.tag !== expected) return undefined
      at++
      return child
    },
    peek: () => list[at],
    rest() {
      const left = list.slice(at)
      at = list.length
      return left
    },
    end() {
      if (at < list.length) malformed('unexpected element at the end of a sequence')
    },
  }
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
