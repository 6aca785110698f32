/**
 * Elements within elements, written in one allocation: octets outside the heap of the engine cost more to make and to
 * free than to fill, and a signature is a dozen elements deep.
 */
import { headLength, putHead } from './writer.ts'

/** An element that is not written yet, with the length of its content. */
export interface Nested {
  readonly tag: number
  readonly parts: readonly Part[]
  readonly length: number
}

/** Octets as they are, or an element to be written. */
export type Part = Uint8Array | Nested

const sizeOf = (part: Part): number =>
  part instanceof Uint8Array ? part.length : headLength(part.length) + part.length

/** One element with this identifier octet; the parts are its content. */
export function nested(tag: number, ...parts: readonly Part[]): Nested {
  let length = 0
  for (const part of parts) length += sizeOf(part)
  return { tag, parts, length }
}

function put(out: Uint8Array, at: number, { tag, parts, length }: Nested): number {
  let next = putHead(out, at, tag, length)
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      out.set(part, next)
      next += part.length
    } else next = put(out, next, part)
  }
  return next
}

/** The element as octets. */
export function encodeNested(element: Nested): Uint8Array {
  const out = new Uint8Array(sizeOf(element))
  put(out, 0, element)
  return out
}
