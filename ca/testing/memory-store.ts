/**
 * A CaStore in memory, for tests: the contract of `ports.ts` in its shortest form, with faults on demand.
 * Nothing but tests imports it.
 */
import { CodedError } from '../errors.ts'
import type {
  CaStore,
  CertificateStatus,
  CrlEntryRow,
  CrlRow,
  CrlScope,
  IntentRow,
  IssuedRow,
  RecordDraft,
  StatusChange,
} from '../ports.ts'

/** `fail`: nothing is written; `fail-but-persisted`: written, and the answer is lost. */
export type Fault = 'fail' | 'fail-but-persisted'
/** A method that can meet a fault. */
export type StoreMethod = keyof CaStore

/** The store, and what a test looks at. */
export interface MemoryStore extends CaStore {
  readonly intents: ReadonlyMap<string, IntentRow>
  readonly issued: ReadonlyMap<string, IssuedRow>
  readonly records: readonly RecordDraft[]
  /** Every call that changes something, in order. */
  readonly calls: readonly StoreMethod[]
  readonly blockedKeys: Set<string>
  /** The next call of this method meets this fault. */
  failNext(method: StoreMethod, fault: Fault): void
}

const keyOf = (row: { issuerId: string; serialHex: string }): string => `${row.issuerId}/${row.serialHex}`
const scopeKey = (scope: CrlScope): string => `${scope.issuerId}/${scope.shard ?? 'full'}`

interface State {
  readonly intents: Map<string, IntentRow>
  readonly issued: Map<string, IssuedRow>
  readonly records: RecordDraft[]
  readonly calls: StoreMethod[]
  readonly faults: Map<StoreMethod, Fault>
  readonly statuses: Map<string, CertificateStatus>
  readonly changes: { issuerId: string; serialHex: string }[]
  readonly crls: Map<string, CrlRow>
  readonly crlParts: Uint8Array[]
  readonly blockedKeys: Set<string>
}

/** An empty store. */
export function openMemoryStore(): MemoryStore {
  const state: State = {
    intents: new Map(),
    issued: new Map(),
    records: [],
    calls: [],
    faults: new Map(),
    statuses: new Map(),
    changes: [],
    crls: new Map(),
    crlParts: [],
    blockedKeys: new Set(),
  }
  const { intents, issued, records, calls, blockedKeys, faults } = state
  return {
    intents,
    issued,
    records,
    calls,
    blockedKeys,
    failNext: (method, fault) => void faults.set(method, fault),
    ...writers(state),
    ...readers(state),
  }
}

/** Runs a write with the fault that was asked for; the write itself is all or nothing. */
function withFault<T>(state: State, method: StoreMethod, write: () => T): Promise<T> {
  const fault = state.faults.get(method)
  state.faults.delete(method)
  state.calls.push(method)
  const down = (): CodedError => new CodedError('STORE_UNAVAILABLE', `${method} failed on demand of a test`)
  return Promise.resolve().then(() => {
    if (fault === 'fail') throw down()
    const result = write()
    if (fault === 'fail-but-persisted') throw down()
    return result
  })
}

function writers(
  state: State,
): Pick<
  CaStore,
  'recordIntents' | 'recordIssued' | 'record' | 'changeStatus' | 'addCrlParts' | 'publishCrl'
> {
  return {
    recordIntents: (rows, records) =>
      withFault(state, 'recordIntents', () => {
        const keys = rows.map(keyOf)
        if (new Set(keys).size !== keys.length || keys.some((key) => state.intents.has(key)))
          throw new CodedError('SERIAL_COLLISION', 'serial was taken before')
        for (const row of rows) {
          state.intents.set(keyOf(row), row)
          state.statuses.set(keyOf(row), statusOfIntent(row))
        }
        state.records.push(...records)
      }),
    recordIssued: (rows, records) =>
      withFault(state, 'recordIssued', () => {
        for (const row of rows) {
          const status = state.statuses.get(keyOf(row))
          if (!status) throw new CodedError('CERT_NOT_FOUND', 'there is no intent for this certificate')
          if (state.issued.has(keyOf(row)))
            throw new CodedError('SERIAL_COLLISION', 'serial was issued before')
        }
        for (const row of rows) {
          state.issued.set(keyOf(row), row)
          state.statuses.set(keyOf(row), { ...statusOfIntent(row), state: 'valid', notAfter: row.notAfter })
          state.changes.push({ issuerId: row.issuerId, serialHex: row.serialHex })
        }
        const first = state.records.length
        state.records.push(...records)
        return records.map((_, index) => `record-${first + index}`)
      }),
    record: (records) => withFault(state, 'record', () => void state.records.push(...records)),
    changeStatus: (change, records) =>
      withFault(state, 'changeStatus', () => {
        const next = applyChange(state, change)
        state.records.push(...records)
        return next
      }),
    addCrlParts: (parts) =>
      withFault(state, 'addCrlParts', () =>
        parts.map((part) => String(state.crlParts.push(part.slice()) - 1)),
      ),
    publishCrl: (row, previousNumber, records) =>
      withFault(state, 'publishCrl', () => {
        if ((state.crls.get(scopeKey(row))?.number ?? null) !== previousNumber)
          throw new CodedError('REVOCATION_CONFLICT', 'another CRL came first')
        state.crls.set(scopeKey(row), row)
        state.records.push(...records)
      }),
  }
}

