import type { CurveRow } from '../algorithms/keys.ts'
import { toHex } from '../asn1/values.ts'
import { weak } from './weak.ts'

interface Domain {
  readonly p: bigint
  /** a is -3 on all of these; the cofactor is 1, so every point but infinity has the full order. */
  readonly b: bigint
}

/** @see SP 800-186 §3.2.1 */
const DOMAINS = new Map<string, Domain>([
  [
    'P-256',
    {
      p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
      b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    },
  ],
  [
    'P-384',
    {
      p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
      b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    },
  ],
])

const source = 'SP 800-56A rev. 3 §5.6.2.3.3'

/**
 * Full validation of an EC public key.
 *
 * @param point octets of the subjectPublicKey BIT STRING
 * @throws {KEY_WEAK}
 */
export function checkEcPoint(curve: CurveRow, point: Uint8Array): void {
  const domain = DOMAINS.get(curve.name)
  if (!domain) return weak(`curve ${curve.name} is not accepted`, 'CPS 6.1.5')
  if (point.length === 1 && point[0] === 0) weak('EC point is the point at infinity', source)
  if (point[0] !== 4) weak('EC point is not in uncompressed form', 'RFC 5480 §2.2')
  const size = curve.bits / 8
  if (point.length !== 1 + 2 * size) weak('EC point has a wrong length', source)
  const x = BigInt(`0x${toHex(point.subarray(1, 1 + size))}`)
  const y = BigInt(`0x${toHex(point.subarray(1 + size))}`)
  const { p, b } = domain
  if (x >= p || y >= p) weak('EC coordinate is not below the prime of the field', source)
  if ((y * y - (x * x * x - 3n * x + b)) % p !== 0n) weak('EC point is not on its curve', source)
}
