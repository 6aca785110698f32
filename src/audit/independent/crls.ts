/**
 * Compares CRLs with revocations, from the changes that each `crl.published` record carries: every entry has a
 * revocation, every revocation an entry, nothing is dropped early, numbers rise. The list of an offline root comes from
 * elsewhere (`crl.imported`): its revocations are in the log of that machine, so here its numbers, times and count are
 * checked, and that a CA of this log which it revoked issues nothing any more.
 */
import { cell, type Certificates, classOf, isOwnClass, STATE, STATUS } from './certificates.ts'
import { type Entry, textOf } from './entry.ts'
import type { Report } from './finding.ts'

/** Handles the records about CRLs. */
export type Crls = {
  readonly see: (entry: Entry, index: number) => void
  /** Reports revocations older than the grace that no CRL lists. */
  readonly finish: (graceMs: number) => void
  /** CRLs whose record carries no changes: numbers were checked, entries were not. */
  readonly unchecked: () => number
}

type Scope = {
  number: bigint
  thisUpdate: number
  listed: Set<string>
  /** What a list that is not closed yet changes: it counts when that list is published, and only then. */
  pending: { readonly entry: Entry; readonly index: number }[]
}

const listOf = (data: Entry['data'], name: string): string[] | undefined => {
  const value = data[name]
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined
}

const numberOf = (data: Entry['data']): bigint => {
  const value = data.crlNumber ?? data.number
  const isNumber = typeof value === 'number' || (typeof value === 'string' && /^\d{1,50}$/.test(value))
  return isNumber ? BigInt(value) : -1n
}

type Context = {
  table: Certificates
  report: Report
  scopes: Map<string, Scope>
  /** Newest thisUpdate by issuer, of CRLs whose entries are known. */
  lastUpdate: Map<string, number>
  /** Rows that were ever revoked or held. */
  revoked: Map<number, { issuer: string; serial: string }>
  /** Since when an issuer is on the list of its root, by issuer. */
  stopped: Map<string, number>
  unchecked: number
}

const scopeOf = (context: Context, data: Entry['data']): { name: string; issuer: string; scope: Scope } => {
  const issuer = textOf(data, 'issuerId') ?? '?'
  const name = `${issuer}/${String(data.shard ?? null)}`
  const fresh = (): Scope => ({ number: -1n, thisUpdate: 0, listed: new Set(), pending: [] })
  const scope = context.scopes.get(name) ?? fresh()
  context.scopes.set(name, scope)
  return { name, issuer, scope }
}

/** When a list was read, and when it was written: a status may change in between. */
type ListTime = { readonly read: number; readonly written: number }

// A list is read, signed and stored within this time; its changes do not say when it was read.
const RUN_MS = 60_000

const listTimeOf = (entry: Entry): ListTime => {
  const thisUpdate = Date.parse(textOf(entry.data, 'thisUpdate') ?? '')
  return { read: Number.isNaN(thisUpdate) ? entry.time - RUN_MS : thisUpdate, written: entry.time }
}

/** True when the certificate's status changed after the list was read, so that either answer is right. */
const isInMotion = ({ table }: Context, row: number, time: ListTime): boolean =>
  (table.steps.get(row)?.at(-1)?.time ?? Number.NEGATIVE_INFINITY) >= time.read

const mayEnter = (context: Context, row: number | undefined, time: ListTime): boolean => {
  if (row === undefined) return false
  return context.table.status[row] !== STATUS.good || isInMotion(context, row, time)
}

const mayLeave = (context: Context, row: number | undefined, time: ListTime): boolean => {
  if (row === undefined) return false
  const { table } = context
  const isExpired = cell(table.notAfter, row) < time.written
  return table.status[row] === STATUS.good || isExpired || isInMotion(context, row, time)
}

/** Applies the changes of a record; false when it carries none. */
const change = (context: Context, entry: Entry, index: number): boolean => {
  const { table, report } = context
  const { issuer, scope } = scopeOf(context, entry.data)
  const [added, removed] = [listOf(entry.data, 'added'), listOf(entry.data, 'removed')]
  if (added === undefined || removed === undefined) return false
  const time = listTimeOf(entry)
  for (const serial of added) {
    const key = `${issuer}/${serial}`
    if (!mayEnter(context, table.find(key), time)) report('crl-entry-without-revocation', index, key)
    scope.listed.add(serial)
  }
  for (const serial of removed) {
    const key = `${issuer}/${serial}`
    const mayGo = mayLeave(context, table.find(key), time)
    if (!scope.listed.delete(serial) || !mayGo) report('crl-entry-removed', index, key)
  }
  return true
}

