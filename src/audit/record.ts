/**
 * The audit record: what happened, when, by whom, as one JSON object whose canonical bytes are a leaf.
 *
 * Personal data never stands here, only salted hashes of it (design decision 6): a leaf cannot be erased.
 * The trusted core builds the same shapes as plain objects, since it imports nothing of `src/`. Pure.
 */
import { CodedError } from '../../ca/errors.ts'
import { encodeCanonicalText, type JsonObject, parseCanonicalJson } from '../lib/canonical-json.ts'
import { toHex } from '../lib/bytes.ts'
import { MAX_ENTRY_BYTES } from './tile.ts'

/** Every type of record; a type is never renamed, and an old one stays readable. */
export const RECORD_TYPES = [
  'certificate.intent',
  'certificate.issued',
  'certificate.refused',
  'certificate.orphaned',
  'certificate.revoked',
  'certificate.held',
  'certificate.released',
  'certificate.erased',
  'key.created',
  'key.used',
  'key.destroyed',
  'key.reencryption_begun',
  'key.reencrypted',
  'signature.intent',
  'signature.created',
  'signature.refused',
  'timestamp.intent',
  'timestamp.issued',
  'ocsp.responder_rotated',
  'tsa.rotated',
  'crl.intent',
  'crl.changes',
  'crl.published',
  'crl.refused',
  'crl.imported',
  'verification.done',
  'identity.evidence_added',
  'auth.login',
  'auth.denied',
  'config.changed',
  'tenant.created',
  'tenant.changed',
  'apikey.created',
  'apikey.revoked',
  'document.signed',
  'document.erased',
  'statistics.reported',
  'ceremony.done',
  'export.done',
  'backup.done',
  'restore.done',
  'log.read',
  'log.reconciled',
  'service.started',
  'service.stopped',
] as const

/** Type of a record. */
export type RecordType = (typeof RECORD_TYPES)[number]

/** One thing that happened. */
export type AuditRecord = {
  readonly v: 1
  /** Unique and sortable, see {@link buildRecordId}. */
  readonly id: string
  /** RFC 3339, UTC, milliseconds: `2026-01-31T12:00:00.000Z`. */
  readonly at: string
  readonly type: RecordType
  /** `system`, `anonymous` (a public route), `apikey:<id>` or `operator:<id>`. */
  readonly actor: string
  readonly tenant: string | null
  readonly data: JsonObject
}

const TYPES: ReadonlySet<string> = new Set(RECORD_TYPES)
const FIELDS = ['actor', 'at', 'data', 'id', 'tenant', 'type', 'v']
const ID = /^[0-9a-z][0-9a-z_-]{7,79}$/
const ACTOR = /^(system|anonymous|(apikey|operator):[0-9A-Za-z._-]{1,80})$/
const TENANT = /^[0-9A-Za-z._-]{1,80}$/
const AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

const invalid = (field: string): CodedError =>
  new CodedError('AUDIT_RECORD_INVALID', `Audit record: ${field} is missing or not as it must be`, {
    extra: { pointer: `#/${field}` },
  })

/**
 * A record id: 12 hexadecimal digits of milliseconds since 1970, then the random bytes.
 *
 * @param at when it happened
 * @param random at least 10 bytes from a secure source
 */
export function buildRecordId(at: Date, random: Uint8Array): string {
  if (random.length < 10) throw invalid('id')
  return at.getTime().toString(16).padStart(12, '0') + toHex(random)
}

