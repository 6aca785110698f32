// Results as text: a table for people, one JSON object a line for programs.
import type { BenchmarkResult } from './statistics.ts'

const DIGITS = 3

/** Three digits that count: nobody should read more into a measurement. */
export function formatNumber(value: number | null): string {
  if (value === null) return '–'
  const rounded = Number(value.toPrecision(DIGITS))
  return rounded >= 1000 ? String(Math.round(value)) : String(rounded)
}

const percent = (share: number | null): string =>
  share === null ? '–' : `${formatNumber(Number((share * 100).toPrecision(DIGITS)))} %`

const HEADINGS = ['benchmark', 'ours', 'unit', 'peer', '×', 'limit', 'of limit', 'p50 ms', 'p99 ms', 'MiB', 'runs', 'peer is'] // prettier-ignore
const TEXT_COLUMNS = new Set(['benchmark', 'unit', 'peer is'])

const cellsOf = (result: BenchmarkResult): string[] => [
  result.name,
  formatNumber(result.ours),
  result.unit,
  formatNumber(result.peer),
  formatNumber(result.ratio),
  formatNumber(result.limit),
  percent(result.ofLimit),
  formatNumber(result.p50Ms),
  formatNumber(result.p99Ms),
  formatNumber(result.rssMb),
  String(result.runs),
  result.peerName ?? '–',
]

/** A table with a heading; columns as wide as what stands in them. */
export function renderTable(results: readonly BenchmarkResult[]): string {
  const rows = [HEADINGS, ...results.map(cellsOf)]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0
          return TEXT_COLUMNS.has(HEADINGS[column] ?? '') ? cell.padEnd(width) : cell.padStart(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const KEYS: readonly (keyof BenchmarkResult)[] = ['name', 'unit', 'ours', 'peer', 'peerName', 'ratio', 'limit', 'ofLimit', 'p50Ms', 'p99Ms', 'rssMb', 'runs'] // prettier-ignore

/** One line of JSON with every key, in this order. */
export const renderJson = (result: BenchmarkResult): string =>
  JSON.stringify(
    Object.fromEntries(
      KEYS.map((key) => {
        const value = result[key]
        return [key, typeof value === 'number' ? Number(value.toPrecision(5)) : value]
      }),
    ),
  )
