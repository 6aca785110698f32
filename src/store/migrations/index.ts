/** The schema, step by step. A migration that has been released is never edited: add another. */
import type { Knex } from 'knex'
import { certificates } from './0001-certificates.ts'
import { tenants } from './0002-tenants.ts'
import { documents } from './0003-documents.ts'
import { auditLog } from './0004-audit-log.ts'
import { operation } from './0005-operation.ts'
import { evidenceAttributes } from './0006-evidence-attributes.ts'
import { partitions } from './0007-partitions.ts'
import { startedRequests } from './0008-started-requests.ts'
import { crlParts } from './0009-crl-parts.ts'
import type { Migration } from './columns.ts'

/** Table in which knex remembers what it has run. */
export const MIGRATIONS_TABLE = 'schema_migrations'

// `file` is what the knex command line prints.
const migrations: readonly (Migration & { readonly file: string })[] = [
  certificates,
  tenants,
  documents,
  auditLog,
  operation,
  evidenceAttributes,
  partitions,
  startedRequests,
  crlParts,
].map((migration) => ({ ...migration, file: migration.name }))

/** Names of all migrations that this code knows, in order. */
export const migrationNames: readonly string[] = migrations.map((migration) => migration.name)

/** Lets knex run the TypeScript sources that are imported here, wherever they are installed. */
export const migrationSource: Knex.MigrationSource<Migration> = {
  getMigrations: () => Promise.resolve([...migrations]),
  getMigrationName: (migration) => migration.name,
  getMigration: (migration) =>
    Promise.resolve({
      up: migration.up,
      // Records may not be taken back, so neither may the tables that hold them: restore a backup instead.
      down: () => Promise.reject(new Error('Migrations go forward only')),
    }),
}
