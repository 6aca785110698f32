/**
 * Rules of a certificate's life: intent before issue, one serial once, status steps in order. What breaks a rule
 * is reported; what keeps it goes into the table that the recount reads.
 */
import { certificateKey, type Certificates, isOwnClass, STATE, STATUS } from './certificates.ts'
import { type Entry, textOf } from './entry.ts'
import type { Report } from './finding.ts'

/** Handles the records about certificates. */
export type Life = {
  readonly see: (entry: Entry, index: number) => void
  /** Intents that still wait, by certificate. */
  readonly open: ReadonlyMap<string, { index: number; time: number }>
}

const STEPS: Readonly<Record<string, number>> = {
  'certificate.revoked': STATUS.revoked,
  'certificate.held': STATUS.held,
  'certificate.released': STATUS.good,
}

type OpenIntent = { index: number; time: number; tbs: string | undefined }
type Context = { table: Certificates; report: Report; open: Map<string, OpenIntent> }
type Seen = { key: string; entry: Entry; index: number }

const intend = ({ table, report, open }: Context, { key, entry, index }: Seen): void => {
  if (table.find(key) !== undefined) return report('serial-repeated', index, key)
  table.add(key)
  open.set(key, { index, time: entry.time, tbs: textOf(entry.data, 'tbsSha256') })
}

const findRowForIssue = ({ table, report }: Context, { key, entry, index }: Seen): number | undefined => {
  const row = table.find(key)
  if (row === undefined) {
    // Root and first services are made in the ceremony, before there is a log to intend in.
    if (!isOwnClass(textOf(entry.data, 'class') ?? '')) report('outcome-without-intent', index, key)
    return table.add(key)
  }
  if (table.state[row] === STATE.intended) return row
  report(table.state[row] === STATE.issued ? 'serial-repeated' : 'outcome-repeated', index, key)
  return undefined
}

const issue = (context: Context, seen: Seen): void => {
  const { table, report, open } = context
  const { key, entry, index } = seen
  const row = findRowForIssue(context, seen)
  if (row === undefined) return
  const intent = open.get(key)
  if (intent !== undefined && intent.tbs !== textOf(entry.data, 'tbsSha256')) {
    report('issued-differs-from-intent', index, key)
  }
  open.delete(key)
  table.state[row] = STATE.issued
  table.issuedAt[row] = entry.time
  table.notBefore[row] = Date.parse(textOf(entry.data, 'notBefore') ?? '')
  table.notAfter[row] = Date.parse(textOf(entry.data, 'notAfter') ?? '')
  table.kind[row] = table.kindOf(entry.data)
  if (Number.isNaN(table.notAfter[row]) || Number.isNaN(table.notBefore[row])) {
    report('record-malformed', index, key)
  }
}

const close = ({ table, report, open }: Context, { key, index }: Seen): void => {
  const row = table.find(key)
  if (row === undefined) return report('outcome-without-intent', index, key)
  if (table.state[row] !== STATE.intended) return report('outcome-repeated', index, key)
  table.state[row] = STATE.closed
  open.delete(key)
}

const step = ({ table, report }: Context, { key, entry, index }: Seen, next: number): void => {
  const row = table.find(key)
  if (row === undefined) return report('status-of-unknown-serial', index, key)
  const now = table.status[row]
  if (now === next || now === STATUS.revoked) return report('status-step-wrong', index, key)
  table.status[row] = next
  const steps = table.steps.get(row) ?? []
  steps.push({ time: entry.time, status: next })
  table.steps.set(row, steps)
}

const see = (context: Context, entry: Entry, index: number): void => {
  const key = certificateKey(entry.data)
  if (key === undefined) {
    // A request refused before it got a serial has none.
    if (entry.type !== 'certificate.refused') context.report('record-malformed', index, entry.type)
    return
  }
  const seen = { key, entry, index }
  const next = Object.hasOwn(STEPS, entry.type) ? STEPS[entry.type] : undefined
  if (next !== undefined) return step(context, seen, next)
  if (entry.type === 'certificate.intent') return intend(context, seen)
  if (entry.type === 'certificate.issued') return issue(context, seen)
  close(context, seen)
}

/** Starts with an empty table. */
export function createLife(table: Certificates, report: Report): Life {
  const context: Context = { table, report, open: new Map() }
  return { see: (entry, index) => see(context, entry, index), open: context.open }
}
