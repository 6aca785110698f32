/** Hostile variants of good bytes, and the one answer that a parser may give to them. Nothing but tests imports it. */
import fc from 'fast-check'
import { CodedError } from '../errors.ts'

/** Octets changed, cut off, doubled or pushed in: what an attacker does to a good structure. */
export const mutationsOf = (seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc
    .record({
      seed: fc.constantFrom(...seeds),
      edits: fc.array(
        fc.record({
          at: fc.nat(),
          kind: fc.constantFrom('set', 'flip', 'cut', 'insert', 'repeat', 'length'),
          value: fc.integer({ min: 0, max: 255 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    })
    .map(({ seed, edits }) => edits.reduce(edit, seed))

function edit(
  bytes: Uint8Array,
  { at, kind, value }: { at: number; kind: string; value: number },
): Uint8Array {
  if (bytes.length === 0) return bytes
  const place = at % bytes.length
  const out = bytes.slice()
  switch (kind) {
    case 'set':
      out[place] = value
      return out
    case 'flip':
      out[place] = (out[place] ?? 0) ^ (1 << (value & 7))
      return out
    case 'cut':
      return out.slice(0, place)
    case 'insert':
      return Uint8Array.from([...out.slice(0, place), value, ...out.slice(place)])
    case 'repeat':
      return Uint8Array.from([
        ...out.slice(0, place),
        ...out.slice(place, place + value),
        ...out.slice(place),
      ])
    default:
      // A length octet near the front, where it does most.
      out[1 + (place % Math.min(8, bytes.length - 1 || 1))] = value
      return out
  }
}

/** What a parser says: `parsed`, or the code of its error. @throws whatever else it throws, which is the finding */
export function verdictOf(parse: () => unknown): string {
  try {
    parse()
    return 'parsed'
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
}

/** The codes that a parser of foreign bytes may answer with. */
export const PARSER_CODES: readonly string[] = [
  'parsed',
  'INPUT_MALFORMED',
  'INPUT_TOO_LARGE',
  'ALGORITHM_UNSUPPORTED',
]
