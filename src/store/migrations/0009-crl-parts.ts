/**
 * Entries of a CRL in parts of their own. A list names its parts (`parts`, JSON of id, SHA-256 and length of each);
 * `crl_der` is what stands before them and `tail_der` what stands behind. A list without a tail is whole in `crl_der`:
 * one of an older version, or one that another house signed.
 *
 * The index of the full list holds all that an entry is made of, so that a million of them are read in order and not
 * from a million places.
 */
import { instant, type Migration } from './columns.ts'

/** Parts, and the index that they are made from. */
export const crlParts: Migration = {
  name: '0009-crl-parts',
  up: async (knex) => {
    await knex.schema.createTable('crl_parts', (table) => {
      table.bigIncrements('id')
      instant(table, 'made_at').notNullable()
      table.binary('bytes').notNullable()
    })
    await knex.schema.alterTable('crls', (table) => {
      table.text('parts')
      table.binary('tail_der')
      table.string('crl_sha256', 64)
      table.index(['issuer_id', 'shard', 'id'], 'crls_kept', { predicate: knex.whereNotNull('crl_der') })
    })
    await knex.schema.alterTable('revocations', (table) => {
      table.dropIndex(['issuer_id', 'serial_hex'], 'revocations_full')
      table.index(
        ['issuer_id', 'serial_hex', 'revoked_at', 'reason', 'invalidity_date', 'not_after'],
        'revocations_full',
      )
    })
  },
}
