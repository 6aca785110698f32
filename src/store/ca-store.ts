/**
 * `CaStore` over the database: what the trusted core needs stored.
 *
 * Each write and its records are one transaction, shared with whoever else writes at that moment.
 */
import { CodedError } from '../../ca/errors.ts'
import type { CaStore, IntentRow, IssuedRow, RecordDraft } from '../../ca/ports.ts'
import { CERTIFICATES, SERIALS } from './bulk-insert.ts'
import { createCrls } from './crls.ts'
import type { Database } from './database.ts'
import { queryRows, type SqlValue, textsOf } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { joinStatusReads } from './joined-statuses.ts'
import { changeStatus, readStatusChanges } from './status-changes.ts'
import { ISSUED_SELECT, toIssued } from './issued.ts'
import { checkLogFloor } from './log-store.ts'
import type { ReplicaReads } from './replica.ts'
import { STATUS_SELECT, toStatus } from './statuses.ts'
import { toDate } from './values.ts'

const toSerialValues = (row: IntentRow): SqlValue[] => [
  row.issuerId,
  row.serialHex,
  row.tenant,
  row.profile,
  row.class,
  row.tbsSha256,
  row.spkiSha256,
  row.shard,
  row.actor,
  row.at.getTime(),
]

const toCertificateValues = (row: IssuedRow, recordId: string | null): SqlValue[] => [
  row.serialHex,
  row.issuerId,
  row.certSha256,
  row.algorithm,
  row.notBefore.getTime(),
  row.notAfter.getTime(),
  row.subject,
  row.commonName,
  row.subjectSalt,
  row.keyId,
  row.identityEvidenceId,
  row.at.getTime(),
  recordId,
  row.certDer,
]

const toKey = (row: { readonly issuerId: unknown; readonly serialHex: unknown }): string =>
  `${String(row.issuerId)}:${String(row.serialHex)}`

/** Ids of the issuance records by issuer and serial, so that a receipt is found later. */
function findIssuances(
  records: readonly RecordDraft[],
  recordIds: readonly string[],
): ReadonlyMap<string, string> {
  const issuances = new Map<string, string>()
  for (const [index, { type, data }] of records.entries()) {
    const id = recordIds[index]
    if (type !== 'certificate.issued' || id === undefined) continue
    issuances.set(toKey({ issuerId: data.issuerId, serialHex: data.serialHex }), id)
  }
  return issuances
}

/** Names the two ways in which completing an intent can be wrong; both would be faults of the core. */
const explainIssued = (error: unknown): never => {
  const cause = error instanceof CodedError ? error.cause : undefined
  const message = cause instanceof Error ? cause.message : ''
  if (/certificates_known_serial|FOREIGN KEY/.test(message)) {
    throw new CodedError('CERT_NOT_FOUND', 'A certificate is stored only for a serial with an intent', {
      cause,
    })
  }
  if (/certificates\.serial_id|certificates_\w*pkey/.test(message)) {
    throw new CodedError('SERIAL_COLLISION', 'The serial already has its certificate', { cause })
  }
  throw error
}

const STATUS_SQL = `${STATUS_SELECT} WHERE s.serial_hex = ? AND s.issuer_id = ?`
const ISSUED_SQL = `${ISSUED_SELECT} WHERE s.serial_hex = ? AND s.issuer_id = ?`

/** Statuses: from the replica where its answer counts, and from no database that was set back, which may lack revocations. */
function statusReads(
  db: Database,
  replica: ReplicaReads | undefined,
): Pick<CaStore, 'findStatus' | 'statusChanges'> {
  const findStatus = joinStatusReads(db.reader)
  return {
    findStatus: async (issuerId, serialHex, reading) => {
      db.floor.check()
      const values = [serialHex, issuerId]
      const row = reading === 'may-lag' ? await replica?.findCurrent(STATUS_SQL, values) : undefined
      return row ? toStatus(row) : await findStatus(issuerId, serialHex)
    },
    statusChanges: async (since) => {
      const note = replica?.asking()
      const [changes] = await Promise.all([readStatusChanges(db.reader, since), checkLogFloor(db)])
      note?.(changes.latest)
      return changes
    },
  }
}

/** Makes the store of the core. */
export function createCaStore(
  db: Database,
  committer: Committer,
  replica: ReplicaReads | undefined,
): CaStore {
  const { reader } = db
  const record = (records: readonly RecordDraft[]): Promise<void> => committer.write<void>({ records })
  return {
    recordIntents: (rows, records) =>
      committer.write({ inserts: [{ table: SERIALS, rows: rows.map(toSerialValues) }], records }),
    recordIssued: async (rows, records) => {
      let ids: readonly string[] = []
      await committer
        .write<void>({
          inserts: (recordIds) => {
            ids = recordIds
            const issuances = findIssuances(records, recordIds)
            const values = rows.map((row) => toCertificateValues(row, issuances.get(toKey(row)) ?? null))
            return [{ table: CERTIFICATES, rows: values }]
          },
          records,
        })
        .catch(explainIssued)
      return ids
    },
    record,
    ...statusReads(db, replica),
    findIssued: async (issuerId, serialHex, reading) => {
      const values = [serialHex, issuerId]
      const written = reading === 'may-lag' ? await replica?.findWritten(ISSUED_SQL, values) : undefined
      const row = written ?? (await queryRows(reader, ISSUED_SQL, values))[0]
      return row === undefined ? undefined : toIssued(row)
    },
    changeStatus: (change, records) =>
      changeStatus(committer, change, records).finally(() => replica?.changed()),
    ...createCrls(db, committer),
    findBlockedKeys: async (spkis) => {
      const sql = `SELECT spki_sha256 FROM blocked_keys WHERE spki_sha256 IN ${textsOf(db.client)}`
      const rows = await queryRows(reader, sql, [JSON.stringify(spkis)])
      return new Set(rows.map((row) => String(row.spki_sha256)))
    },
    certificatesWithKeys: async (spkis) => {
      // Serials without a certificate count: one may have been signed just before a crash (check 19).
      const sql = `${STATUS_SELECT} WHERE s.spki_sha256 IN ${textsOf(db.client)} AND (r.state IS NULL OR r.state = 'held') ORDER BY s.id`
      const rows = await queryRows(reader, sql, [JSON.stringify(spkis)])
      return Map.groupBy(rows.map(toStatus), ({ spkiSha256 }) => spkiSha256)
    },
    lastRecordTime: async () => {
      const [row] = await queryRows(reader, 'SELECT at FROM audit_records ORDER BY seq DESC LIMIT 1')
      return row === undefined ? undefined : toDate(row.at)
    },
  }
}
