/**
 * Folds audit records into figures, one after the other; nothing is counted that is not a record.
 *
 * What changes the stock of valid certificates is kept as differences on days, so a certificate that expires
 * leaves the stock without any job having to run, and an event certificate that lives for minutes never
 * enters a day's end. The state is plain JSON: store it with the number of records folded, and go on there.
 * Rules that a recount must share, though not the code: `src/stats/README.md`. Pure.
 */
import { CodedError } from '../../ca/errors.ts'
import type { AuditRecord } from '../audit/record.ts'
import { toExpiryDay, toShanghaiDay } from './day.ts'

/** What never changes about an issued certificate. */
export type CertificateFacts = {
  readonly class: string
  readonly profile: string
  readonly algorithm: string
  /** Time of its `certificate.issued` record; this and the next two are RFC 3339 UTC. */
  readonly issuedAt: string
  readonly notBefore: string
  readonly notAfter: string
}

/** Names a certificate. */
export type CertificateKey = { readonly issuerId: string; readonly serialHex: string }

/** Events of one day, and what the day adds to the stocks at its end. */
export type DayCounts = {
  issued: number
  revoked: number
  suspended: number
  resumed: number
  expired: number
  /** Change of the valid stock; those on hold are not in it. */
  valid: number
  /** Change of the stock on hold. */
  onHold: number
}

type Status = { readonly is: 'good' | 'held' | 'revoked'; readonly since: number; readonly expiry: number }

/** Everything folded so far; plain JSON. */
export type StatisticsState = {
  readonly v: 1
  /** Records folded: the log index of the next one. */
  size: number
  /** By day number, then by `[class, profile, algorithm]` as JSON text. */
  readonly days: Record<string, Record<string, DayCounts>>
  /** By day number, then by record type: how many. */
  readonly activity: Record<string, Record<string, number>>
  /** By day number, then by legal ground of revocation. */
  readonly grounds: Record<string, Record<string, number>>
  /** Unexpired certificates that were ever held or revoked. */
  readonly statuses: Record<string, Status>
  /** Records that fit no rule (a second revocation, an unknown serial): counted here and nowhere else. */
  anomalies: number
  lastDay: number
}

// The institution's own certificates are not what it issues to others.
const INSTITUTION: ReadonlySet<string> = new Set(['ca', 'ocsp', 'tsa'])
// Records may be some seconds out of order around midnight, so a status outlives its certificate by a day.
const KEEP_DAYS = 2

const STATUS_TYPES: Readonly<Record<string, Status['is']>> = {
  'certificate.revoked': 'revoked',
  'certificate.held': 'held',
  'certificate.released': 'good',
}

/** A state that has seen nothing. */
export function emptyStatistics(): StatisticsState {
  return { v: 1, size: 0, days: {}, activity: {}, grounds: {}, statuses: {}, anomalies: 0, lastDay: 0 }
}

const text = (data: AuditRecord['data'], field: string): string => {
  const value = data[field]
  if (typeof value !== 'string') throw new CodedError('STATISTICS_STATE', `A record lacks data.${field}`)
  return value
}

/**
 * The certificate whose facts `foldRecord` needs for this record, or null.
 *
 * @throws {STATISTICS_STATE} when the record lacks a field
 */
export function findNeededCertificate(record: AuditRecord): CertificateKey | null {
  if (!Object.hasOwn(STATUS_TYPES, record.type)) return null
  return { issuerId: text(record.data, 'issuerId'), serialHex: text(record.data, 'serialHex') }
}

/** Facts of a certificate from its `certificate.issued` record. @throws {STATISTICS_STATE} when a field is missing */
export function buildFacts({ at, data }: AuditRecord): CertificateFacts {
  return {
    class: text(data, 'class'),
    profile: text(data, 'profile'),
    algorithm: text(data, 'algorithm'),
    issuedAt: at,
    notBefore: text(data, 'notBefore'),
    notAfter: text(data, 'notAfter'),
  }
}

const OWN = { writable: true, enumerable: true, configurable: true }

const own = <T>(table: Record<string, T>, key: string, make: () => T): T => {
  const known = Object.hasOwn(table, key) ? table[key] : undefined
  if (known !== undefined) return known
  const made = make()
  // Not an assignment: a key called __proto__ must be data.
  Object.defineProperty(table, key, { ...OWN, value: made })
  return made
}

const noCounts = (): DayCounts => ({
  issued: 0,
  revoked: 0,
  suspended: 0,
  resumed: 0,
  expired: 0,
  valid: 0,
  onHold: 0,
})

const countsOf = (state: StatisticsState, day: number, facts: CertificateFacts): DayCounts => {
  const dimensions = JSON.stringify([facts.class, facts.profile, facts.algorithm])
  const rows = own<Record<string, DayCounts>>(state.days, String(day), () => ({}))
  return own(rows, dimensions, noCounts)
}

const increment = (table: Record<string, Record<string, number>>, day: number, key: string): void => {
  const row = own<Record<string, number>>(table, String(day), () => ({}))
  row[key] = own(row, key, () => 0) + 1
}

