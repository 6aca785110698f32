/** Revocation, hold and release: one compare-and-set with its history, blocked key and records. */
import { CodedError } from '../../ca/errors.ts'
import type {
  CaStore,
  CertificateState,
  CertificateStatus,
  RecordDraft,
  StatusChange,
} from '../../ca/ports.ts'
import type { Knex } from 'knex'
import type { Transaction } from './database.ts'
import { queryRows, type SqlRow } from './dialect.ts'
import type { Committer } from './group-commit.ts'
import { readState, STATUS_SELECT, toStatus } from './statuses.ts'
import { toMillis } from './values.ts'

const CHANGES_PER_READ = 10_000

// Which state may follow which. Revoked is final (RFC 5280 §5.3.1: only a hold is released).
const NEXT_STATES: Readonly<Record<CertificateState, readonly CertificateState[]>> = {
  intent: ['revoked'],
  valid: ['held', 'revoked'],
  held: ['valid', 'revoked'],
  revoked: [],
}

const conflict = (message: string): CodedError => new CodedError('REVOCATION_CONFLICT', message)

function checkChange(row: SqlRow | undefined, change: StatusChange): SqlRow {
  if (row === undefined) throw new CodedError('CERT_NOT_FOUND', 'No certificate has this issuer and serial')
  const state = readState(row)
  if (state !== change.from) throw conflict(`The status is "${state}" by now, not "${change.from}"`)
  if (!NEXT_STATES[state].includes(change.to))
    throw conflict(`A "${state}" certificate cannot become "${change.to}"`)
  if (change.to !== 'valid' && (change.revokedAt === null || change.reason === null)) {
    throw conflict('A revocation has a time and a reason')
  }
  return row
}

async function writeRevocation(trx: Transaction, row: SqlRow, change: StatusChange): Promise<void> {
  await trx.table('revocations').where({ serial_id: row.id }).delete()
  if (change.to === 'valid') return
  await trx.table('revocations').insert({
    serial_id: row.id,
    issuer_id: change.issuerId,
    serial_hex: change.serialHex,
    shard: row.shard ?? null,
    state: change.to,
    revoked_at: toMillis(change.revokedAt),
    reason: change.reason,
    legal_ground: change.legalGround,
    invalidity_date: toMillis(change.invalidityDate),
    not_after: row.not_after ?? null,
  })
}

async function blockKey(trx: Transaction, change: StatusChange, at: number): Promise<void> {
  if (change.blockSpkiSha256 === undefined) return
  await trx
    .table('blocked_keys')
    .insert({
      spki_sha256: change.blockSpkiSha256,
      at,
      source: `revocation ${change.issuerId}:${change.serialHex}`,
    })
    .onConflict('spki_sha256')
    .ignore()
}

async function applyChange(trx: Transaction, change: StatusChange, at: number): Promise<CertificateStatus> {
  const key = { serial_hex: change.serialHex, issuer_id: change.issuerId }
  // A lock of the row where the engine has several writers; nothing in SQLite.
  await trx.table('serials').select('id').where(key).forUpdate()
  const sql = `${STATUS_SELECT} WHERE s.serial_hex = ? AND s.issuer_id = ?`
  const values = [change.serialHex, change.issuerId]
  const [found] = await trx.rows(sql, values)
  const row = checkChange(found, change)
  await writeRevocation(trx, row, change)
  await trx.table('status_changes').insert({
    issuer_id: change.issuerId,
    serial_hex: change.serialHex,
    from_state: change.from,
    to_state: change.to,
    at,
  })
  await blockKey(trx, change, at)
  const [after] = await trx.rows(sql, values)
  return toStatus(after ?? row)
}

/** @see {@link CaStore.changeStatus} */
export function changeStatus(
  committer: Committer,
  change: StatusChange,
  records: readonly RecordDraft[],
): Promise<CertificateStatus> {
  const at = records[0]?.at ?? change.revokedAt
  if (at === null) return Promise.reject(conflict('A change of status comes with its record'))
  return committer.write({ run: (trx) => applyChange(trx, change, at.getTime()), records })
}

/**
 * Revocations, holds and releases after `since`, at most 10,000 at a time: ask again from `latest` until nothing
 * comes. A first issuance is not in it, so an answer "unknown" may be cached only for moments.
 */
export async function readStatusChanges(reader: Knex, since: number): ReturnType<CaStore['statusChanges']> {
  if (since === Number.MAX_SAFE_INTEGER) {
    const [row] = await queryRows(reader, 'SELECT MAX(seq) AS latest FROM status_changes')
    return { latest: Number(row?.latest ?? 0), changed: [] }
  }
  const rows = await queryRows(
    reader,
    'SELECT seq, issuer_id, serial_hex FROM status_changes WHERE seq > ? ORDER BY seq LIMIT ?',
    [since, CHANGES_PER_READ],
  )
  const changed = new Map<string, { issuerId: string; serialHex: string }>()
  for (const row of rows) {
    const entry = { issuerId: String(row.issuer_id), serialHex: String(row.serial_hex) }
    changed.set(`${entry.issuerId}:${entry.serialHex}`, entry)
  }
  return { latest: rows.length === 0 ? since : Number(rows.at(-1)?.seq), changed: [...changed.values()] }
}
