// Measures a function inside this process.
import type { Sample, Unit } from './statistics.ts'
import { median, percentile } from './statistics.ts'

/** How long to measure. */
export type Effort = {
  readonly seconds: number
  /** Rounds that are not counted: compilers and caches settle. */
  readonly warmUp: number
  /** Rounds at most. */
  readonly maxRounds?: number
}

/** Highest resident memory of this process so far, MiB. */
export const peakMemory = (): number => process.resourceUsage().maxRSS / 1024

/**
 * Calls `act` again and again.
 *
 * @param operations how many operations one call does
 */
export async function measureRounds(
  unit: Unit,
  effort: Effort,
  act: (round: number) => Promise<unknown> | unknown,
  operations = 1,
): Promise<Sample> {
  for (let round = 0; round < effort.warmUp; round++) await act(round)
  const times: number[] = []
  const started = performance.now()
  const end = started + effort.seconds * 1000
  const max = effort.maxRounds ?? Number.POSITIVE_INFINITY
  while (times.length === 0 || (performance.now() < end && times.length < max)) {
    const from = performance.now()
    await act(effort.warmUp + times.length)
    times.push(performance.now() - from)
  }
  const seconds = (performance.now() - started) / 1000
  const p50Ms = median(times) ?? 0
  return {
    value: unit === '/s' ? (times.length * operations) / seconds : p50Ms,
    p50Ms,
    p99Ms: percentile(times, 99) ?? 0,
    rssMb: peakMemory(),
  }
}

/** The same for work without promises: no turn of the event loop between two rounds. */
export function measureBare(effort: Pick<Effort, 'seconds'>, act: () => void): Sample {
  for (let round = 0; round < 50; round++) act()
  const started = performance.now()
  const end = started + effort.seconds * 1000
  let count = 0
  while (performance.now() < end || count === 0) {
    act()
    count++
  }
  const seconds = (performance.now() - started) / 1000
  return { value: count / seconds, p50Ms: (seconds * 1000) / count }
}
