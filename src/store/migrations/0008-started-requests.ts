/** A start gives back the requests that were under way: a handful among a day's answers, found by an index of their own. */
import type { Migration } from './columns.ts'

/** Index over the claims that have no answer yet. */
export const startedRequests: Migration = {
  name: '0008-started-requests',
  up: async (knex) => {
    await knex.schema.alterTable('idempotency_keys', (table) => {
      table.index(['owner', 'key'], 'idempotency_keys_started', {
        predicate: knex.whereRaw("state = 'started'"),
      })
    })
  },
}
