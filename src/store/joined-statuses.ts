/**
 * Look-ups of statuses that share a query: a look-up costs a hop to another thread, or to another machine; for many it is
 * the same hop.
 */
import type { Knex } from 'knex'
import type { CertificateStatus } from '../../ca/ports.ts'
import { joinCalls } from '../../ca/joined.ts'
import { queryRows } from './dialect.ts'
import { JOINED_READS } from './shared-reads.ts'
import { STATUS_SELECT, toStatus } from './statuses.ts'

/** Finds one status; sees every commit that ended before it was asked. */
export type FindStatus = (issuerId: string, serialHex: string) => Promise<CertificateStatus | undefined>

interface Ask {
  readonly issuerId: string
  readonly serialHex: string
}

const keyOf = ({ issuerId, serialHex }: Ask): string => `${issuerId}/${serialHex}`

/**
 * The query for so many serials of one issuer, a power of two, so that few statements are prepared; exported for the test of its
 * plan.
 */
export const statementFor = (count: number): string =>
  `${STATUS_SELECT} WHERE s.issuer_id = ? AND s.serial_hex IN (${Array(count).fill('?').join(', ')})`

async function ofIssuer(reader: Knex, issuerId: string, serials: readonly string[]) {
  const count = 2 ** Math.ceil(Math.log2(serials.length))
  const padding = Array<string>(count - serials.length).fill(serials[0] ?? '')
  const rows = await queryRows(reader, statementFor(count), [issuerId, ...serials, ...padding])
  return rows.map(toStatus)
}

async function answer(reader: Knex, asks: readonly Ask[]): Promise<(CertificateStatus | undefined)[]> {
  const byIssuer = [...Map.groupBy(asks, ({ issuerId }) => issuerId)]
  const statuses = await Promise.all(
    byIssuer.map(([issuerId, own]) =>
      ofIssuer(
        reader,
        issuerId,
        own.map(({ serialHex }) => serialHex),
      ),
    ),
  )
  const found = new Map(statuses.flat().map((status) => [keyOf(status), status]))
  return asks.map((ask) => found.get(keyOf(ask)))
}

/** Look-ups over this reader. */
export function joinStatusReads(reader: Knex): FindStatus {
  const find = joinCalls((asks: readonly Ask[]) => answer(reader, asks), JOINED_READS)
  return (issuerId, serialHex) => find({ issuerId, serialHex })
}
