// Every benchmark, in the order of the table.
import type { Benchmark } from './benchmark.ts'
import { crl } from './crl.ts'
import { growth } from './growth.ts'
import { event } from './event.ts'
import { issuance } from './issuance.ts'
import { issuancePg } from './issuance-pg.ts'
import { log } from './log.ts'
import { pdf } from './pdf.ts'
import { start } from './start.ts'
import { status } from './status.ts'

/** All of them. */
export const BENCHMARKS: readonly Benchmark[] = [
  ...issuance,
  ...issuancePg,
  ...event,
  ...status,
  ...crl,
  ...log,
  ...pdf,
  ...start,
  ...growth,
]
