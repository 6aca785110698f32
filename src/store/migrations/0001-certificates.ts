/**
 * Serials, certificates, revocations, CRLs.
 *
 * Issuing only inserts: `serials` at the intent (narrow: every status look-up starts here), `certificates`
 * when it is signed (wide: DER, subject; read when a certificate is shown). `revocations` holds what is
 * revoked or held now and is the one authority for it; a serial without a row there is valid if it has a
 * certificate, else an intent. So a CRL reads revoked rows only, and no row of the two big tables is rewritten.
 */
import type { Knex } from 'knex'
import { instant, type Migration, rowKey, sha256 } from './columns.ts'

async function createSerials(knex: Knex): Promise<void> {
  await knex.schema.createTable('serials', (table) => {
    table.bigIncrements('id')
    table.string('issuer_id', 80).notNullable()
    table.string('serial_hex', 40).notNullable()
    table.string('tenant', 80)
    table.string('profile', 80).notNullable()
    table.string('class', 20).notNullable()
    sha256(table, 'tbs_sha256').notNullable()
    sha256(table, 'spki_sha256').notNullable()
    table.integer('shard')
    table.string('actor', 100).notNullable()
    instant(table, 'at').notNullable()
    table.unique(['serial_hex', 'issuer_id'], { indexName: 'serials_serial' })
    table.index(['spki_sha256'], 'serials_spki')
    table.index(['tenant', 'at', 'id'], 'serials_tenant_at')
    table.index(['at', 'id'], 'serials_at')
  })
}

async function createCertificates(knex: Knex): Promise<void> {
  await knex.schema.createTable('certificates', (table) => {
    rowKey(knex, table, 'serial_id').notNullable().primary().references('serials.id')
    sha256(table, 'cert_sha256').notNullable()
    table.string('algorithm', 80).notNullable()
    instant(table, 'not_before').notNullable()
    instant(table, 'not_after').notNullable()
    table.text('subject')
    table.text('common_name')
    table.string('subject_salt', 128)
    table.string('key_id', 80)
    table.string('identity_evidence_id', 80)
    instant(table, 'issued_at').notNullable()
    // Record of the issuance, for its receipt.
    table.string('record_id', 80)
    instant(table, 'erased_at')
    table.binary('cert_der').notNullable()
    // An unknown serial is inserted as row 0, which neither this nor the foreign key lets in.
    table.check('serial_id > 0', {}, 'certificates_known_serial')
    table.index(['common_name'], 'certificates_common_name')
    table.index(['identity_evidence_id', 'not_after'], 'certificates_evidence', {
      predicate: knex.whereNotNull('identity_evidence_id'),
    })
  })
}

async function createRevocations(knex: Knex): Promise<void> {
  await knex.schema.createTable('revocations', (table) => {
    rowKey(knex, table, 'serial_id').notNullable().primary().references('serials.id')
    table.string('issuer_id', 80).notNullable()
    table.string('serial_hex', 40).notNullable()
    table.integer('shard')
    table.string('state', 10).notNullable()
    instant(table, 'revoked_at').notNullable()
    table.string('reason', 30).notNullable()
    table.string('legal_ground', 30)
    instant(table, 'invalidity_date')
    instant(table, 'not_after')
    table.index(['issuer_id', 'serial_hex'], 'revocations_full')
    table.index(['issuer_id', 'shard', 'serial_hex'], 'revocations_shard')
  })
  await knex.schema.createTable('status_changes', (table) => {
    table.bigIncrements('seq')
    table.string('issuer_id', 80).notNullable()
    table.string('serial_hex', 40).notNullable()
    table.string('from_state', 10).notNullable()
    table.string('to_state', 10).notNullable()
    instant(table, 'at').notNullable()
  })
  await knex.schema.createTable('blocked_keys', (table) => {
    sha256(table, 'spki_sha256').notNullable().primary()
    instant(table, 'at').notNullable()
    table.string('source', 200).notNullable()
  })
}

async function createCrls(knex: Knex): Promise<void> {
  await knex.schema.createTable('crls', (table) => {
    table.bigIncrements('id')
    table.string('issuer_id', 80).notNullable()
    // -1 is the full CRL: NULL would not take part in the unique key.
    table.integer('shard').notNullable()
    table.string('number', 50).notNullable()
    instant(table, 'this_update').notNullable()
    instant(table, 'next_update').notNullable()
    table.integer('entry_count').notNullable()
    table.binary('crl_der')
    table.unique(['issuer_id', 'shard', 'number'], { indexName: 'crls_number' })
    table.index(['issuer_id', 'shard', 'id'], 'crls_latest')
  })
}

/** First tables of the certification authority. */
export const certificates: Migration = {
  name: '0001-certificates',
  up: async (knex) => {
    await createSerials(knex)
    await createCertificates(knex)
    await createRevocations(knex)
    await createCrls(knex)
  },
}
