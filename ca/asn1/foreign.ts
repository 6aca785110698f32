/**
 * BER that others wrote (indefinite lengths, constructed strings, long lengths) as DER, so that the
 * strict reader is the only one that the rest of the house needs. asn1js is used here and nowhere else.
 *
 * What a signature covers must never go through here: its octets would change.
 */
import * as asn1js from 'asn1js'
import { CodedError } from '../errors.ts'
import { toHex } from './values.ts'
import { concat, setOf, tlv } from './writer.ts'
import { TAG } from './tags.ts'

/** How much foreign structure is read. */
export interface BerLimits {
  readonly maxBytes: number
  readonly maxNodes: number
  readonly maxDepth: number
}

/** Enough for a CMS message with a dozen certificates; CRLs never come as BER. */
export const BER_LIMITS: BerLimits = { maxBytes: 4 * 1024 * 1024, maxNodes: 50_000, maxDepth: 40 }

function malformed(rule: string, cause?: unknown): CodedError {
  return new CodedError('INPUT_MALFORMED', `BER: ${rule}`, cause === undefined ? {} : { cause })
}

/**
 * Re-encodes one BER element as DER: definite minimal lengths, primitive strings, SET OF sorted.
 *
 * @throws {INPUT_MALFORMED} {INPUT_TOO_LARGE}
 */
export function berToDer(bytes: Uint8Array, limits: BerLimits = BER_LIMITS): Uint8Array {
  if (bytes.length > limits.maxBytes)
    throw new CodedError('INPUT_TOO_LARGE', `BER: ${bytes.length} bytes, at most ${limits.maxBytes} are read`)
  let parsed: asn1js.FromBerResult
  try {
    parsed = asn1js.fromBER(bytes, {
      maxNodes: limits.maxNodes,
      maxDepth: limits.maxDepth,
      maxContentLength: limits.maxBytes,
    })
  } catch (cause) {
    throw malformed('cannot be read', cause)
  }
  if (parsed.offset === -1 || parsed.result.error) throw malformed('cannot be read')
  if (parsed.offset !== bytes.length) throw malformed('trailing bytes')
  return encode(parsed.result)
}

type Block = asn1js.BaseBlock

const universalConstructed = new Set([16, 17])

function encode(block: Block): Uint8Array {
  const { tagClass, tagNumber, isConstructed } = block.idBlock
  if (tagNumber > 30) throw malformed('high tag number')
  if (tagClass === 1 && tagNumber === 0)
    throw malformed('end-of-contents octets where an element is required')
  const classBits = { 1: 0x00, 2: 0x40, 3: 0x80, 4: 0xc0 }[tagClass as 1 | 2 | 3 | 4]
  if (classBits === undefined) throw malformed('unknown tag class')
  const children = isConstructed ? childBlocks(block) : undefined
  if (children === undefined) return tlv(classBits | tagNumber, contentOf(block))
  if (tagClass === 1 && !universalConstructed.has(tagNumber))
    return tlv(tagNumber, joinString(tagNumber, children))
  const parts = children.map(encode)
  if (tagClass === 1 && tagNumber === 17) return setOf(...parts)
  return tlv(classBits | 0x20 | tagNumber, ...parts)
}

/** A constructed string: the segments are of the same type, or constructed again (X.690 §8.7.3). */
function joinString(tagNumber: number, children: readonly Block[]): Uint8Array {
  const pieces = children.map((child) => {
    if (child.idBlock.tagClass !== 1 || child.idBlock.tagNumber !== tagNumber)
      throw malformed('segment of a constructed string has another type')
    return child.idBlock.isConstructed ? joinString(tagNumber, childBlocks(child)) : contentOf(child)
  })
  if (tagNumber !== TAG.bitString) return concat(...pieces)
  // Every segment has its own unused-bits octet, and only the last may have unused bits (X.690 §8.6.4).
  const last = pieces.at(-1)
  if (last === undefined) return Uint8Array.of(0)
  if (pieces.some((piece, index) => piece.length === 0 || (index < pieces.length - 1 && piece[0] !== 0)))
    throw malformed('segment of a BIT STRING has unused bits')
  return concat(last.subarray(0, 1), ...pieces.map((piece) => piece.subarray(1)))
}

function childBlocks(block: Block): readonly Block[] {
  const { value } = block.valueBlock as { value?: unknown }
  if (!Array.isArray(value))
    throw malformed(`constructed element ${block.idBlock.tagNumber} has no list of elements`)
  const list = value as readonly Block[]
  return block.lenBlock.isIndefiniteForm
    ? list.filter((child) => !(child instanceof asn1js.EndOfContent))
    : list
}

/** Content octets of a primitive, taken from the input as they are. */
function contentOf(block: Block): Uint8Array {
  const before = block.valueBeforeDecodeView
  const { blockLength } = block.idBlock
  const header = blockLength + block.lenBlock.blockLength
  if (block.lenBlock.isIndefiniteForm || before.length < header)
    throw malformed(`primitive without a length (${toHex(before.subarray(0, 4))})`)
  return before.subarray(header)
}
