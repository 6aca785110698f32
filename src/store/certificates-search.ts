/** Search over certificates, newest first. Every reader says whose rows it may see. */
import type { CertificateStatus } from '../../ca/ports.ts'
import type { Knex } from 'knex'
import { type Conditions, createConditions } from './conditions.ts'
import { queryRows, type SqlRow, type SqlValue } from './dialect.ts'
import { buildPage, type PageRequest, parseRowCursor, readLimit } from './paging.ts'
import type { ReplicaReads } from './replica.ts'
import { toStatus } from './statuses.ts'
import { type Page, type TenantFilter, toDate, toDateOrNull, toTextOrNull } from './values.ts'

/** A certificate in a list: its status and what names it. Fields are null for an intent, names once erased. */
export type CertificateListing = CertificateStatus & {
  readonly profile: string
  readonly intendedAt: Date
  readonly issuedAt: Date | null
  readonly certSha256: string | null
  readonly algorithm: string | null
  readonly notBefore: Date | null
  readonly subject: string | null
  readonly commonName: string | null
  readonly keyId: string | null
  readonly identityEvidenceId: string | null
  /** Record of the issuance; its receipt proves that it is in the log. */
  readonly recordId: string | null
}

/** What to look for; everything given must hold. */
export type CertificateQuery = PageRequest & {
  readonly tenant: TenantFilter | null
  /** Common name, or its beginning before a `*`. */
  readonly commonName?: string | undefined
  readonly issuerId?: string | undefined
  readonly serialHex?: string | undefined
  /** `expired` is valid or held, and past its end. Intents are listed only when asked for. */
  readonly state?: 'intent' | 'valid' | 'held' | 'revoked' | 'expired' | undefined
  readonly profile?: string | undefined
  readonly spkiSha256?: string | undefined
  readonly identityEvidenceId?: string | undefined
  readonly from?: Date | undefined
  /** Not counted itself. */
  readonly to?: Date | undefined
}

const COLUMNS = `SELECT s.id, s.issuer_id, s.serial_hex, s.tenant, s.class, s.spki_sha256, s.profile, s.at, s.shard,
  c.serial_id AS certificate, c.issued_at, c.cert_sha256, c.algorithm, c.not_before, c.not_after, c.subject,
  c.common_name, c.key_id, c.identity_evidence_id, c.record_id,
  r.state, r.revoked_at, r.reason, r.legal_ground, r.invalidity_date`

const JOINS = 'LEFT JOIN certificates c ON c.serial_id = s.id LEFT JOIN revocations r ON r.serial_id = s.id'

const SELECT = `${COLUMNS} FROM serials s ${JOINS}`

const toListing = (row: SqlRow): CertificateListing => ({
  ...toStatus(row),
  profile: String(row.profile),
  intendedAt: toDate(row.at),
  issuedAt: toDateOrNull(row.issued_at),
  certSha256: toTextOrNull(row.cert_sha256),
  algorithm: toTextOrNull(row.algorithm),
  notBefore: toDateOrNull(row.not_before),
  subject: toTextOrNull(row.subject),
  commonName: toTextOrNull(row.common_name),
  keyId: toTextOrNull(row.key_id),
  identityEvidenceId: toTextOrNull(row.identity_evidence_id),
  recordId: toTextOrNull(row.record_id),
})

// The last code point: nothing that starts with a prefix sorts behind prefix and this.
const LAST_CHARACTER = '\u{10FFFF}'

function addName(where: Conditions, column: string, name: string | undefined): void {
  if (name === undefined) return
  if (!name.endsWith('*')) return where.add(`${column} = ?`, name)
  const prefix = name.slice(0, -1)
  where.add(`${column} >= ? AND ${column} < ?`, prefix, prefix + LAST_CHARACTER)
}

/**
 * The few rows that a selective condition picks. The planner knows no sizes and would rather walk through all
 * rows of a tenant in the order asked for, so the join begins with these (CROSS JOIN keeps its order).
 */
