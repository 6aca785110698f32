/**
 * What is special about PostgreSQL: sessions, statements over the driver itself, one start at a time.
 *
 * Statements go to the driver with `$1` for each `?`, and keep their plan on a connection when their text is fixed.
 */
import type { Knex } from 'knex'
import { CodedError } from '../../ca/errors.ts'
import type { RawConnection, SqlRow, SqlValue } from './sql-values.ts'

/** The part of a connection of the driver that is used. */
type PgConnection = {
  query(query: {
    readonly text: string
    readonly values: readonly unknown[]
    readonly name?: string
  }): Promise<{ readonly rows: SqlRow[] }>
}

/** A statement for the driver. */
type PgStatement = { readonly text: string; readonly name?: string }

/** Texts that are prepared on each connection; those of searches differ and come and go. */
const MAX_NAMED = 300
const MAX_NAMED_LENGTH = 4_000

const statements = new Map<string, PgStatement>()

function findStatement(sql: string): PgStatement {
  const known = statements.get(sql)
  if (known) return known
  let count = 0
  const text = sql.replaceAll('?', () => `$${++count}`)
  if (statements.size >= MAX_NAMED || sql.length > MAX_NAMED_LENGTH || count === 0) return { text }
  const statement = { text, name: `y${statements.size}` }
  statements.set(sql, statement)
  return statement
}

/** Runs one statement on a connection of the driver. */
export async function runPg(
  connection: RawConnection,
  sql: string,
  values: readonly SqlValue[],
): Promise<SqlRow[]> {
  return (await (connection as PgConnection).query({ ...findStatement(sql), values })).rows
}

/** True when the connection broke: whether its last statement took effect is not known. */
export function isConnectionLost(error: unknown): boolean {
  const { code = '' } = (error ?? {}) as { code?: unknown }
  // The server's own words before it goes: shutdown, crash of another session, it is starting.
  if (/^(08|57P0[1-5])/.test(String(code))) return true
  if (/^(ECONN|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_)/.test(String(code)))
    return true
  const message = error instanceof Error ? error.message : ''
  return /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout expired)/.test(
    message,
  )
}

type Pool = {
  acquireConnection(): Promise<RawConnection>
  releaseConnection(connection: RawConnection): Promise<void>
}

const poolOf = (knex: Knex): Pool => knex.client as Pool

/** Runs work over a connection of the pool. */
export async function withPgConnection<T>(
  knex: Knex,
  work: (connection: RawConnection) => Promise<T>,
): Promise<T> {
  const connection = await poolOf(knex).acquireConnection()
  try {
    return await work(connection)
  } finally {
    await poolOf(knex).releaseConnection(connection)
  }
}

/** A connection that the server has closed since is no reason to fail: a read is asked once more. */
async function readOnce(reader: Knex, sql: string, values: readonly SqlValue[], onSend: () => void) {
  const read = () =>
    withPgConnection(reader, (connection) => {
      onSend()
      return runPg(connection, sql, values)
    })
  try {
    return await read()
  } catch (error) {
    if (!isConnectionLost(error)) throw error
    return await read()
  }
}

/** Reads over a pool; the same question, asked again before it was sent, is sent once. */
export function readPg(reader: Knex) {
  const unsent = new Map<string, Promise<SqlRow[]>>()
  return (sql: string, values: readonly SqlValue[]): Promise<SqlRow[]> => {
    const isPlain = values.every((value) => !(value instanceof Uint8Array))
    const question = isPlain ? JSON.stringify([sql, values]) : undefined
    const known = question === undefined ? undefined : unsent.get(question)
    if (known) return known
    const answer = readOnce(reader, sql, values, () => {
      if (question !== undefined) unsent.delete(question)
    }).finally(() => question !== undefined && unsent.delete(question))
    if (question !== undefined) unsent.set(question, answer)
    return answer
  }
}

/**
 * Every statement of the service finds its rows by keys. Planned while a month was new and empty it would read tables
 * whole, or hash them, and keep that plan on its connection while the month fills.
 */
const PLANS = '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off'
/** A session that stops answering gives its locks back; TCP alone may take hours to notice that a machine is gone. */
const WRITER_OPTIONS = `${PLANS} -c idle_in_transaction_session_timeout=15s -c lock_timeout=30s -c plan_cache_mode=force_generic_plan`
const READER_OPTIONS = `${PLANS} -c default_transaction_read_only=on`
const CONNECT_MS = 10_000

/** What the driver connects with. */
export const pgConnection = (connectionString: string, isReader: boolean): Knex.PgConnectionConfig => ({
  connectionString,
  application_name: isReader ? 'yinxin-reader' : 'yinxin',
  options: isReader ? READER_OPTIONS : WRITER_OPTIONS,
  keepAlive: true,
  connectionTimeoutMillis: CONNECT_MS,
})

/** `local` and `remote_write` are durable here, and lose what was answered when a standby takes over. */
const DURABLE = ['on', 'remote_apply']

/**
 * An answer is given when its commit is durable, so a server that does not make commits durable is refused; what counts
 * is what our sessions get, whether the server, the database or the role sets it.
 *
 * @throws {STORE_UNAVAILABLE}
 */
export async function checkDurability(writer: Knex): Promise<void> {
  const sql = `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')`
  const rows = await withPgConnection(writer, (connection) => runPg(connection, sql, []))
  const weak = rows.find(({ setting }) => !DURABLE.includes(String(setting)))
  if (weak === undefined && rows.length === 3) return
  const { name, setting } = weak ?? { name: 'a setting of durability', setting: 'not shown' }
  throw new CodedError(
    'STORE_UNAVAILABLE',
    `PostgreSQL may lose what was answered: ${String(name)} is ${String(setting)}`,
  )
}

const START_LOCK = 7_236_831

/** Runs work while no other process of this database does: the lock ends with its connection, however that ends. */
export function withPgLock<T>(writer: Knex, work: () => Promise<T>, lock = START_LOCK): Promise<T> {
  return withPgConnection(writer, async (connection) => {
    // Whoever waits for a first start waits for a ceremony.
    await runPg(connection, 'SET lock_timeout = 0', [])
    await runPg(connection, `SELECT pg_advisory_lock(${lock})`, [])
    try {
      return await work()
    } finally {
      await runPg(connection, `SELECT pg_advisory_unlock(${lock})`, [])
      await runPg(connection, 'RESET lock_timeout', [])
    }
  })
}

const OUTCOME_TRIES = 40
const OUTCOME_PAUSE_MS = 500

/**
 * What became of a transaction whose COMMIT got no answer: the server remembers it by its number.
 *
 * @throws the connection's error while the server is away, after 20 seconds
 */
export async function wasCommitted(
  writer: Knex,
  transactionId: string,
  sleep: (ms: number) => Promise<unknown>,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      const [row] = await withPgConnection(writer, (connection) =>
        runPg(connection, `SELECT pg_xact_status('${transactionId}'::xid8) AS status`, []),
      )
      if (row?.status !== 'in progress') return row?.status === 'committed'
    } catch (error) {
      if (!isConnectionLost(error) || attempt >= OUTCOME_TRIES) throw error
    }
    if (attempt >= OUTCOME_TRIES) throw new CodedError('STORE_UNAVAILABLE', 'A commit is still in progress')
    await sleep(OUTCOME_PAUSE_MS)
  }
}
