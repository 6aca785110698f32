/** Which attributes of a subject were checked, each by its own salted hash (Electronic Signature Law art. 20). */
import type { Migration } from './columns.ts'

/** Column of the identity evidence; null in entries made before it. */
export const evidenceAttributes: Migration = {
  name: '0006-evidence-attributes',
  up: async (knex) => {
    await knex.schema.alterTable('identity_evidence', (table) => {
      table.text('attribute_hashes')
    })
  },
}
