/** Figures as the ministry writes them: 63.4亿, +67.3%. Half-up, in whole-number arithmetic. Pure. */
import { CodedError } from '../../ca/errors.ts'

const YI_TENTH = 10_000_000n

const roundHalfUp = (numerator: bigint, denominator: bigint): bigint =>
  (2n * numerator + denominator) / (2n * denominator)

const formatTenths = (tenths: bigint): string => `${tenths / 10n}.${tenths % 10n}`

const checkCount = (count: number): bigint => {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new CodedError('STATISTICS_RANGE', 'A count is a whole number from 0 on')
  }
  return BigInt(count)
}

/** A count in units of 亿 (10^8) with one decimal, half-up: 6,340,000,000 → `63.4亿`. @throws {STATISTICS_RANGE} */
export function formatYi(count: number): string {
  return `${formatTenths(roundHalfUp(checkCount(count), YI_TENTH))}亿`
}

/**
 * Growth against an earlier count with one decimal, half-up by magnitude: `+67.3%`; null when there was none.
 *
 * @throws {STATISTICS_RANGE} when a count is not a whole number from 0 on
 */
export function formatGrowth(count: number, earlier: number): string | null {
  const [now, before] = [checkCount(count), checkCount(earlier)]
  if (before === 0n) return null
  const difference = now - before
  const tenths = roundHalfUp((difference < 0n ? -difference : difference) * 1000n, before)
  const sign = tenths === 0n ? '' : difference < 0n ? '-' : '+'
  return `${sign}${formatTenths(tenths)}%`
}
