/** Column types that all migrations share. */
import type { Knex } from 'knex'

/** One step of the schema. */
export type Migration = { readonly name: string; readonly up: (knex: Knex) => Promise<void> }

type Table = Knex.CreateTableBuilder

/** Milliseconds since 1970, UTC. */
export const instant = (table: Table, name: string): Knex.ColumnBuilder => table.bigInteger(name)

/** Lower-case hexadecimal SHA-256. */
export const sha256 = (table: Table, name: string): Knex.ColumnBuilder => table.string(name, 64)

/**
 * A key that is another table's row number. SQLite keeps such a table in its order only when the type is
 * exactly INTEGER; PostgreSQL's integer would end at two thousand million rows.
 */
export const rowKey = (knex: Knex, table: Table, name: string): Knex.ColumnBuilder =>
  table.specificType(name, String(knex.client.config.client) === 'sqlite3' ? 'integer' : 'bigint')
