/**
 * Counts certificates again, from the table of what the records said, certificate by certificate.
 *
 * Rules (also in `src/stats/README.md`): a day is one of Asia/Shanghai (UTC+8); a certificate is valid at a
 * day's end when it was issued, began, had not expired and was neither held nor revoked in that day's last
 * second; the institution's own certificates are not counted.
 */
import { cell, type Certificates, isOwnClass, STATE, STATUS } from './certificates.ts'

/** Counts of a period. */
export type Recount = {
  issued: number
  revoked: number
  suspended: number
  resumed: number
  expired: number
  validAtEnd: number
  onHoldAtEnd: number
}

/** Counts of one kind of certificate. */
export type RecountRow = Recount & {
  readonly class: string
  readonly profile: string
  readonly algorithm: string
}

/** Counts of a period, whole and by `class`, `profile`, `algorithm`. */
export type RecountFigures = {
  readonly from: string
  readonly to: string
  readonly totals: Recount
  readonly rows: readonly RecountRow[]
}

type Period = { readonly start: number; readonly end: number }

const DAY = 24 * 60 * 60 * 1000
const EAST = 8 * 60 * 60 * 1000

const zero = (): Recount => ({
  issued: 0,
  revoked: 0,
  suspended: 0,
  resumed: 0,
  expired: 0,
  validAtEnd: 0,
  onHoldAtEnd: 0,
})

const EVENTS = ['resumed', 'suspended', 'revoked'] as const

const dayOf = (time: number): number => Math.floor((time + EAST) / DAY)

type Step = { readonly time: number; readonly status: number }

/** Steps that count: none after the day of expiry. */
const stepsOf = (table: Certificates, row: number, gone: number): Step[] =>
  (table.steps.get(row) ?? []).filter((step) => dayOf(step.time) <= dayOf(gone))

/** Status in the last instant before `end`; a step takes effect no earlier than the one before it. */
const statusAt = (steps: readonly Step[], end: number): number => {
  let status: number = STATUS.good
  let effective = 0
  for (const step of steps) {
    effective = Math.max(effective, step.time)
    if (effective < end) status = step.status
  }
  return status
}

const countStock = (status: number, into: Recount): void => {
  if (status === STATUS.good) into.validAtEnd++
  if (status === STATUS.held) into.onHoldAtEnd++
}

/** Adds one certificate to the counts of the period from instant `start` until instant `end`. */
const countOne = (table: Certificates, row: number, period: Period, into: Recount): void => {
  const { start, end } = period
  const inPeriod = (time: number): boolean => time >= start && time < end
  const issued = cell(table.issuedAt, row)
  // A certificate is valid through the second that notAfter names.
  const gone = cell(table.notAfter, row) + 1000
  const steps = stepsOf(table, row, gone)
  if (inPeriod(issued)) into.issued++
  for (const step of steps) {
    const event = EVENTS[step.status]
    if (event !== undefined && inPeriod(step.time)) into[event]++
  }
  if (inPeriod(gone) && !steps.some((step) => step.status === STATUS.revoked)) into.expired++
  const began = Math.max(issued, cell(table.notBefore, row))
  if (began < end && gone >= end) countStock(statusAt(steps, end), into)
}

const countKinds = (table: Certificates, period: Period): Recount[] => {
  const byKind = table.kinds.map(zero)
  for (let row = 0; row < table.count(); row++) {
    const counts = byKind[cell(table.kind, row)]
    if (counts !== undefined && table.state[row] === STATE.issued) countOne(table, row, period, counts)
  }
  return byKind
}

const instantOf = (day: string): number => Date.parse(`${day}T00:00:00+08:00`)

/**
 * Counts a period again.
 *
 * @param from first day in Asia/Shanghai, `YYYY-MM-DD`
 * @param to last day, counted
 * @returns null when a day is not one
 */
export function recount(table: Certificates, from: string, to: string): RecountFigures | null {
  const [start, end] = [instantOf(from), instantOf(to) + DAY]
  if (Number.isNaN(start) || Number.isNaN(end) || start >= end) return null
  const byKind = countKinds(table, { start, end })
  const totals = zero()
  const rows: RecountRow[] = []
  for (const [at, counts] of byKind.entries()) {
    const [className = '', profile = '', algorithm = ''] = table.kinds[at] ?? []
    if (isOwnClass(className)) continue
    for (const name of Object.keys(totals) as (keyof Recount)[]) totals[name] += counts[name]
    const isEmpty = Object.values(counts).every((count) => count === 0)
    if (!isEmpty) rows.push({ class: className, profile, algorithm, ...counts })
  }
  return { from, to, totals, rows }
}
