/** Reads figures for a period from the folded state. Pure. */
import { CodedError } from '../../ca/errors.ts'
import { formatDay, parseDay } from './day.ts'
import type { DayCounts, StatisticsState } from './fold.ts'

/**
 * Counts of a period; the two `AtEnd` are stocks at the end of its last day. While that day runs, they and `expired`
 * look ahead to its end: a certificate whose validity ends today counts as expired from the start.
 */
export type Counts = {
  readonly issued: number
  readonly revoked: number
  readonly suspended: number
  readonly resumed: number
  readonly expired: number
  readonly validAtEnd: number
  readonly onHoldAtEnd: number
}

/** Counts of one kind of certificate. */
export type FigureRow = Counts & {
  readonly class: string
  readonly profile: string
  readonly algorithm: string
}

/** Counts of one day. */
export type DayFigures = {
  readonly day: string
  readonly totals: Counts
  readonly rows: readonly FigureRow[]
}

/** Figures of a period, in days of Asia/Shanghai, both ends counted. */
export type Figures = {
  readonly from: string
  readonly to: string
  readonly timeZone: 'Asia/Shanghai'
  /** Log entries that went into it. */
  readonly size: number
  readonly totals: Counts
  readonly byClass: Readonly<Record<string, Counts>>
  readonly byAlgorithm: Readonly<Record<string, Counts>>
  readonly rows: readonly FigureRow[]
  readonly days: readonly DayFigures[]
  /** Revocations by legal ground. */
  readonly revokedByGround: Readonly<Record<string, number>>
  /** Records by type. */
  readonly activity: Readonly<Record<string, number>>
  /** Records of the whole log that fitted no rule. */
  readonly anomalies: number
}

const MAX_DAYS = 3_700

const FIELDS = ['issued', 'revoked', 'suspended', 'resumed', 'expired', 'validAtEnd', 'onHoldAtEnd'] as const

const NO_EVENTS: DayCounts = {
  issued: 0,
  revoked: 0,
  suspended: 0,
  resumed: 0,
  expired: 0,
  valid: 0,
  onHold: 0,
}

type Sums = { [Field in (typeof FIELDS)[number]]: number }

const noSums = (): Sums => ({
  issued: 0,
  revoked: 0,
  suspended: 0,
  resumed: 0,
  expired: 0,
  validAtEnd: 0,
  onHoldAtEnd: 0,
})

const addSums = (into: Sums, counts: Counts): void => {
  for (const field of FIELDS) into[field] += counts[field]
}

const sumBy = (rows: readonly FigureRow[], key: (row: FigureRow) => string): Map<string, Sums> => {
  const sums = new Map<string, Sums>()
  for (const row of rows) {
    const into = sums.get(key(row)) ?? noSums()
    addSums(into, row)
    sums.set(key(row), into)
  }
  return sums
}

const total = (rows: readonly FigureRow[]): Counts => {
  const sums = noSums()
  for (const row of rows) addSums(sums, row)
  return sums
}

const toRow = (dimensions: string, counts: Counts): FigureRow => {
  const [className = '', profile = '', algorithm = ''] = JSON.parse(dimensions) as string[]
  return { class: className, profile, algorithm, ...counts }
}

const isEmpty = (counts: Counts): boolean => FIELDS.every((field) => counts[field] === 0)

const toRows = (table: ReadonlyMap<string, Counts>): FigureRow[] =>
  [...table]
    .filter(([, counts]) => !isEmpty(counts))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([dimensions, counts]) => toRow(dimensions, counts))

type Stocks = Map<string, { valid: number; onHold: number }>

const stocksBefore = (state: StatisticsState, first: number): Stocks => {
  const stocks: Stocks = new Map()
  for (const [day, rows] of Object.entries(state.days)) {
    if (Number(day) < first) moveStocks(stocks, rows)
  }
  return stocks
}

function moveStocks(stocks: Stocks, rows: Readonly<Record<string, DayCounts>>): void {
  for (const [dimensions, { valid, onHold }] of Object.entries(rows)) {
    const stock = stocks.get(dimensions) ?? { valid: 0, onHold: 0 }
    stocks.set(dimensions, { valid: stock.valid + valid, onHold: stock.onHold + onHold })
  }
}

const readDay = (state: StatisticsState, day: number, stocks: Stocks): Map<string, Counts> => {
  const rows = state.days[String(day)] ?? {}
  moveStocks(stocks, rows)
  const table = new Map<string, Counts>()
  for (const [dimensions, stock] of stocks) {
    const counts = Object.hasOwn(rows, dimensions) ? rows[dimensions] : undefined
    const { valid: _valid, onHold: _onHold, ...events } = counts ?? NO_EVENTS
    table.set(dimensions, { ...events, validAtEnd: stock.valid, onHoldAtEnd: stock.onHold })
  }
  return table
}

const sumTables = (
  table: Readonly<Record<string, Record<string, number>>>,
  first: number,
  last: number,
): Record<string, number> => {
  const sums = new Map<string, number>()
  for (const [day, row] of Object.entries(table)) {
    if (Number(day) < first || Number(day) > last) continue
    for (const [key, count] of Object.entries(row)) sums.set(key, (sums.get(key) ?? 0) + count)
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Adds a day to the period: events add up, stocks are those of the later day. */
const addDay = (period: Map<string, Sums>, day: ReadonlyMap<string, Counts>): void => {
  for (const [dimensions, counts] of day) {
    const into = period.get(dimensions) ?? noSums()
    addSums(into, counts)
    into.validAtEnd = counts.validAtEnd
    into.onHoldAtEnd = counts.onHoldAtEnd
    period.set(dimensions, into)
  }
}

/**
 * Figures of a period.
 *
 * @param from first day in Asia/Shanghai, `YYYY-MM-DD`
 * @param to last day, counted; at most 3,700 days later
 * @throws {STATISTICS_RANGE} when a day does not exist, or the period is empty or too long
 */
export function readFigures(state: StatisticsState, from: string, to: string): Figures {
  const [first, last] = [parseDay(from), parseDay(to)]
  if (first > last || last - first > MAX_DAYS) {
    throw new CodedError(
      'STATISTICS_RANGE',
      'A period runs from an earlier to a later day, at most ten years',
    )
  }
  const stocks = stocksBefore(state, first)
  const period = new Map<string, Sums>()
  const days: DayFigures[] = []
  for (let day = first; day <= last; day++) {
    const table = readDay(state, day, stocks)
    addDay(period, table)
    const rows = toRows(table)
    days.push({ day: formatDay(day), totals: total(rows), rows })
  }
  const rows = toRows(period)
  return {
    from,
    to,
    timeZone: 'Asia/Shanghai',
    size: state.size,
    totals: total(rows),
    byClass: Object.fromEntries(sumBy(rows, (row) => row.class)),
    byAlgorithm: Object.fromEntries(sumBy(rows, (row) => row.algorithm)),
    rows,
    days,
    revokedByGround: sumTables(state.grounds, first, last),
    activity: sumTables(state.activity, first, last),
    anomalies: state.anomalies,
  }
}
