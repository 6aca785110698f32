/** Repeated requests, figures, leases of jobs, settings. */
import { instant, type Migration, sha256 } from './columns.ts'

/** Tables of operation. */
export const operation: Migration = {
  name: '0005-operation',
  up: async (knex) => {
    await knex.schema.createTable('idempotency_keys', (table) => {
      table.string('owner', 100).notNullable()
      table.string('key', 255).notNullable()
      table.string('route', 200).notNullable()
      sha256(table, 'body_sha256').notNullable()
      table.string('state', 10).notNullable()
      table.integer('status')
      table.text('response')
      instant(table, 'created_at').notNullable()
      instant(table, 'expires_at').notNullable()
      table.primary(['owner', 'key'])
      table.index(['expires_at'], 'idempotency_keys_expires')
    })
    await knex.schema.createTable('statistics_days', (table) => {
      table.string('day', 10).notNullable().primary()
      // Records with an index below this were counted.
      table.bigInteger('tree_size').notNullable()
      table.text('figures').notNullable()
      instant(table, 'computed_at').notNullable()
    })
    await knex.schema.createTable('leases', (table) => {
      table.string('name', 80).notNullable().primary()
      table.string('holder', 120).notNullable()
      table.bigInteger('epoch').notNullable()
      instant(table, 'until').notNullable()
    })
    await knex.schema.createTable('settings', (table) => {
      table.string('key', 120).notNullable().primary()
      table.text('value').notNullable()
      instant(table, 'changed_at').notNullable()
    })
  },
}
