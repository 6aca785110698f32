/**
 * Reads of SQLite that share connections.
 *
 * A pooled connection is held until the event loop comes back to its caller, so that a busy process reads no faster
 * than connections times turns of its loop. A look-up needs no connection of its own: it is one statement, prepared
 * once, run to its end by a worker thread. Two never overlap on one connection (the driver holds its lock from the
 * first row to the last), so each sees every commit that ended before it began.
 */
import type { Knex } from 'knex'
import type { SqliteConnection, SqliteStatement, SqlRow, SqlValue } from './dialect.ts'

/** Statements kept prepared on a connection; those of searches differ and come and go. */
const MAX_PREPARED = 200

const prepare = (connection: SqliteConnection, sql: string): Promise<SqliteStatement> =>
  new Promise((resolve, reject) => {
    const statement: SqliteStatement = connection.prepare(sql, (error) => {
      if (error === null) resolve(statement)
      else reject(error)
    })
  })

const readAll = (statement: SqliteStatement, values: readonly SqlValue[]): Promise<SqlRow[]> =>
  new Promise((resolve, reject) => {
    statement.all(values, (error, rows) => {
      if (error === null) resolve(rows)
      else reject(error)
    })
  })

/** Prepared statements of one connection, least recently used out first. */
function createStatements(connection: SqliteConnection) {
  const prepared = new Map<string, Promise<SqliteStatement>>()
  const finalize = (statement: Promise<SqliteStatement>): void =>
    void statement.then(
      (done) => done.finalize(),
      () => undefined,
    )
  return {
    find(sql: string): Promise<SqliteStatement> {
      const known = prepared.get(sql)
      const found = known ?? prepare(connection, sql)
      // One that could not be prepared is tried again; its error goes to who asked.
      if (!known) found.catch(() => prepared.delete(sql))
      prepared.delete(sql)
      prepared.set(sql, found)
      const [oldest] = prepared
      if (prepared.size > MAX_PREPARED && oldest) {
        prepared.delete(oldest[0])
        finalize(oldest[1])
      }
      return found
    },
    close: (): void => {
      for (const statement of prepared.values()) finalize(statement)
      prepared.clear()
    },
  }
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
  const all = connections.map(createStatements)
  let next = 0
  return {
    async rows(sql, values) {
      const statements = all[next++ % all.length]
      if (!statements) throw new Error('there is no connection to read over')
      return readAll(await statements.find(sql), values)
    },
    async close() {
      for (const statements of all) statements.close()
      await Promise.all(connections.map((connection) => client.releaseConnection(connection)))
    },
  }
}