function findPicked(
  query: CertificateQuery,
): { readonly sql: string; readonly values: SqlValue[] } | undefined {
  const where = createConditions()
  where.add('serial_hex = ?', query.serialHex)
  where.add('spki_sha256 = ?', query.spkiSha256)
  if (where.sql() !== '') return { sql: `SELECT id FROM serials ${where.sql()}`, values: where.values() }
  where.add('identity_evidence_id = ?', query.identityEvidenceId)
  addName(where, 'common_name', query.commonName)
  if (where.sql() !== '') {
    return { sql: `SELECT serial_id AS id FROM certificates ${where.sql()}`, values: where.values() }
  }
  if (query.state !== 'revoked' && query.state !== 'held') return undefined
  return { sql: 'SELECT serial_id AS id FROM revocations WHERE state = ?', values: [query.state] }
}

function addState(where: Conditions, state: CertificateQuery['state'], now: Date): void {
  const time = now.getTime()
  if (state === 'intent') return where.add('c.serial_id IS NULL AND r.serial_id IS NULL')
  if (state === 'revoked') return where.add(`r.state = 'revoked'`)
  where.add('c.serial_id IS NOT NULL')
  if (state === 'held') where.add(`r.state = 'held' AND c.not_after >= ?`, time)
  if (state === 'valid') where.add('r.serial_id IS NULL AND c.not_after >= ?', time)
  if (state === 'expired') where.add(`(r.state IS NULL OR r.state = 'held') AND c.not_after < ?`, time)
}

function buildConditions(query: CertificateQuery, now: Date): Conditions {
  const where = createConditions()
  where.tenant('s.tenant', query.tenant)
  where.add('s.serial_hex = ?', query.serialHex)
  where.add('s.issuer_id = ?', query.issuerId)
  where.add('s.spki_sha256 = ?', query.spkiSha256)
  where.add('s.profile = ?', query.profile)
  where.add('s.at >= ?', query.from?.getTime())
  where.add('s.at < ?', query.to?.getTime())
  where.add('c.identity_evidence_id = ?', query.identityEvidenceId)
  addName(where, 'c.common_name', query.commonName)
  addState(where, query.state, now)
  return where
}

/** SQL of a search, for the reader and for the test of its plan. */
export function buildSearch(query: CertificateQuery, now: Date) {
  const where = buildConditions(query, now)
  where.after(['s.at', 's.id'], parseRowCursor(query.cursor))
  const picked = findPicked(query)
  if (picked !== undefined) where.add('s.id = k.id')
  const from = picked === undefined ? 'serials s' : `(${picked.sql}) k CROSS JOIN serials s`
  const sql = `${COLUMNS} FROM ${from} ${JOINS} ${where.sql()} ORDER BY s.at DESC, s.id DESC LIMIT ?`
  return { sql, values: [...(picked?.values ?? []), ...where.values(), readLimit(query) + 1] }
}

/** One page. @throws {CURSOR_INVALID} */
export async function searchCertificates(
  reader: Knex,
  query: CertificateQuery,
  now: Date,
): Promise<Page<CertificateListing>> {
  const { sql, values } = buildSearch(query, now)
  const rows = await queryRows(reader, sql, values)
  return buildPage(rows, readLimit(query), toListing, (row) => ({ at: Number(row.at), key: String(row.id) }))
}

/** Every match, page after page, for export. */
export async function* streamCertificates(
  reader: Knex,
  query: CertificateQuery,
  now: Date,
): AsyncGenerator<CertificateListing> {
  let cursor = query.cursor
  do {
    const page: Page<CertificateListing> = await searchCertificates(
      reader,
      { ...query, cursor, limit: 1000 },
      now,
    )
    yield* page.items
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
}

/** One certificate, if its tenant is one that the reader may see; from the replica, when one is given and its answer counts. */
export async function findCertificate(
  { reader, replica }: { readonly reader: Knex; readonly replica?: ReplicaReads | undefined },
  key: { readonly issuerId: string; readonly serialHex: string },
  tenant: TenantFilter | null,
): Promise<CertificateListing | undefined> {
  const where = createConditions()
  where.add('s.serial_hex = ?', key.serialHex)
  where.add('s.issuer_id = ?', key.issuerId)
  where.tenant('s.tenant', tenant)
  const [sql, values] = [`${SELECT} ${where.sql()}`, where.values()]
  const row = (await replica?.findCurrent(sql, values)) ?? (await queryRows(reader, sql, values))[0]
  return row === undefined ? undefined : toListing(row)
}
