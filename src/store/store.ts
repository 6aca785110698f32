/** Opens the store: the database, the one writer over it, and everything that reads and writes through them. */
import { createApiKeys } from './api-keys.ts'
import { createAuditRecords } from './audit-records.ts'
import { type BackupFacts, backupDatabase, type BackupProgress } from './backup.ts'
import { createCaStore } from './ca-store.ts'
import {
  type CertificateQuery,
  findCertificate,
  searchCertificates,
  streamCertificates,
} from './certificates-search.ts'
import { createCheckpointFile } from './checkpoint-file.ts'
import { CodedError } from '../../ca/errors.ts'
import { type Database, type DatabaseOptions, openDatabase, openReadOnly } from './database.ts'
import { type DocumentFiles, documentFilesIn, openDocumentFiles } from './document-files.ts'
import { type CrlPeriod, readCrlPeriods } from './crls.ts'
import { createDocuments } from './documents.ts'
import { type Committer, createCommitter, type CommitterLimits } from './group-commit.ts'
import { createHeldKeys } from './held-keys.ts'
import { createIdempotency, type IdempotencyPeriods } from './idempotency.ts'
import { createIdentityEvidence } from './identity-evidence.ts'
import { checkLogFloor, createLogStore } from './log-store.ts'
import { createLeases, createSettings, createStatistics } from './operation.ts'
import { createPartitions } from './partitions.ts'
import { checkDurability, withPgLock } from './postgres.ts'
import type { RandomBytes } from './records.ts'
import { createReplicaReads, type ReplicaReads } from './replica.ts'
import { createRetention } from './retention.ts'
import { createSignatures } from './signatures.ts'
import { readStatusChanges } from './status-changes.ts'
import { createTenants } from './tenants.ts'
import type { TenantFilter } from './values.ts'
import { createVerifications } from './verifications.ts'

/** What the store is opened with. */
export type StoreOptions = {
  readonly database: DatabaseOptions
  /** Folder for the bytes of documents. */
  readonly documentsDir: string
  /** File for the published checkpoint; keep it on another disk than the database where there is one. */
  readonly checkpointFile: string
  readonly randomBytes: RandomBytes
  /** No document is stored: their folder is not made. */
  readonly withoutDocuments?: boolean
  readonly limits?: CommitterLimits
  readonly idempotency?: IdempotencyPeriods
}

/** What reading alone needs. */
type StoreToRead = Pick<StoreOptions, 'database' | 'documentsDir' | 'checkpointFile'>

/** An open store. */
export type Store = Awaited<ReturnType<typeof openStore>>

const openReplica = (db: Database): ReplicaReads | undefined => {
  const askLatest = async (): Promise<number> => {
    const [{ latest }] = await Promise.all([
      readStatusChanges(db.reader, Number.MAX_SAFE_INTEGER),
      checkLogFloor(db),
    ])
    return latest
  }
  return db.replica ? createReplicaReads(db.replica, askLatest, () => performance.now()) : undefined
}

const buildCertificates = ({ reader }: Database, replica: ReplicaReads | undefined) => ({
  search: (query: CertificateQuery, now: Date) => searchCertificates(reader, query, now),
  stream: (query: CertificateQuery, now: Date) => streamCertificates(reader, query, now),
  find: (
    key: { readonly issuerId: string; readonly serialHex: string },
    tenant: TenantFilter | null,
    reading?: 'may-lag',
  ) => findCertificate({ reader, replica: reading && replica }, key, tenant),
})

const onlyOnce = (work: () => Promise<void>): (() => Promise<void>) => {
  let done: Promise<void> | undefined
  return () => (done ??= work())
}

const build = (
  db: Database,
  committer: Committer,
  files: DocumentFiles,
  options: StoreToRead & Pick<StoreOptions, 'idempotency'>,
  replica = openReplica(db),
) => ({
  db,
  committer,
  /** Other processes may write at the same time: what nobody ends ends by time. */
  isShared: db.client === 'pg',
  /** Runs work while no other process of this database does. */
  exclusively: <T>(work: () => Promise<T>): Promise<T> =>
    db.client === 'pg' ? withPgLock(db.writer, work) : work(),
  ca: createCaStore(db, committer, replica),
  crlPeriods: (): Promise<CrlPeriod[]> => readCrlPeriods(db.reader),
  log: createLogStore(db, committer),
  floor: db.floor,
  /** Is this the database of the published log? @throws {LOG_STORE_OLDER} and the code of a doubt */
  checkFloor: (): Promise<void> => checkLogFloor(db),
  published: createCheckpointFile(options.checkpointFile),
  records: createAuditRecords(db, committer, replica),
  certificates: buildCertificates(db, replica),
  tenants: createTenants(db, committer),
  apiKeys: createApiKeys(db, committer),
  identityEvidence: createIdentityEvidence(db, committer),
  heldKeys: createHeldKeys(db, committer),
  documents: createDocuments(db, committer, files),
  signatures: createSignatures(db, committer),
  verifications: createVerifications(db, committer),
  idempotency: createIdempotency(db, committer, options.idempotency),
  statistics: createStatistics(db, committer),
  leases: createLeases(db, committer),
  settings: createSettings(db, committer),
  retention: createRetention(db, committer, files),
  partitions: createPartitions(db, committer),
  backup: (file: string, onProgress?: BackupProgress): Promise<BackupFacts> =>
    backupDatabase(db, file, onProgress),
  /** Can it write now, durably? For `/readyz`. @throws {STORE_UNAVAILABLE} */
  ping: async (now: Date): Promise<void> => {
    if (db.client === 'pg') await checkDurability(db.writer)
    // A row is changed: a disk that became read-only refuses nothing else.
    await createLeases(db, committer).acquire('readiness', 'readiness', now, 60_000)
  },
  /** Stores everything that was accepted, then closes. */
  close: onlyOnce(async (): Promise<void> => {
    await committer.close()
    await db.close()
  }),
})

/** Opens the store. @throws {STORE_SCHEMA_NEWER} {STORE_UNAVAILABLE} */
export async function openStore(options: StoreOptions) {
  const { documentsDir, withoutDocuments = false } = options
  const files = withoutDocuments ? documentFilesIn(documentsDir) : await openDocumentFiles(documentsDir)
  const db = await openDatabase(options.database)
  return build(db, createCommitter(db, options.randomBytes, options.limits), files, options)
}

/** Refuses whatever is written. */
const noCommitter: Committer = {
  write: () => Promise.reject(new CodedError('STORE_UNAVAILABLE', 'The store was opened for reading only')),
  close: () => Promise.resolve(),
  queued: () => 0,
}

/** Opens the store of a data folder for reading only; nothing is made in it. @throws {STORE_UNAVAILABLE} {STORE_SCHEMA_NEWER} */
export async function openStoreToRead(options: StoreToRead): Promise<Store> {
  const db = await openReadOnly(options.database)
  return build(db, noCommitter, documentFilesIn(options.documentsDir), options)
}
