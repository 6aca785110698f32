/** Certificates as they were stored. */
import type { CertificateClass, IssuedRow } from '../../ca/ports.ts'
import type { SqlRow } from './dialect.ts'
import { toBytes, toDate, toTextOrNull } from './values.ts'

/** SELECT of whole certificates without its WHERE: `s` serials, `c` certificates. */
export const ISSUED_SELECT = `SELECT s.issuer_id, s.serial_hex, s.tenant, s.actor, s.profile, s.class,
  s.tbs_sha256, s.spki_sha256, s.shard, c.issued_at, c.cert_der, c.cert_sha256, c.algorithm, c.not_before,
  c.not_after, c.subject, c.common_name, c.subject_salt, c.key_id, c.identity_evidence_id
  FROM serials s JOIN certificates c ON c.serial_id = s.id AND c.erased_at IS NULL`

/** Certificate of a row of {@link ISSUED_SELECT}; an erased subject is empty. */
export function toIssued(row: SqlRow): IssuedRow {
  return {
    issuerId: String(row.issuer_id),
    serialHex: String(row.serial_hex),
    tenant: toTextOrNull(row.tenant),
    actor: String(row.actor),
    profile: String(row.profile),
    class: row.class as CertificateClass,
    tbsSha256: String(row.tbs_sha256),
    spkiSha256: String(row.spki_sha256),
    shard: row.shard == null ? null : Number(row.shard),
    at: toDate(row.issued_at),
    certDer: toBytes(row.cert_der),
    certSha256: String(row.cert_sha256),
    algorithm: String(row.algorithm),
    notBefore: toDate(row.not_before),
    notAfter: toDate(row.not_after),
    subject: toTextOrNull(row.subject) ?? '',
    commonName: toTextOrNull(row.common_name),
    subjectSalt: toTextOrNull(row.subject_salt) ?? '',
    keyId: toTextOrNull(row.key_id),
    identityEvidenceId: toTextOrNull(row.identity_evidence_id),
  }
}