const publish = (context: Context, entry: Entry, index: number): void => {
  const { report, lastUpdate } = context
  const { name, issuer, scope } = scopeOf(context, entry.data)
  const thisUpdate = advance(context, entry, index)
  for (const part of scope.pending.splice(0))
    if (numberOf(part.entry.data) === scope.number) change(context, part.entry, part.index)
  if (!change(context, entry, index)) {
    context.unchecked++
    return
  }
  lastUpdate.set(issuer, Math.max(thisUpdate, lastUpdate.get(issuer) ?? 0))
  if (entry.data.entryCount !== scope.listed.size) report('crl-count-differs', index, name)
}

/** Number and time of a new list, each against those of the list before. */
const advance = (context: Context, entry: Entry, index: number): number => {
  const { report } = context
  const { name, scope } = scopeOf(context, entry.data)
  const number = numberOf(entry.data)
  const thisUpdate = Date.parse(textOf(entry.data, 'thisUpdate') ?? entry.at)
  if (number <= scope.number) report('crl-number-not-increasing', index, name)
  if (!(thisUpdate >= scope.thisUpdate)) report('crl-time-went-back', index, name)
  scope.number = number
  scope.thisUpdate = thisUpdate
  return thisUpdate
}

/** A list that another house signed: this log has none of its revocations. */
const takeIn = (context: Context, entry: Entry, index: number): void => {
  const { report } = context
  const { name, scope } = scopeOf(context, entry.data)
  advance(context, entry, index)
  const [added, removed] = [listOf(entry.data, 'added'), listOf(entry.data, 'removed')]
  if (added === undefined || removed === undefined) return report('record-malformed', index, 'crl.imported')
  for (const serial of added) scope.listed.add(serial)
  for (const serial of removed) {
    if (!scope.listed.delete(serial)) report('crl-entry-removed', index, `${name}/${serial}`)
  }
  if (entry.data.entryCount !== scope.listed.size) report('crl-count-differs', index, name)
  const stopped = listOf(entry.data, 'revokedIssuers') ?? []
  const since = new Map(context.stopped)
  context.stopped.clear()
  for (const issuer of stopped) context.stopped.set(issuer, since.get(issuer) ?? entry.time)
}

const isListed = ({ scopes }: Context, issuer: string, serial: string): boolean =>
  [...scopes].some(([name, scope]) => name.startsWith(`${issuer}/`) && scope.listed.has(serial))

/** True when the certificate has to be in the issuer's newest CRL: revoked before it by the grace, and unexpired. */
const isDue = ({ table, lastUpdate }: Context, row: number, issuer: string, graceMs: number): boolean => {
  const className = classOf(table, row)
  const latest = lastUpdate.get(issuer) ?? Number.NaN
  const since = table.steps.get(row)?.at(-1)?.time ?? Number.NaN
  const isInForce = table.state[row] === STATE.issued && table.status[row] !== STATUS.good
  const isListedClass = className !== 'event' && !isOwnClass(className)
  return isInForce && isListedClass && since + graceMs < latest && latest <= cell(table.notAfter, row)
}

// Requests under way when the list comes in may still end; another process sees it within half a second.
const STOP_MS = 60_000

const checkStopped = ({ stopped, report }: Context, entry: Entry, index: number): void => {
  const issuer = textOf(entry.data, 'issuerId') ?? ''
  const since = stopped.get(issuer)
  if (since !== undefined && entry.time > since + STOP_MS) report('issued-by-revoked-issuer', index, issuer)
}

const see = (context: Context, entry: Entry, index: number): void => {
  if (entry.type === 'crl.published') publish(context, entry, index)
  if (entry.type === 'crl.changes') scopeOf(context, entry.data).scope.pending.push({ entry, index })
  if (entry.type === 'crl.refused') scopeOf(context, entry.data).scope.pending.length = 0
  if (entry.type === 'crl.imported') takeIn(context, entry, index)
  if (entry.type === 'certificate.intent') checkStopped(context, entry, index)
  if (entry.type !== 'certificate.revoked' && entry.type !== 'certificate.held') return
  const [issuer, serial] = [textOf(entry.data, 'issuerId'), textOf(entry.data, 'serialHex')]
  const row = context.table.find(`${issuer}/${serial}`)
  if (row !== undefined && issuer !== undefined && serial !== undefined) {
    context.revoked.set(row, { issuer, serial })
  }
}

/** Starts with no CRL seen. */
export function createCrls(table: Certificates, report: Report): Crls {
  const context: Context = {
    table,
    report,
    scopes: new Map(),
    lastUpdate: new Map(),
    revoked: new Map(),
    stopped: new Map(),
    unchecked: 0,
  }
  return {
    see: (entry, index) => see(context, entry, index),
    finish: (graceMs) => {
      for (const [row, { issuer, serial }] of context.revoked) {
        if (isDue(context, row, issuer, graceMs) && !isListed(context, issuer, serial)) {
          report('revocation-not-in-crl', null, `${issuer}/${serial}`)
        }
      }
    },
    unchecked: () => context.unchecked,
  }
}
