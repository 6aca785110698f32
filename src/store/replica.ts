/**
 * Statuses from a streaming replica, which is behind the primary by some time nobody knows beforehand.
 *
 * The rule: a replica may say "valid", "held" or "revoked" about a serial when the same snapshot holds every status
 * change that this process knows of; for anything else, and when it does not answer, the primary is asked. So a
 * certificate that is not replicated yet is never unknown, and a revocation that this process has seen is never undone
 * by a replica that has not. What it has not seen it learns within half a second from the primary (`statusChanges`).
 */
import type { CertificateStatus } from '../../ca/ports.ts'
import type { ReadRows } from './dialect.ts'
import type { SqlRow } from './sql-values.ts'
import { readState, STATUS_SELECT, toStatus } from './statuses.ts'

const SEEN = '(SELECT coalesce(max(seq), 0) FROM status_changes) AS seen'
const STATUS_SQL = `${STATUS_SELECT.replace('SELECT ', `SELECT ${SEEN}, `)} WHERE s.serial_hex = ? AND s.issuer_id = ?`

/** A replica that failed is left alone for so long: connecting to a machine that is gone takes its time. */
const REST_MS = 5_000

/** Answers of a replica that count. */
export interface ReplicaStatuses {
  /** The primary is about to be asked for status changes; what is returned takes the newest one that it told of. */
  asking(): (latest: number) => void
  /** This process changed a status whose number it does not know yet. */
  changed(): void
  /** A status that may be used, or undefined: ask the primary. */
  findStatus(issuerId: string, serialHex: string): Promise<CertificateStatus | undefined>
}

/**
 * @param read a query on the replica
 * @param clock milliseconds, for the rest after a failure
 */
export function createReplicaStatuses(read: ReadRows, clock: () => number): ReplicaStatuses {
  // Until the primary was asked once, nothing is known.
  let known = Number.POSITIVE_INFINITY
  let ownChanges = 0
  let restsUntil = Number.NEGATIVE_INFINITY
  const readOne = async (values: readonly string[]): Promise<SqlRow | undefined> => {
    try {
      return (await read(STATUS_SQL, values))[0]
    } catch {
      restsUntil = clock() + REST_MS
      return undefined
    }
  }
  return {
    asking() {
      const before = ownChanges
      return (latest) => {
        // An answer from before a change of our own says nothing about it.
        if (ownChanges === before)
          known = known === Number.POSITIVE_INFINITY ? latest : Math.max(known, latest)
      }
    },
    changed() {
      ownChanges++
      known = Number.POSITIVE_INFINITY
    },
    async findStatus(issuerId, serialHex) {
      if (known === Number.POSITIVE_INFINITY || clock() < restsUntil) return undefined
      const row = await readOne([serialHex, issuerId])
      if (row === undefined || readState(row) === 'intent') return undefined
      // Compared after the read: what was learnt meanwhile counts too.
      return Number(row.seen) >= known ? toStatus(row) : undefined
    },
  }
}
