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

/** Serials in one query; lengths are powers of two, so that few statements are prepared. */
const MAX_JOINED = 64

/** Finds one status; sees every commit that ended before it was asked. */
export type FindStatus = (issuerId: string, serialHex: string) => Promise<CertificateStatus | undefined>

interface Ask {
  readonly issuerId: string
  readonly serialHex: string
}

/** The query for so many serials of one issuer; exported for the test of its plan. */
export const statementFor = (count: number): string =>
  `${STATUS_SELECT} WHERE s.issuer_id = ? AND s.serial_hex IN (${Array(count).fill('?').join(', ')})`

async function ofIssuer(reader: Knex, issuerId: string, serials: readonly string[]) {
  const count = 2 ** Math.ceil(Math.log2(serials.length))
  const padding = Array<string>(count - serials.length).fill(serials[0] ?? '')
  const rows = await queryRows(reader, statementFor(count), [issuerId, ...serials, ...padding])
  return rows.map(toStatus)
}

async function answer(reader: Knex, asks: readonly Ask[]): Promise<(CertificateStatus | undefined)[]> {
  const byIssuer = Map.groupBy(asks, ({ issuerId }) => issuerId)
  const found = new Map<string, Map<string, CertificateStatus>>()
  for (const [issuerId, own] of byIssuer) {
    const serials = own.map(({ serialHex }) => serialHex)
    const statuses = await ofIssuer(reader, issuerId, serials)
    found.set(issuerId, new Map(statuses.map((status) => [status.serialHex, status])))
  }
  return asks.map(({ issuerId, serialHex }) => found.get(issuerId)?.get(serialHex))
}

/** Look-ups over this reader. */
export function joinStatusReads(reader: Knex): FindStatus {
  const find = joinCalls<Ask, CertificateStatus | undefined>((asks) => answer(reader, asks), {
    ...JOINED_READS,
    atMost: MAX_JOINED,
  })
  return (issuerId, serialHex) => find({ issuerId, serialHex })
}
