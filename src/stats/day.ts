/**
 * Days of Asia/Shanghai, as whole numbers since 1970-01-01.
 *
 * The zone is UTC+8 with no daylight saving since 1991, and no certificate here is older. Pure.
 */
import { CodedError } from '../../ca/errors.ts'

const DAY_MS = 86_400_000
const SHANGHAI_MS = 8 * 3_600_000

/** The day in Asia/Shanghai that an instant (RFC 3339 text) falls on. @throws {STATISTICS_STATE} when it is no instant */
export function toShanghaiDay(instant: string): number {
  const time = Date.parse(instant)
  if (Number.isNaN(time)) throw new CodedError('STATISTICS_STATE', 'A record holds a time that is none')
  return Math.floor((time + SHANGHAI_MS) / DAY_MS)
}

/**
 * First day on whose end a certificate with this notAfter is no longer valid: `notAfter` counts as valid to
 * the end of its second (RFC 5280 §4.1.2.5), and a day ends with its last second, 23:59:59.
 *
 * @throws {STATISTICS_STATE} when it is no instant
 */
export function toExpiryDay(notAfter: string): number {
  const time = Date.parse(notAfter)
  if (Number.isNaN(time)) throw new CodedError('STATISTICS_STATE', 'A record holds a time that is none')
  return Math.floor((time + 1000 + SHANGHAI_MS) / DAY_MS)
}

/** `YYYY-MM-DD` of a day. */
export function formatDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

/** Day of `YYYY-MM-DD`. @throws {STATISTICS_RANGE} when it is no day of the calendar */
export function parseDay(text: string): number {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  if (Number.isNaN(time) || formatDay(time / DAY_MS) !== text) {
    throw new CodedError('STATISTICS_RANGE', 'A day is written YYYY-MM-DD and exists')
  }
  return time / DAY_MS
}
