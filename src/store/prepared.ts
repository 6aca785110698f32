/** Prepared statements of connections of SQLite: text is compiled once, and running one is a single call of the driver. */
import type { RawConnection, SqliteConnection, SqliteStatement, SqlRow, SqlValue } from './dialect.ts'

/** Statements kept prepared on a connection; those of searches differ and come and go. */
const MAX_PREPARED = 200

/** Prepared statements of one connection, least recently used out first. */
export type PreparedStatements = {
  /** Runs one to its last row, under the lock of the connection. */
  readonly all: (sql: string, values: readonly SqlValue[]) => Promise<SqlRow[]>
  /**
   * Gives all of them back: SQLite does not close a connection that has one, and the log file then stays beside the
   * database, needed by whoever copies it.
   */
  readonly close: () => void
}

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

function create(connection: SqliteConnection): PreparedStatements {
  const prepared = new Map<string, Promise<SqliteStatement>>()
  const finalize = (statement: Promise<SqliteStatement>): void =>
    void statement.then(
      (done) => done.finalize(),
      () => undefined,
    )
  const find = (sql: string): Promise<SqliteStatement> => {
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
  }
  return {
    all: async (sql, values) => readAll(await find(sql), values),
    close: () => {
      for (const statement of prepared.values()) finalize(statement)
      prepared.clear()
    },
  }
}

const byConnection = new WeakMap<RawConnection, PreparedStatements>()

/** Those of a connection. */
export function preparedOn(connection: RawConnection): PreparedStatements {
  const known = byConnection.get(connection)
  if (known) return known
  const made = create(connection as SqliteConnection)
  byConnection.set(connection, made)
  return made
}
