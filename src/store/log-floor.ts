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
  /**
   * The database is about to be asked for the size of its log; what is returned takes the answer, and compares it with
   * what was known before: other answers may come meanwhile, and are of later.
   *
   * @throws {LOG_STORE_OLDER} from the returned function, and the code of the doubt
   */
  asking(): (size: number) => void
  /** A look at the whole log ended with a doubt, or with none. */
  doubt(error: CodedError | undefined): void
  /**
   * Whether the database may be acted on, as far as is known without another look.
   *
   * @throws {LOG_STORE_OLDER} and the code of the doubt
   */
  check(): void
}

/** A floor that knows nothing yet. */
export function createLogFloor(): LogFloor {
  let floor = 0
  let asked = 0
  let answered = 0
  let behind: CodedError | undefined
  let doubted: CodedError | undefined
  const check = (): void => {
    const reason = behind ?? doubted
    if (reason !== undefined) throw reason
  }
  const raise = (size: number): void => {
    floor = Math.max(floor, size)
  }
  return {
    raise,
    asking() {
      const known = floor
      const question = ++asked
      return (size) => {
        const error =
          size < known
            ? new CodedError(
                'LOG_STORE_OLDER',
                `The database holds a log of ${size} records, ${known} were published: it was set back`,
              )
            : undefined
        // An answer that was overtaken says nothing about now.
        if (question > answered) [answered, behind] = [question, error]
        raise(size)
        if (error !== undefined) throw error
        check()
      }
    },
    doubt(error) {
      doubted = error
    },
    check,
  }
}
