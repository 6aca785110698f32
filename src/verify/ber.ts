/**
 * CMS messages that others wrote in BER: as DER for the strict reader, with the signed attributes kept.
 *
 * Only lengths and string fragments are changed; order and values stay, so that certificates and CRLs inside keep
 * their signatures. What was signed is cut out of the original as it stands. Depth and count are bounded; a message
 * may hold CRLs of any size, which is why this is not done by a general ASN.1 library (its limit is 10,000 nodes).
 */
import { CodedError, tlv } from '../../ca/formats.ts'

interface Element {
  readonly tag: number
  /** Offsets in the input: of the identifier, of the content, and of what follows the element. */
  readonly start: number
  readonly contentStart: number
  readonly contentEnd: number
  readonly end: number
}

const MAX_DEPTH = 30
const MAX_ELEMENTS = 100_000
const MAX_BYTES = 64 * 1024 * 1024

interface Budget {
  elements: number
}

function malformed(rule: string): never {
  throw new CodedError('INPUT_MALFORMED', `BER: ${rule}`)
}

function readElement(bytes: Uint8Array, start: number, limit: number, budget: Budget, depth = 0): Element {
  if (++budget.elements > MAX_ELEMENTS || depth > MAX_DEPTH) malformed('too many or too deep elements')
  const tag = bytes[start]
  if (tag === undefined || start + 2 > limit || (tag & 0x1f) === 0x1f) malformed('element is cut off')
  if (bytes[start + 1] === 0x80) return readIndefinite(bytes, start, limit, budget, depth)
  const { contentStart, length } = readLength(bytes, start + 1)
  const contentEnd = contentStart + length
  if (contentEnd > limit) malformed('element is longer than its container')
  return { tag, start, contentStart, contentEnd, end: contentEnd }
}

function readLength(bytes: Uint8Array, at: number): { contentStart: number; length: number } {
  const first = bytes[at] ?? malformed('length is cut off')
  if (first < 0x80) return { contentStart: at + 1, length: first }
  const count = first & 0x7f
  if (count > 4) malformed('length over 4 octets')
  let length = 0
  for (let i = 1; i <= count; i++) length = length * 256 + (bytes[at + i] ?? malformed('length is cut off'))
  return { contentStart: at + 1 + count, length }
}

function readIndefinite(
  bytes: Uint8Array,
  start: number,
  limit: number,
  budget: Budget,
  depth: number,
): Element {
  const tag = bytes[start] ?? 0
  if ((tag & 0x20) === 0) malformed('indefinite length of a primitive element')
  let at = start + 2
  for (;;) {
    if (at + 2 > limit) malformed('end-of-contents is missing')
    if (bytes[at] === 0 && bytes[at + 1] === 0) break
    at = readElement(bytes, at, limit, budget, depth + 1).end
  }
  return { tag, start, contentStart: start + 2, contentEnd: at, end: at + 2 }
}

function childrenOf(bytes: Uint8Array, parent: Element, budget: Budget): Element[] {
  const list: Element[] = []
  for (let at = parent.contentStart; at < parent.contentEnd;) {
    const child = readElement(bytes, at, parent.contentEnd, budget)
    list.push(child)
    at = child.end
  }
  return list
}

/** Not as arguments of a call: there can be more than the stack holds. */
function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const octetString = 0x04

/** OCTET STRING, or the implicitly tagged one of CMS: fragments are joined (X.690 §8.7). */
const isFragmented = (tag: number): boolean => tag === (octetString | 0x20)

function encode(bytes: Uint8Array, element: Element, budget: Budget, depth: number): Uint8Array {
  if (depth > MAX_DEPTH) malformed('too deep elements')
  const { tag, contentStart, contentEnd } = element
  if ((tag & 0x20) === 0) return tlv(tag, bytes.subarray(contentStart, contentEnd))
  const children = childrenOf(bytes, element, budget)
  if (isFragmented(tag)) return tlv(octetString, joinFragments(bytes, children, budget, depth))
  return tlv(tag, join(children.map((child) => encode(bytes, child, budget, depth + 1))))
}

function joinFragments(
  bytes: Uint8Array,
  fragments: readonly Element[],
  budget: Budget,
  depth: number,
): Uint8Array {
  if (depth > MAX_DEPTH) malformed('too deep elements')
  return join(
    fragments.map((fragment) => {
      if (isFragmented(fragment.tag))
        return joinFragments(bytes, childrenOf(bytes, fragment, budget), budget, depth + 1)
      if (fragment.tag !== octetString) malformed('a fragment is no OCTET STRING')
      return bytes.subarray(fragment.contentStart, fragment.contentEnd)
    }),
  )
}

/**
 * A BER message with definite, minimal lengths and whole OCTET STRINGs.
 *
 * @param bytes nothing after the message (a PDF's padding of zeros is cut off by the caller)
 * @throws {CodedError} INPUT_MALFORMED, INPUT_TOO_LARGE
 */
export function normaliseBer(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', `BER: ${bytes.length} bytes, at most ${MAX_BYTES} are read`)
  const budget = { elements: 0 }
  const outer = readElement(bytes, 0, bytes.length, budget)
  if (outer.end !== bytes.length) malformed('trailing bytes')
  return encode(bytes, outer, budget, 0)
}

/**
 * The signed attributes of one signer, octet by octet as in the message, with the SET OF tag of RFC 5652 §5.4.
 *
 * @param index of the SignerInfo, from 0
 * @returns undefined when the signer has none, or when they are not of definite length (no DER, so never signed so)
 * @throws {CodedError} INPUT_MALFORMED
 */
export function findOriginalAttributes(cms: Uint8Array, index = 0): Uint8Array | undefined {
  const budget = { elements: 0 }
  const outer = readElement(cms, 0, cms.length, budget)
  const wrapped = childrenOf(cms, outer, budget)[1]
  const signedData = wrapped && childrenOf(cms, wrapped, budget)[0]
  const signers = signedData && childrenOf(cms, signedData, budget).at(-1)
  const signer = signers && childrenOf(cms, signers, budget)[index]
  const attributes = signer && childrenOf(cms, signer, budget).find(({ tag }) => tag === 0xa0)
  if (!attributes || cms[attributes.start + 1] === 0x80) return undefined
  const copy = cms.slice(attributes.start, attributes.end)
  copy[0] = 0x31
  return copy
}
