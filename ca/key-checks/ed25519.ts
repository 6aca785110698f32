import { toHex } from '../asn1/values.ts'
import { weak } from './weak.ts'

const P = 2n ** 255n - 19n
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

const mod = (value: bigint): bigint => ((value % P) + P) % P

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = mod(base), rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P
    square = (square * square) % P
  }
  return result
}

/** x of the point with this y, or undefined when there is none (RFC 8032 §5.1.3). */
function recoverX(y: bigint): bigint | undefined {
  const u = mod(y * y - 1n)
  const v = mod(D * y * y + 1n)
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n))
  const check = mod(v * x * x)
  if (check === mod(-u)) x = mod(x * power(2n, (P - 1n) / 4n))
  else if (check !== u) return undefined
  return x
}

type Projective = readonly [x: bigint, y: bigint, z: bigint]

/** Doubling on -x² + y² = 1 + dx²y². */
function double([x, y, z]: Projective): Projective {
  const b = mod((x + y) ** 2n)
  const c = mod(x * x)
  const d = mod(y * y)
  const f = mod(d - c)
  const j = mod(f - 2n * z * z)
  return [mod((b - c - d) * j), mod(-f * (c + d)), mod(f * j)]
}

/**
 * An Ed25519 public key is a canonical encoding of a point that is not of small order.
 *
 * @throws {KEY_WEAK}
 * @see RFC 8032 §5.1.3, FIPS 186-5 §7.8.1
 */
export function checkEd25519Point(octets: Uint8Array): void {
  if (octets.length !== 32) weak('Ed25519 key has not 32 octets', 'RFC 8410 §4')
  const number = BigInt(`0x${toHex(octets.toReversed())}`)
  const y = number & ((1n << 255n) - 1n)
  if (y >= P) weak('Ed25519 coordinate is not below the prime of the field', 'RFC 8032 §5.1.3')
  const x = recoverX(y)
  if (x === undefined || (x === 0n && number >> 255n === 1n))
    return weak('Ed25519 point is not on its curve', 'RFC 8032 §5.1.3')
  const [x8, y8, z8] = double(double(double([x, y, 1n])))
  // Eight times a point of small order is the neutral element: anybody can sign for such a key.
  if (x8 === 0n && y8 === z8) weak('Ed25519 point has a small order', 'FIPS 186-5 §7.8.1')
}
