// Rows of event certificates as issuance leaves them, made inside SQLite: thousands by four statements.
import type { DatabaseSync } from 'node:sqlite'
import type { AuditRecord } from '../../audit/record.ts'

/** One commit: certificates of one instant. */
export type Commit = { readonly issuerId: string; readonly count: number; readonly at: Date }

/** What all of a commit have in common. */
const PROFILE = 'event'
const LIFE_MS = 600_000
const ACTOR = 'apikey:key_0123456789abcdef01234567'
const TENANT = 'institution'
const ALGORITHM = 'ecdsa-sha256'
/** About what an event certificate takes: measured over those that the service issues. */
const DER_BYTES = 620
const PROFILE_SHA256 = 'c0'.repeat(32)

const hexOf = (bytes: number): string => `lower(hex(randomblob(${bytes})))`
const HASH = hexOf(32)

const noMillis = (at: number): string => new Date(at).toISOString()

const endOf = (at: Date): number => Math.floor((at.getTime() + LIFE_MS) / 1000) * 1000

/** Canonical JSON of a record around the text of its data, as SQL. */
const leafOf = (type: string, data: string, id: string): string =>
  `CAST('{"actor":"${ACTOR}","at":"' || $time || '","data":{' || ${data} || '},"id":"' || ${id} ||
   '","tenant":"${TENANT}","type":"${type}","v":1}' AS BLOB)`

const field = (name: string, value: string): string => `'"${name}":"' || ${value} || '"'`
const fieldsOf = (fields: readonly [string, string][]): string =>
  fields.map(([name, value]) => field(name, value)).join(` || ',' || `)

const INTENT_DATA = fieldsOf([
  ['issuerId', 's.issuer_id'],
  ['profile', `'${PROFILE}'`],
  ['profileSha256', `'${PROFILE_SHA256}'`],
  ['serialHex', 's.serial_hex'],
  ['tbsSha256', 's.tbs_sha256'],
])

const ISSUED_DATA = fieldsOf([
  ['algorithm', `'${ALGORITHM}'`],
  ['certSha256', 'c.cert_sha256'],
  ['class', `'event'`],
  ['issuerId', 's.issuer_id'],
  ['notAfter', '$notAfter'],
  ['notBefore', '$notBefore'],
  ['profile', `'${PROFILE}'`],
  ['profileSha256', `'${PROFILE_SHA256}'`],
  ['serialHex', 's.serial_hex'],
  ['spkiSha256', 's.spki_sha256'],
  ['subjectHash', 'c.subject_salt || c.subject_salt'],
  ['tbsSha256', 's.tbs_sha256'],
])

const NUMBERS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $count)'

const SERIALS = `${NUMBERS} INSERT INTO serials
  (issuer_id, serial_hex, tenant, profile, class, tbs_sha256, spki_sha256, shard, actor, at)
  SELECT $issuer, $prefix || ${hexOf(11)}, '${TENANT}', '${PROFILE}', 'event', ${HASH}, ${HASH},
    abs(random()) % 16, '${ACTOR}', $at FROM n`

const RECORD = 'INSERT INTO audit_records (id, at, type, actor, tenant, leaf)'

const INTENTS = `${RECORD} SELECT x.id, $at, 'certificate.intent', '${ACTOR}', '${TENANT}',
  ${leafOf('certificate.intent', INTENT_DATA, 'x.id')}
  FROM (SELECT id AS serial, $stamp || ${hexOf(10)} AS id FROM serials WHERE id > $after) x
  JOIN serials s ON s.id = x.serial`

const CERTIFICATES = `INSERT INTO certificates (serial_id, cert_sha256, algorithm, not_before, not_after, subject,
  common_name, subject_salt, key_id, identity_evidence_id, issued_at, record_id, cert_der)
  SELECT id, ${HASH}, '${ALGORITHM}', $notBeforeMs, $notAfterMs, 'C=CN,O=TEST ONLY Example Instruments,CN=TEST ONLY ' || id,
    'TEST ONLY ' || ${hexOf(4)}, ${hexOf(16)}, NULL, 'ev_' || ${hexOf(12)}, $at, $stamp || ${hexOf(10)},
    randomblob(${DER_BYTES}) FROM serials WHERE id > $after`

const ISSUED = `${RECORD} SELECT c.record_id, $at, 'certificate.issued', '${ACTOR}', '${TENANT}',
  ${leafOf('certificate.issued', ISSUED_DATA, 'c.record_id')}
  FROM serials s JOIN certificates c ON c.serial_id = s.id WHERE s.id > $after`

const lastOf = (db: DatabaseSync): number =>
  Number(db.prepare('SELECT max(id) AS last FROM serials').get()?.['last'] ?? 0)

/** Prepares the statements. @returns writes one commit */
export function prepareRows(db: DatabaseSync): (commit: Commit) => void {
  const [serials, intents, certificates, issued] = [SERIALS, INTENTS, CERTIFICATES, ISSUED].map((sql) => {
    const statement = db.prepare(sql)
    // Each takes those of these values that it names.
    statement.setAllowUnknownNamedParameters(true)
    return statement
  })
  return ({ issuerId, count, at }) => {
    const time = at.getTime()
    const values = {
      issuer: issuerId,
      count,
      at: time,
      time: at.toISOString(),
      after: lastOf(db),
      prefix: `01${Math.floor(time / 1000).toString(16).padStart(8, '0')}`, // prettier-ignore
      stamp: time.toString(16).padStart(12, '0'),
      notBefore: at.toISOString(),
      notAfter: noMillis(endOf(at)),
      notBeforeMs: time,
      notAfterMs: endOf(at),
    }
    for (const statement of [serials, intents, certificates, issued]) statement?.run(values)
  }
}

/** The two records of one certificate of a commit, as far as figures need them. */
export const recordsOf = ({ issuerId, at }: Commit): AuditRecord[] =>
  (['certificate.intent', 'certificate.issued'] as const).map((type) => ({
    v: 1,
    id: '',
    at: at.toISOString(),
    type,
    actor: ACTOR,
    tenant: TENANT,
    data: {
      issuerId,
      class: 'event',
      profile: PROFILE,
      algorithm: ALGORITHM,
      notBefore: at.toISOString(),
      notAfter: noMillis(endOf(at)),
    },
  }))
