/** Which engine tests of the store run on: SQLite, unless a test file chose another before it made a store. */
import type { DatabaseOptions } from '../store/database.ts'

type Choose = () => Promise<DatabaseOptions>

let choose: Choose | undefined

/** A new empty database for each store that is opened from now on. */
export function chooseTestDatabase(database: Choose): void {
  choose = database
}

/** A new empty database, or undefined: SQLite. */
export const findTestDatabase = (): Promise<DatabaseOptions | undefined> =>
  choose === undefined ? Promise.resolve(undefined) : choose()

/** True while stores are on PostgreSQL. */
export const isOnPostgres = (): boolean => choose !== undefined

/** True, with a note, for a test of what SQLite alone has. */
export function isForSqliteOnly(t: { log(...values: unknown[]): void; pass(): void }, what: string): boolean {
  if (choose === undefined) return false
  t.log(`SQLite only: ${what}`)
  t.pass()
  return true
}