/** Adds `by` to a stock on every day's end from `from` until `to` (not counted). */
const addStock = (
  state: StatisticsState,
  facts: CertificateFacts,
  stock: 'valid' | 'onHold',
  range: { from: number; to: number; by: number },
): void => {
  if (range.from >= range.to) return
  countsOf(state, range.from, facts)[stock] += range.by
  countsOf(state, range.to, facts)[stock] -= range.by
}

const enterDay = (facts: CertificateFacts): number =>
  Math.max(toShanghaiDay(facts.issuedAt), toShanghaiDay(facts.notBefore))

const foldIssued = (state: StatisticsState, record: AuditRecord): void => {
  const facts = buildFacts(record)
  if (INSTITUTION.has(facts.class)) return
  const expiry = toExpiryDay(facts.notAfter)
  countsOf(state, toShanghaiDay(record.at), facts).issued++
  countsOf(state, expiry, facts).expired++
  addStock(state, facts, 'valid', { from: enterDay(facts), to: expiry, by: 1 })
}

const STOCK_OF: Readonly<Record<Status['is'], 'valid' | 'onHold' | null>> = {
  good: 'valid',
  held: 'onHold',
  revoked: null,
}

const EVENT_OF: Readonly<Record<Status['is'], 'revoked' | 'suspended' | 'resumed'>> = {
  revoked: 'revoked',
  held: 'suspended',
  good: 'resumed',
}

/** A certificate with facts, and the step of its status that a record asks for. */
type Step = {
  readonly facts: CertificateFacts
  readonly key: string
  readonly day: number
  readonly from: Status
  readonly to: Status['is']
}

const findStep = (
  state: StatisticsState,
  record: AuditRecord,
  facts: CertificateFacts | undefined,
): Step | undefined => {
  const to = STATUS_TYPES[record.type]
  if (facts === undefined || to === undefined) return undefined
  const key = `${text(record.data, 'issuerId')}/${text(record.data, 'serialHex')}`
  const day = toShanghaiDay(record.at)
  const expiry = toExpiryDay(facts.notAfter)
  const known = Object.hasOwn(state.statuses, key) ? state.statuses[key] : undefined
  const from = known ?? { is: 'good' as const, since: 0, expiry }
  const isAllowed = from.is !== to && from.is !== 'revoked' && day <= expiry
  return isAllowed ? { facts, key, day, from, to } : undefined
}

const foldStep = (state: StatisticsState, { facts, key, day, from, to }: Step): void => {
  const { expiry } = from
  const range = { from: Math.max(day, from.since, enterDay(facts)), to: expiry }
  const [left, entered] = [STOCK_OF[from.is], STOCK_OF[to]]
  if (left !== null) addStock(state, facts, left, { ...range, by: -1 })
  if (entered !== null) addStock(state, facts, entered, { ...range, by: 1 })
  countsOf(state, day, facts)[EVENT_OF[to]]++
  if (to === 'revoked') countsOf(state, expiry, facts).expired--
  const status: Status = { is: to, since: Math.max(day, from.since), expiry }
  Object.defineProperty(state.statuses, key, { ...OWN, value: status })
}

const foldStatus = (
  state: StatisticsState,
  record: AuditRecord,
  facts: CertificateFacts | undefined,
): void => {
  if (facts !== undefined && INSTITUTION.has(facts.class)) return
  const step = findStep(state, record, facts)
  if (step === undefined) {
    state.anomalies++
    return
  }
  foldStep(state, step)
  if (step.to !== 'revoked') return
  const ground = record.data.legalGround
  increment(state.grounds, step.day, typeof ground === 'string' ? ground : 'none')
}

const pruneStatuses = (state: StatisticsState, day: number): void => {
  if (day <= state.lastDay) return
  state.lastDay = day
  for (const [key, { expiry }] of Object.entries(state.statuses)) {
    if (expiry + KEEP_DAYS <= day) delete state.statuses[key]
  }
}

/**
 * Folds one record into the state, which is changed in place.
 *
 * @param index the record's place in the log; must be the next one
 * @param facts of the certificate that {@link findNeededCertificate} names; undefined when no record issued it
 * @throws {STATISTICS_STATE} when the record is out of turn or lacks a field
 */
export function foldRecord(
  state: StatisticsState,
  index: number,
  record: AuditRecord,
  facts?: CertificateFacts,
): void {
  if (index !== state.size)
    throw new CodedError('STATISTICS_STATE', `Record ${state.size} is next, not ${index}`)
  const day = toShanghaiDay(record.at)
  pruneStatuses(state, day)
  if (record.type === 'certificate.issued') foldIssued(state, record)
  if (Object.hasOwn(STATUS_TYPES, record.type)) foldStatus(state, record, facts)
  increment(state.activity, day, record.type)
  state.size++
}

/**
 * Folds records in order, asking for facts where they are needed.
 *
 * @param findFacts looks up what an earlier `certificate.issued` record said
 * @throws {STATISTICS_STATE} when a record is out of turn or lacks a field
 */
export async function foldRecords(
  state: StatisticsState,
  records: AsyncIterable<AuditRecord> | Iterable<AuditRecord>,
  findFacts: (key: CertificateKey) => Promise<CertificateFacts | undefined>,
): Promise<void> {
  for await (const record of records) {
    const needed = findNeededCertificate(record)
    foldRecord(state, state.size, record, needed === null ? undefined : await findFacts(needed))
  }
}
