/**
 * Reads of SQLite that share connections.
 *
 * A pooled connection is held until the event loop comes back to its caller, so that a busy process reads no faster
 * than connections times turns of its loop. A look-up needs no connection of its own: it is one statement, prepared
 * once, run to its end by a worker thread. Two never overlap on one connection (the driver holds its lock from the
 * first row to the last), so each sees every commit that ended before it began.
 */
import type { Knex } from 'knex'
import type { JoinLimits } from '../../ca/joined.ts'
import type { SqlRow, SqlValue, SqliteConnection } from './dialect.ts'
import { preparedOn } from './prepared.ts'

/** How look-ups of many requests share a query. */
export const JOINED_READS: JoinLimits = {
  atMost: 64,
  underWay: 4,
  waiting: 20_000,
  overloaded: 'STORE_OVERLOADED',
}

/** Reads over connections that are held for it. */
export type SharedReads = {
  readonly rows: (sql: string, values: readonly SqlValue[]) => Promise<SqlRow[]>
  /** Gives the connections back. */
  readonly close: () => Promise<void>
}

/** Takes connections out of the pool and reads over them in turn. */
export async function openSharedReads(reader: Knex, count: number): Promise<SharedReads> {
  const client = reader.client as {
    acquireConnection(): Promise<SqliteConnection>
    releaseConnection(connection: SqliteConnection): Promise<void>
  }
  const connections = await Promise.all(Array.from({ length: count }, () => client.acquireConnection()))
  const all = connections.map(preparedOn)
  let next = 0
  return {
    async rows(sql, values) {
      const statements = all[next++ % all.length]
      if (!statements) throw new Error('there is no connection to read over')
      return statements.all(sql, values)
    },
    async close() {
      for (const statements of all) statements.close()
      await Promise.all(connections.map((connection) => client.releaseConnection(connection)))
    },
  }
}
