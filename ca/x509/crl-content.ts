/** The octets of a CRL that may be too large to be held at once: in one piece, or streamed from the parts of a store. */
import { sha256Hex } from '../algorithms/hashes.ts'
import { concat } from '../asn1/writer.ts'

/** A run of entries of a CRL, stored by itself: lists share the runs in which nothing changed. */
export interface CrlPart {
  readonly id: string
  /** Of its octets, hex. */
  readonly sha256: string
  readonly byteLength: number
}

/** The octets of a CRL, which may be fifty megabytes, and where they are. */
export interface CrlContent {
  /** What stands before the parts; the whole list where it is in one piece. */
  readonly headDer: Uint8Array
  readonly parts: readonly CrlPart[]
  /** Empty where the list is in one piece. */
  readonly tailDer: Uint8Array
  /** Of the whole list, hex. */
  readonly sha256: string
}

/**
 * Gives octets back that nobody will look at again. What is outside the heap is collected late, and a list of a million
 * entries that is read three times would lie there three times.
 */
export function releaseOctets({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

type PartReader = { readonly readCrlPart: (id: string) => Promise<Uint8Array> }

/** A list in one piece: one that another house signed. */
export const wholeCrl = (crlDer: Uint8Array): CrlContent => ({
  headDer: crlDer,
  parts: [],
  tailDer: new Uint8Array(0),
  sha256: sha256Hex(crlDer),
})

/** True for a list in one piece, which an older version may have stored too. */
export const isWholeCrl = ({ tailDer }: CrlContent): boolean => tailDer.length === 0

/** Octets of the whole list. */
export const crlByteLength = ({ headDer, parts, tailDer }: CrlContent): number =>
  parts.reduce((sum, { byteLength }) => sum + byteLength, headDer.length + tailDer.length)

/** The parts, one after the other. @throws {STORE_UNAVAILABLE} */
export async function* streamCrlParts(
  store: PartReader,
  parts: readonly CrlPart[],
): AsyncGenerator<Uint8Array> {
  for (const { id } of parts) yield await store.readCrlPart(id)
}

/** The list from its first octet to its last. @throws {STORE_UNAVAILABLE} */
export async function* streamCrl(store: PartReader, content: CrlContent): AsyncGenerator<Uint8Array> {
  yield content.headDer
  yield* streamCrlParts(store, content.parts)
  yield content.tailDer
}

/** All that comes. */
export async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of from) all.push(one)
  return all
}

/** The list in one piece, for those who search it. @throws {STORE_UNAVAILABLE} */
export async function readWholeCrl(store: PartReader, content: CrlContent): Promise<Uint8Array> {
  if (isWholeCrl(content)) return content.headDer
  return concat(...(await collect(streamCrl(store, content))))
}
