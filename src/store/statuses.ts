/** How the state of a serial is put together from the three tables; used by every reader of it. */
import type {
  CertificateClass,
  CertificateState,
  CertificateStatus,
  LegalGround,
  RevocationReason,
} from '../../ca/ports.ts'
import type { SqlRow } from './dialect.ts'
import { toDateOrNull, toTextOrNull } from './values.ts'

/** SELECT of statuses without its WHERE: `s` serials, `c` certificates, `r` revocations. */
export const STATUS_SELECT = `SELECT s.id, s.issuer_id, s.serial_hex, s.tenant, s.class, s.spki_sha256,
  c.serial_id AS certificate, c.not_after, s.shard,
  r.state, r.revoked_at, r.reason, r.legal_ground, r.invalidity_date
  FROM serials s LEFT JOIN certificates c ON c.serial_id = s.id LEFT JOIN revocations r ON r.serial_id = s.id`

/** State of a row of {@link STATUS_SELECT}: what `revocations` says, else whether there is a certificate. */
export function readState(row: SqlRow): CertificateState {
  if (row.state != null) return row.state as CertificateState
  return row.certificate == null ? 'intent' : 'valid'
}

/** Status of a row of {@link STATUS_SELECT}. */
export function toStatus(row: SqlRow): CertificateStatus {
  return {
    issuerId: String(row.issuer_id),
    serialHex: String(row.serial_hex),
    state: readState(row),
    tenant: toTextOrNull(row.tenant),
    class: row.class as CertificateClass,
    spkiSha256: String(row.spki_sha256),
    notAfter: toDateOrNull(row.not_after),
    shard: row.shard == null ? null : Number(row.shard),
    revokedAt: toDateOrNull(row.revoked_at),
    reason: row.reason as RevocationReason | null,
    legalGround: row.legal_ground as LegalGround | null,
    invalidityDate: toDateOrNull(row.invalidity_date),
  }
}
