/**
 * PostgreSQL: serials and certificates by month of issuance.
 *
 * A unique index of a partitioned table must hold the column that it is partitioned by. Serials begin with their
 * instance and second of issuance, so `serial_hex` itself is that column: a serial has one partition where it can be,
 * and is unique there. Certificates follow by `serial_id`, whose upper bits are the month. What has no partition
 * of its own (made by older code, or when no partition was made in time) goes to `…_p_rest`.
 *
 * Foreign keys to `serials.id` go: it is no longer unique by an index. The check `certificates_known_serial` stays, and
 * each id comes from one sequence.
 */
import type { Knex } from 'knex'
import type { Migration } from './columns.ts'

// Lower bits of a serial's row number that count; the month since 1970 is above them.
const MONTH_SHIFT = 40

const STATEMENTS = [
  `CREATE FUNCTION yinxin_month(at bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
     ((extract(year FROM to_timestamp(at / 1000.0) AT TIME ZONE 'UTC')::bigint - 1970) * 12
       + extract(month FROM to_timestamp(at / 1000.0) AT TIME ZONE 'UTC')::bigint - 1)`,
  'ALTER TABLE revocations DROP CONSTRAINT revocations_serial_id_foreign',
  'DROP TABLE certificates',
  'DROP TABLE serials',
  'CREATE SEQUENCE serials_id_seq',
  `CREATE TABLE serials (
     id bigint NOT NULL,
     issuer_id varchar(80) NOT NULL,
     serial_hex varchar(40) COLLATE "C" NOT NULL,
     tenant varchar(80),
     profile varchar(80) NOT NULL,
     class varchar(20) NOT NULL,
     tbs_sha256 varchar(64) NOT NULL,
     spki_sha256 varchar(64) COLLATE "C" NOT NULL,
     shard integer,
     actor varchar(100) NOT NULL,
     at bigint NOT NULL
   ) PARTITION BY RANGE (serial_hex)`,
  'CREATE UNIQUE INDEX serials_serial ON serials (serial_hex, issuer_id)',
  'CREATE INDEX serials_id ON serials (id)',
  'CREATE INDEX serials_spki ON serials (spki_sha256)',
  'CREATE INDEX serials_tenant_at ON serials (tenant, at, id)',
  'CREATE INDEX serials_at ON serials (at, id)',
  'CREATE TABLE serials_p_rest PARTITION OF serials DEFAULT',
  `CREATE TABLE certificates (
     serial_id bigint NOT NULL PRIMARY KEY,
     cert_sha256 varchar(64) NOT NULL,
     algorithm varchar(80) NOT NULL,
     not_before bigint NOT NULL,
     not_after bigint NOT NULL,
     subject text,
     common_name text,
     subject_salt varchar(128),
     key_id varchar(80),
     identity_evidence_id varchar(80),
     issued_at bigint NOT NULL,
     record_id varchar(80),
     erased_at bigint,
     cert_der bytea NOT NULL,
     CONSTRAINT certificates_known_serial CHECK (serial_id > 0)
   ) PARTITION BY RANGE (serial_id)`,
  'CREATE INDEX certificates_common_name ON certificates (common_name)',
  `CREATE INDEX certificates_evidence ON certificates (identity_evidence_id, not_after)
     WHERE identity_evidence_id IS NOT NULL`,
  'CREATE TABLE certificates_p_rest PARTITION OF certificates DEFAULT',
]

async function hasSerials(knex: Knex): Promise<boolean> {
  return (await knex('serials').select('id').limit(1)).length > 0
}

/** Partitions of the two large tables. */
export const partitions: Migration = {
  name: '0007-partitions',
  up: async (knex) => {
    if (String(knex.client.config.client) !== 'pg') return
    // No version with these tables unpartitioned ever ran on PostgreSQL.
    if (await hasSerials(knex)) throw new Error('serials holds rows and cannot be partitioned in place')
    for (const statement of STATEMENTS) await knex.raw(statement)
  },
}

/** First row number of a month, counted from January 1970. */
export const firstIdOfMonth = (month: number): bigint => BigInt(month) << BigInt(MONTH_SHIFT)
