/**
 * Reads from a streaming replica, which is behind the primary by some time nobody knows beforehand.
 *
 * The rule: a replica may say "valid", "held" or "revoked" about a serial when the same snapshot holds every status
 * change that this process knows of, and it knows of all that are older than half a second, because it asks the primary for
 * the number of the last one. For anything else, and when the replica does not answer, the primary is asked. So a
 * certificate that is not replicated yet is never unknown, and a revocation is never undone by a replica that has not
 * seen it. What is written once and never changes may come from a replica that has it; that it has it not means nothing.
 */
import type { ReadRows } from './dialect.ts'
import type { SqlRow, SqlValue } from './sql-values.ts'
import { readState } from './statuses.ts'

const SEEN = '(SELECT coalesce(max(seq), 0) FROM status_changes) AS seen'

/** A replica that failed is left alone for so long: connecting to a machine that is gone takes its time. */
const REST_MS = 5_000

/** How long what the primary told of its status changes is enough to go by; the OCSP responder has the same. */
const FRESH_MS = 500

/** Answers of a replica that count. */
export interface ReplicaReads {
  /** The primary is about to be asked for status changes; what is returned takes the newest one that it told of. */
  asking(): (latest: number) => void
  /** This process changed a status whose number it does not know yet. */
  changed(): void
  /**
   * The row of one serial with its status, or undefined: ask the primary.
   *
   * @param sql a SELECT with the columns of a status
   * @throws {STORE_UNAVAILABLE} when the primary cannot say which status change is the last
   */
  findCurrent(sql: string, values: readonly SqlValue[]): Promise<SqlRow | undefined>
  /** A row that never changes once it is there, or undefined: ask the primary. */
  findWritten(sql: string, values: readonly SqlValue[]): Promise<SqlRow | undefined>
}

/**
 * @param read a query on the replica
 * @param askLatest the number of the last status change, from the primary
 * @param clock milliseconds, for the rest after a failure
 */
export function createReplicaReads(
  read: ReadRows,
  askLatest: () => Promise<number>,
  clock: () => number,
): ReplicaReads {
  // Until the primary was asked once, nothing is known.
  let known = Number.POSITIVE_INFINITY
  let askedAt = Number.NEGATIVE_INFINITY
  let ownChanges = 0
  let restsUntil = Number.NEGATIVE_INFINITY
  let asked: Promise<void> | undefined

  const asking = (): ((latest: number) => void) => {
    const [before, at] = [ownChanges, clock()]
    return (latest) => {
      // An answer from before a change of our own says nothing about it.
      if (ownChanges !== before) return
      known = known === Number.POSITIVE_INFINITY ? latest : Math.max(known, latest)
      askedAt = Math.max(askedAt, at)
    }
  }
  const ask = async (): Promise<void> => {
    const note = asking()
    note(await askLatest())
  }
  const isFresh = (): boolean => known !== Number.POSITIVE_INFINITY && clock() - askedAt < FRESH_MS
  const readOne = async (sql: string, values: readonly SqlValue[]): Promise<SqlRow | undefined> => {
    if (clock() < restsUntil) return undefined
    try {
      return (await read(sql, values))[0]
    } catch {
      restsUntil = clock() + REST_MS
      return undefined
    }
  }
  return {
    asking,
    changed() {
      ownChanges++
      known = Number.POSITIVE_INFINITY
    },
    async findCurrent(sql, values) {
      if (!isFresh())
        await (asked ??= ask().finally(() => {
          asked = undefined
        }))
      const row = await readOne(sql.replace('SELECT ', `SELECT ${SEEN}, `), values)
      if (row === undefined || readState(row) === 'intent') return undefined
      // Compared after the read: what was learnt meanwhile counts too.
      return Number(row.seen) >= known ? row : undefined
    },
    findWritten: readOne,
  }
}
