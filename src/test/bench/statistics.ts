// Medians, percentiles and the record of one benchmark.

/** `/s`: operations a second, more is better. `ms`: milliseconds for one, less is better. */
export type Unit = '/s' | 'ms'

/** What one run of one side measured. */
export type Sample = {
  /** In the unit of the benchmark. */
  readonly value: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  /** Highest resident memory of the process that did the work, MiB. */
  readonly rssMb?: number
}

/** All runs of one benchmark. */
export type Measured = {
  readonly name: string
  readonly unit: Unit
  readonly peerName: string | null
  readonly ours: readonly Sample[]
  readonly peer: readonly Sample[]
  readonly limit: readonly Sample[]
}

/** One benchmark as reported: medians over its runs, null where there is none. */
export type BenchmarkResult = {
  readonly name: string
  readonly unit: Unit
  readonly ours: number | null
  readonly peer: number | null
  readonly peerName: string | null
  /** How many times better ours is than the peer, whatever the unit. */
  readonly ratio: number | null
  readonly limit: number | null
  /** Share of the limit that ours reaches, 0 to 1. */
  readonly ofLimit: number | null
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly rssMb: number | null
  readonly runs: number
}

/** Middle of the values, or the mean of the middle two; null of nothing. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)]
  const lower = sorted[Math.ceil(middle) - 1]
  return upper === undefined || lower === undefined ? null : (upper + lower) / 2
}

/** Smallest value that at least `percent` of all do not exceed (nearest rank); null of nothing. */
export function percentile(values: readonly number[], percent: number): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length))
  return sorted[rank - 1] ?? null
}

/** How many times better `a` is than `b` in this unit. */
export function timesBetter(unit: Unit, a: number | null, b: number | null): number | null {
  if (a === null || b === null || a === 0 || b === 0) return null
  return unit === '/s' ? a / b : b / a
}

const medianOf = (samples: readonly Sample[], part: keyof Sample): number | null =>
  median(samples.flatMap((sample) => sample[part] ?? []))

/** The medians of all runs. */
export function summarise({ name, unit, peerName, ours, peer, limit }: Measured): BenchmarkResult {
  const ourValue = medianOf(ours, 'value')
  const peerValue = medianOf(peer, 'value')
  const limitValue = medianOf(limit, 'value')
  return {
    name,
    unit,
    ours: ourValue,
    peer: peerValue,
    peerName: peerValue === null ? null : peerName,
    ratio: timesBetter(unit, ourValue, peerValue),
    limit: limitValue,
    ofLimit: timesBetter(unit, ourValue, limitValue),
    p50Ms: medianOf(ours, 'p50Ms'),
    p99Ms: medianOf(ours, 'p99Ms'),
    rssMb: medianOf(ours, 'rssMb'),
    runs: ours.length,
  }
}
