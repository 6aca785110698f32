// Every benchmark, in the order of the table.
import type { Benchmark } from './benchmark.ts'
import { issuance } from './issuance.ts'
import { status } from './status.ts'

/** All of them. */
export const BENCHMARKS: readonly Benchmark[] = [...issuance, ...status]
