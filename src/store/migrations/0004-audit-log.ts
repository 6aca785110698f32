/**
 * Audit records and the log over them.
 *
 * Records get their place by runs: places `first_index …` are the rows `first_row …`. Rows without gaps are one
 * run for ever, so giving a thousand records their places writes one row and no record again.
 */
import { instant, type Migration } from './columns.ts'

/** Tables of the log. */
export const auditLog: Migration = {
  name: '0004-audit-log',
  up: async (knex) => {
    await knex.schema.createTable('audit_records', (table) => {
      table.bigIncrements('seq')
      table.string('id', 80).notNullable().unique({ indexName: 'audit_records_id' })
      instant(table, 'at').notNullable()
      table.string('type', 40).notNullable()
      table.string('actor', 100).notNullable()
      table.string('tenant', 80)
      table.binary('leaf').notNullable()
      table.index(['at'], 'audit_records_at')
    })
    await knex.schema.createTable('log_runs', (table) => {
      table.bigInteger('first_index').notNullable().primary()
      table.bigInteger('first_row').notNullable().unique({ indexName: 'log_runs_row' })
      table.bigInteger('count').notNullable()
    })
    await knex.schema.createTable('log_states', (table) => {
      table.integer('id').notNullable().primary()
      table.bigInteger('size').notNullable()
      table.binary('root').notNullable()
      table.string('at', 30).notNullable()
      table.text('checkpoint').notNullable()
      table.bigInteger('pending_size')
      table.binary('pending_root')
      table.string('pending_at', 30)
    })
    await knex.schema.createTable('log_tiles', (table) => {
      table.integer('level').notNullable()
      table.bigInteger('tile').notNullable()
      table.binary('hashes').notNullable()
      table.primary(['level', 'tile'])
    })
  },
}