function applyChange(state: State, change: StatusChange): CertificateStatus {
  const status = state.statuses.get(keyOf(change))
  if (!status) throw new CodedError('CERT_NOT_FOUND', 'serial was never taken')
  if (status.state !== change.from) throw new CodedError('REVOCATION_CONFLICT', 'status changed meanwhile')
  const { to, revokedAt, reason, legalGround, invalidityDate, blockSpkiSha256 } = change
  const next = { ...status, state: to, revokedAt, reason, legalGround, invalidityDate }
  state.statuses.set(keyOf(change), next)
  state.changes.push({ issuerId: change.issuerId, serialHex: change.serialHex })
  if (blockSpkiSha256 !== undefined) state.blockedKeys.add(blockSpkiSha256)
  return next
}

function readers(
  state: State,
): Pick<
  CaStore,
  | 'findStatus'
  | 'findIssued'
  | 'statusChanges'
  | 'crlEntries'
  | 'lastCrl'
  | 'readCrlPart'
  | 'findBlockedKeys'
  | 'certificatesWithKeys'
  | 'lastRecordTime'
> {
  return {
    findStatus: (issuerId, serialHex) => Promise.resolve(state.statuses.get(keyOf({ issuerId, serialHex }))),
    findIssued: (issuerId, serialHex) => Promise.resolve(state.issued.get(keyOf({ issuerId, serialHex }))),
    statusChanges: (since) =>
      Promise.resolve({ latest: state.changes.length, changed: state.changes.slice(since) }),
    crlEntries: (scope, at) => entries(state, scope, at),
    lastCrl: (scope) => Promise.resolve(state.crls.get(scopeKey(scope))),
    readCrlPart: (id) => {
      const part = state.crlParts[Number(id)]
      return part
        ? Promise.resolve(part.slice())
        : Promise.reject(new CodedError('STORE_UNAVAILABLE', 'there is no such part'))
    },
    findBlockedKeys: (spkis) => Promise.resolve(new Set(spkis.filter((spki) => state.blockedKeys.has(spki)))),
    certificatesWithKeys: (spkis) => {
      const live = [...state.statuses.values()].filter(
        ({ spkiSha256, state: seen }) => spkis.includes(spkiSha256) && (seen === 'valid' || seen === 'held'),
      )
      return Promise.resolve(Map.groupBy(live, ({ spkiSha256 }) => spkiSha256))
    },
    lastRecordTime: () =>
      Promise.resolve(
        state.records.reduce<Date | undefined>(
          (last, record) => (last && last > record.at ? last : record.at),
          undefined,
        ),
      ),
  }
}

async function* entries(state: State, scope: CrlScope, at: Date): AsyncIterable<CrlEntryRow> {
  const last = state.crls.get(scopeKey(scope))?.thisUpdate
  const rows = [...state.statuses.values()].filter(
    (status) =>
      status.issuerId === scope.issuerId &&
      (scope.shard === null || status.shard === scope.shard) &&
      (status.state === 'revoked' || status.state === 'held') &&
      // RFC 5280 §3.3: an entry stays until one CRL after its certificate has expired.
      (status.notAfter === null || status.notAfter >= at || last === undefined || last <= status.notAfter),
  )
  for (const row of rows.toSorted((a, b) => compareHex(a.serialHex, b.serialHex)))
    yield {
      serialHex: row.serialHex,
      revokedAt: row.revokedAt ?? at,
      reason: row.reason ?? 'unspecified',
      invalidityDate: row.invalidityDate,
    }
}

const compareHex = (a: string, b: string): number =>
  a.length === b.length ? (a < b ? -1 : 1) : a.length - b.length

const statusOfIntent = (row: IntentRow): CertificateStatus => ({
  issuerId: row.issuerId,
  serialHex: row.serialHex,
  state: 'intent',
  tenant: row.tenant,
  class: row.class,
  spkiSha256: row.spkiSha256,
  notAfter: null,
  shard: row.shard,
  revokedAt: null,
  reason: null,
  legalGround: null,
  invalidityDate: null,
})
