/** Tenants, their API keys, and the evidence of who a certificate names (Electronic Signature Law art. 20). */
import { instant, type Migration, sha256 } from './columns.ts'

/** Tables of tenancy and identity. */
export const tenants: Migration = {
  name: '0002-tenants',
  up: async (knex) => {
    await knex.schema.createTable('tenants', (table) => {
      table.string('id', 80).notNullable().primary()
      table.text('name').notNullable()
      // Null: the period of the service's configuration.
      table.bigInteger('document_retention_seconds')
      instant(table, 'created_at').notNullable()
      instant(table, 'disabled_at')
    })
    await knex.schema.createTable('api_keys', (table) => {
      table.string('id', 80).notNullable().primary()
      table.string('prefix', 20).notNullable().unique({ indexName: 'api_keys_prefix' })
      sha256(table, 'hash').notNullable()
      table.string('tenant', 80).references('tenants.id')
      table.text('roles').notNullable()
      table.text('label')
      table.string('created_by', 100).notNullable()
      instant(table, 'created_at').notNullable()
      instant(table, 'expires_at')
      instant(table, 'revoked_at')
      instant(table, 'last_used_at')
      table.index(['tenant', 'created_at', 'id'], 'api_keys_tenant')
    })
    await knex.schema.createTable('identity_evidence', (table) => {
      table.string('id', 80).notNullable().primary()
      table.string('tenant', 80)
      table.string('method', 80).notNullable()
      table.string('source', 200).notNullable()
      table.string('result', 20).notNullable()
      instant(table, 'checked_at').notNullable()
      table.string('operator', 100).notNullable()
      // Salted hashes only: the material itself stays with whoever checked it.
      sha256(table, 'subject_hash')
      table.string('subject_salt', 128)
      table.text('material_hashes').notNullable()
      instant(table, 'created_at').notNullable()
      table.index(['tenant', 'created_at', 'id'], 'identity_evidence_tenant')
    })
  },
}
