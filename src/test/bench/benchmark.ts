// What a benchmark is, and how one is run: ours, the peer and the limit in turn, so that all see the same machine.
import { type BenchmarkResult, type Sample, summarise, type Unit } from './statistics.ts'

/** Where and how long a benchmark runs. */
export type Setting = {
  /** A folder of its own; the harness removes it. */
  readonly folder: string
  /** Fewer operations and less data: to see that it works, not to compare. */
  readonly isQuick: boolean
  /** Folder for CPU profiles of our side, or undefined. */
  readonly profileFolder: string | undefined
}

/** Measures one side once. */
export type Side = () => Promise<Sample>

/** A benchmark that is ready to run. */
export type Opened = {
  readonly ours: Side
  /** Undefined also where the peer's program is not installed. */
  readonly peer?: Side | undefined
  /** Bare operations of the same kinds on this machine. */
  readonly limit?: Side | undefined
  /** Ends what was started. */
  close?(): Promise<void>
}

/** One row of the table. */
export type Benchmark = {
  readonly name: string
  readonly unit: Unit
  /** What is measured, in one sentence. */
  readonly what: string
  readonly peerName: string | null
  readonly open: (setting: Setting) => Promise<Opened>
}

/** Runs a benchmark; whatever happens, what it started is ended. */
export async function runBenchmark(
  benchmark: Benchmark,
  setting: Setting,
  runs: number,
  onRun: (run: number, side: string) => void,
): Promise<BenchmarkResult> {
  const { name, unit, peerName } = benchmark
  const samples: Record<'ours' | 'peer' | 'limit', Sample[]> = { ours: [], peer: [], limit: [] }
  const opened = await benchmark.open(setting)
  try {
    for (let run = 1; run <= runs; run++) {
      for (const side of ['ours', 'peer', 'limit'] as const) {
        const measure = opened[side]
        if (!measure) continue
        onRun(run, side)
        samples[side].push(await measure())
      }
    }
  } finally {
    await opened.close?.()
  }
  return summarise({ name, unit, peerName, ...samples })
}
