import { CodedError } from './errors.ts'

/** Steps back that a disciplined clock makes; anything longer is a fault or an attack. */
const TOLERANCE_MS = 1_000

/**
 * A clock that refuses to go back: serials, CRL numbers and time stamps follow from it.
 *
 * @param last instant of the newest record, or undefined on a new store
 * @throws {CLOCK_WENT_BACK} from the returned function
 */
export function guardClock(now: () => Date, last: Date | undefined): () => Date {
  let highest = last?.getTime() ?? Number.NEGATIVE_INFINITY
  return () => {
    const at = now().getTime()
    if (at < highest - TOLERANCE_MS)
      throw new CodedError(
        'CLOCK_WENT_BACK',
        'the clock is behind the newest record: nothing is signed until it is right',
      )
    // Within the tolerance time stands still instead of running back.
    highest = Math.max(highest, at)
    return new Date(highest)
  }
}
