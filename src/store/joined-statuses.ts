/**
 * Look-ups of statuses that share a query: whatever is asked in one turn of the event loop goes to the database
 * together. A look-up costs a hop to another thread, or to another machine; for many it is the same hop.
 */
import type { Knex } from 'knex'
import type { CertificateStatus } from '../../ca/ports.ts'
import { queryRows } from './dialect.ts'
import { STATUS_SELECT, toStatus } from './statuses.ts'

/** Serials in one query; lengths are powers of two, so that few statements are prepared. */
const MAX_JOINED = 64

/** Finds one status; sees every commit that ended before it was asked. */
export type FindStatus = (issuerId: string, serialHex: string) => Promise<CertificateStatus | undefined>

interface Ask {
  readonly serialHex: string
  readonly resolve: (status: CertificateStatus | undefined) => void
  readonly reject: (error: unknown) => void
}

/** The query for so many serials of one issuer; exported for the test of its plan. */
export const statementFor = (count: number): string =>
  `${STATUS_SELECT} WHERE s.issuer_id = ? AND s.serial_hex IN (${Array(count).fill('?').join(', ')})`

async function answer(reader: Knex, issuerId: string, asks: readonly Ask[]): Promise<void> {
  try {
    const serials = asks.map(({ serialHex }) => serialHex)
    const count = 2 ** Math.ceil(Math.log2(serials.length))
    const padding = Array<string>(count - serials.length).fill(serials[0] ?? '')
    const rows = await queryRows(reader, statementFor(count), [issuerId, ...serials, ...padding])
    const found = new Map(rows.map((row) => [String(row.serial_hex), row]))
    for (const { serialHex, resolve } of asks) {
      const row = found.get(serialHex)
      resolve(row && toStatus(row))
    }
  } catch (error) {
    for (const { reject } of asks) reject(error)
  }
}

/** Look-ups over this reader. */
export function joinStatusReads(reader: Knex): FindStatus {
  let waiting = new Map<string, Ask[]>()
  const flush = (): void => {
    const all = waiting
    waiting = new Map()
    for (const [issuerId, asks] of all)
      for (let from = 0; from < asks.length; from += MAX_JOINED)
        void answer(reader, issuerId, asks.slice(from, from + MAX_JOINED))
  }
  return (issuerId, serialHex) => {
    const { promise, resolve, reject } = Promise.withResolvers<CertificateStatus | undefined>()
    if (waiting.size === 0) setImmediate(flush)
    const asks = waiting.get(issuerId) ?? []
    waiting.set(issuerId, asks)
    asks.push({ serialHex, resolve, reject })
    return promise
  }
}
