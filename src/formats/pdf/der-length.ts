/**
 * The length in bytes of the BER or DER element at the start of `bytes`, or undefined where there is no whole one.
 * Only the outermost lengths are read; indefinite lengths (old CMS) are followed to their end-of-contents.
 *
 * @see ITU-T X.690, 8.1
 */
export function findElementLength(bytes: Uint8Array): number | undefined {
  const end = findElementEnd(bytes, 0, 0)
  return end !== undefined && end <= bytes.length ? end : undefined
}

function findElementEnd(bytes: Uint8Array, start: number, depth: number): number | undefined {
  if (depth > 32 || start + 2 > bytes.length) return undefined
  let pos = start + 1
  if (((bytes[start] as number) & 0x1f) === 0x1f) {
    while (pos < bytes.length && ((bytes[pos] as number) & 0x80) !== 0) pos++
    pos++
  }
  const first = bytes[pos++]
  if (first === undefined) return undefined
  if (first < 0x80) return pos + first
  if (first === 0x80) return findIndefiniteEnd(bytes, pos, depth)
  const count = first & 0x7f
  if (count > 4 || pos + count > bytes.length) return undefined
  let length = 0
  for (let i = 0; i < count; i++) length = length * 256 + (bytes[pos + i] as number)
  return pos + count + length
}

function findIndefiniteEnd(bytes: Uint8Array, start: number, depth: number): number | undefined {
  let pos = start
  while (pos + 2 <= bytes.length) {
    if (bytes[pos] === 0 && bytes[pos + 1] === 0) return pos + 2
    const next = findElementEnd(bytes, pos, depth + 1)
    if (next === undefined || next > bytes.length) return undefined
    pos = next
  }
  return undefined
}
