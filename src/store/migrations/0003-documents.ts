/** Held keys, documents, signatures, verification reports. Bytes of documents are files, not rows. */
import type { Knex } from 'knex'
import { instant, type Migration, sha256 } from './columns.ts'

async function createSigning(knex: Knex): Promise<void> {
  await knex.schema.createTable('held_keys', (table) => {
    table.string('key_id', 80).notNullable().primary()
    table.string('tenant', 80)
    table.string('algorithm', 40).notNullable()
    sha256(table, 'spki_sha256').notNullable()
    table.binary('spki_der').notNullable()
    instant(table, 'created_at').notNullable()
    instant(table, 'destroyed_at')
    table.index(['tenant', 'created_at', 'key_id'], 'held_keys_tenant')
  })
  await knex.schema.createTable('documents', (table) => {
    table.string('id', 80).notNullable().primary()
    table.string('tenant', 80).notNullable()
    sha256(table, 'sha256').notNullable()
    table.bigInteger('size').notNullable()
    table.string('media_type', 120).notNullable()
    table.text('name')
    instant(table, 'created_at').notNullable()
    instant(table, 'keep_until').notNullable()
    instant(table, 'erased_at')
    table.index(['keep_until'], 'documents_due', { predicate: knex.whereNull('erased_at') })
  })
  await knex.schema.createTable('signatures', (table) => {
    table.string('id', 80).notNullable().primary()
    table.string('tenant', 80).notNullable()
    table.string('format', 40).notNullable()
    sha256(table, 'content_sha256').notNullable()
    sha256(table, 'signed_sha256')
    table.string('issuer_id', 80).notNullable()
    table.string('serial_hex', 40).notNullable()
    table.string('document_id', 80).references('documents.id')
    table.string('actor', 100).notNullable()
    instant(table, 'signed_at').notNullable()
    table.string('record_id', 80)
    table.text('details').notNullable()
    table.index(['tenant', 'signed_at', 'id'], 'signatures_tenant')
    table.index(['serial_hex', 'issuer_id'], 'signatures_serial')
  })
}

async function createVerifications(knex: Knex): Promise<void> {
  await knex.schema.createTable('verifications', (table) => {
    table.string('id', 80).notNullable().primary()
    // Null: made by somebody without an account; whoever knows the id may read it.
    table.string('tenant', 80)
    sha256(table, 'document_sha256').notNullable()
    table.string('indication', 40).notNullable()
    table.string('policy', 80).notNullable()
    instant(table, 'at').notNullable()
    table.text('report').notNullable()
    table.index(['tenant', 'at', 'id'], 'verifications_tenant')
    table.index(['at'], 'verifications_at')
  })
}

/** Tables of signing and verifying. */
export const documents: Migration = {
  name: '0003-documents',
  up: async (knex) => {
    await createSigning(knex)
    await createVerifications(knex)
  },
}