const isInstant = (value: unknown): boolean => {
  if (typeof value !== 'string' || !AT.test(value)) return false
  const time = Date.parse(value)
  return !Number.isNaN(time) && new Date(time).toISOString() === value
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isText = (value: unknown, pattern: RegExp): boolean => typeof value === 'string' && pattern.test(value)

/**
 * Checks the envelope of a record; what `data` must hold belongs to its type.
 *
 * @throws {AUDIT_RECORD_INVALID} with the field in `extra.pointer`
 */
function checkRecord(value: unknown): asserts value is AuditRecord {
  if (!isObject(value)) throw invalid('')
  const fields = Object.keys(value).sort()
  const extra = fields.find((field) => !FIELDS.includes(field))
  if (extra !== undefined) throw invalid(extra.slice(0, 40))
  const checks: [string, boolean][] = [
    ['v', value.v === 1],
    ['id', isText(value.id, ID)],
    ['at', isInstant(value.at)],
    ['type', typeof value.type === 'string' && TYPES.has(value.type)],
    ['actor', isText(value.actor, ACTOR)],
    ['tenant', value.tenant === null || isText(value.tenant, TENANT)],
    ['data', isObject(value.data)],
  ]
  const failed = checks.find(([, ok]) => !ok)
  if (failed !== undefined) throw invalid(failed[0])
}

/** The leaf of a record but for its instant and id, which it gets when it is written. */
export type RecordFrame = { readonly head: string; readonly middle: string; readonly tail: string }

/** What a frame is made of. */
type Framed = Pick<AuditRecord, 'type' | 'actor' | 'tenant' | 'data'>

/** Every id and every instant that is put into a frame has this length. */
const ID_AND_INSTANT = '0'.repeat(32 + 24)

/**
 * Canonical JSON of a record around its instant and id; checked, so that whatever is put in makes a leaf.
 *
 * @throws {AUDIT_RECORD_INVALID} {INPUT_MALFORMED} {INPUT_TOO_LARGE} above 65,535 bytes, the largest entry of a tiled log
 */
export function frameRecord(record: Framed): RecordFrame {
  const { type, actor, tenant, data } = record
  if (!TYPES.has(type)) throw invalid('type')
  if (!isText(actor, ACTOR)) throw invalid('actor')
  if (tenant !== null && !isText(tenant, TENANT)) throw invalid('tenant')
  if (!isObject(data)) throw invalid('data')
  // Members in canonical order; what was checked above holds no character that JSON escapes.
  const frame = {
    head: `{"actor":"${actor}","at":"`,
    middle: `","data":${encodeCanonicalText(data, 1)},"id":"`,
    tail: `","tenant":${tenant === null ? 'null' : `"${tenant}"`},"type":"${type}","v":1}`,
  }
  checkLeafSize(`${frame.head}${frame.middle}${frame.tail}${ID_AND_INSTANT}`)
  return frame
}

function checkLeafSize(text: string): void {
  // UTF-8 has at most three octets for a unit of UTF-16.
  if (text.length * 3 > MAX_ENTRY_BYTES && encoder.encode(text).length > MAX_ENTRY_BYTES)
    throw new CodedError('INPUT_TOO_LARGE', 'Audit record: at most 65,535 bytes')
}

/** Text of the leaf. @param at RFC 3339 with milliseconds @param id of {@link buildRecordId} with 10 random bytes */
export const leafText = ({ head, middle, tail }: RecordFrame, at: string, id: string): string =>
  head + at + middle + id + tail

const encoder = new TextEncoder()

/**
 * Leaf bytes of a record: canonical JSON in UTF-8.
 *
 * @throws {AUDIT_RECORD_INVALID} {INPUT_MALFORMED} {INPUT_TOO_LARGE}
 */
export function encodeRecord(record: AuditRecord): Uint8Array {
  checkRecord(record)
  const text = leafText(frameRecord(record), record.at, record.id)
  checkLeafSize(text)
  return encoder.encode(text)
}

/**
 * Reads leaf bytes.
 *
 * @throws {INPUT_TOO_LARGE} {INPUT_MALFORMED} {AUDIT_RECORD_INVALID}
 */
export function parseRecord(leaf: Uint8Array): AuditRecord {
  if (leaf.length > MAX_ENTRY_BYTES) {
    throw new CodedError('INPUT_TOO_LARGE', 'Audit record: at most 65,535 bytes')
  }
  const value: unknown = parseCanonicalJson(leaf)
  checkRecord(value)
  return value
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads leaf bytes that this house wrote and that its tree covers, without asking again whether their form is canonical:
 * a quarter of the time, for whoever reads every record while the service works.
 *
 * @throws {INPUT_MALFORMED} when they are no record at all
 */
export function readStoredRecord(leaf: Uint8Array): AuditRecord {
  try {
    const value: unknown = JSON.parse(decoder.decode(leaf))
    if (isObject(value) && isObject(value.data) && typeof value.type === 'string')
      return value as unknown as AuditRecord
  } catch {
    // Said below.
  }
  throw new CodedError('INPUT_MALFORMED', 'Audit record: the stored bytes are no record')
}
