/** The verifier's own reader of entries: bundles into entries, and an entry into a record. Pure. */

/** A record as the verifier sees it. */
export type Entry = {
  readonly id: string
  readonly at: string
  readonly time: number
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

/** One entry, with the index that its source claims, or bare. */
export type LeafInput = Uint8Array | { readonly index: number; readonly leaf: Uint8Array }

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const isTable = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** Writes a value again with sorted members; what comes out must be what came in. */
const rewrite = (value: unknown, depth: number): string => {
  if (depth > 40) throw new RangeError('too deep')
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new RangeError('not a safe integer')
  if (Array.isArray(value)) return `[${value.map((item) => rewrite(item, depth + 1)).join(',')}]`
  if (!isTable(value)) return JSON.stringify(value)
  const names = Object.keys(value).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${names.map((name) => `${JSON.stringify(name)}:${rewrite(value[name], depth + 1)}`).join(',')}}`
}

const ENVELOPE = 'actor,at,data,id,tenant,type,v'

const isInstant = (text: string): boolean => {
  const time = Date.parse(text)
  return !Number.isNaN(time) && new Date(time).toISOString() === text
}

const toEntry = (value: Record<string, unknown>): Entry | undefined => {
  const { id, at, type, data, v } = value
  if (typeof id !== 'string' || typeof at !== 'string' || typeof type !== 'string') return undefined
  return v === 1 && isTable(data) && isInstant(at) ? { id, at, time: Date.parse(at), type, data } : undefined
}

/** Reads an entry; undefined when it is not a record in canonical form. */
export function readEntry(leaf: Uint8Array): Entry | undefined {
  if (leaf.length > 0xffff) return undefined
  try {
    const text = utf8.decode(leaf)
    const value: unknown = JSON.parse(text)
    if (!isTable(value) || rewrite(value, 0) !== text) return undefined
    return Object.keys(value).sort().join() === ENVELOPE ? toEntry(value) : undefined
  } catch {
    return undefined
  }
}

/** A text member of a record's data, or undefined. */
export const textOf = (data: Entry['data'], name: string): string | undefined => {
  const value = Object.hasOwn(data, name) ? data[name] : undefined
  return typeof value === 'string' ? value : undefined
}

/**
 * Entries from bundle files as served at `/log/tile/entries/…`, so that an outsider can verify from a mirror.
 *
 * @param read bytes of the bundle with this index, not compressed
 * @param size entries that the checkpoint covers
 * @returns entries in order; a bundle that ends inside an entry yields `null`, and nothing follows
 */
export async function* leavesFromBundles(
  read: (index: number, width: number) => Promise<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array | null> {
  for (let index = 0; index * 256 < size; index++) {
    const width = Math.min(256, size - index * 256)
    const bundle = await read(index, width)
    let at = 0
    for (let count = 0; count < width; count++) {
      const length = ((bundle[at] ?? Number.NaN) << 8) | (bundle[at + 1] ?? 0)
      if (at + 2 > bundle.length || at + 2 + length > bundle.length) {
        yield null
        return
      }
      yield bundle.subarray(at + 2, at + 2 + length)
      at += 2 + length
    }
    if (at !== bundle.length) {
      yield null
      return
    }
  }
}
