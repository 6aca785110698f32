/**
 * What this process knows of the log from outside the database: a database that is behind it was set back, and what
 * it says is not acted on. Revocations may be missing in it, and serials in use would be free again.
 *
 * The floor is the highest size that was published or read. It only rises while the process lives, and a start
 * begins with the published copy, which lies outside the database (check 48).
 */
import { CodedError } from '../../ca/errors.ts'

/** The floor of one process, and whatever else keeps the log from being trusted. */
export interface LogFloor {
  /** A head of so many records was seen. */
  raise(size: number): void
  /** A look at the whole log ended with a doubt, or with none. */
  doubt(error: CodedError | undefined): void
  /**
   * Whether the database may be acted on; with `size`, the number of records that it says the log has now.
   *
   * @throws {LOG_STORE_OLDER} and the code of the doubt
   */
  check(size?: number): void
}

/** A floor that knows nothing yet. */
export function createLogFloor(): LogFloor {
  let floor = 0
  let seen = Number.POSITIVE_INFINITY
  let doubted: CodedError | undefined
  return {
    raise(size) {
      floor = Math.max(floor, size)
    },
    doubt(error) {
      doubted = error
    },
    check(size) {
      if (size !== undefined) {
        seen = size
        floor = Math.max(floor, size)
      }
      if (seen < floor)
        throw new CodedError(
          'LOG_STORE_OLDER',
          `The database holds a log of ${seen} records, ${floor} were published: it was set back`,
        )
      if (doubted !== undefined) throw doubted
    },
  }
}
