/** Prometheus metrics: bounded labels only (operation ids, status classes, job names), never a tenant or a subject. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { JobHealth } from '../jobs/schedule.ts'

export interface Metrics {
  readonly observe: (operation: string, status: number, seconds: number) => void
  readonly text: () => Promise<string>
}

export interface MetricSources {
  readonly jobs: () => readonly JobHealth[]
  readonly logSize: () => Promise<number>
  /** The service's own certificates; names of issuers and services, as many as a ceremony made. */
  readonly certificates: () => readonly { readonly name: string; readonly notAfter: Date }[]
  /** The published CRLs: each issuer's full list, and the shard of it that ends first. */
  readonly crlEnds: () => Promise<readonly { readonly name: string; readonly nextUpdate: Date }[]>
  readonly now: () => Date
}

export function createMetrics(sources: MetricSources): Metrics {
  const collected = new Registry()
  const registers = [collected]
  const requests = new Counter({
    name: 'yinxin_requests_total',
    help: 'Requests by operation and status class',
    labelNames: ['operation', 'status'],
    registers,
  })
  const duration = new Histogram({
    name: 'yinxin_request_seconds',
    help: 'Time to answer by operation',
    labelNames: ['operation'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const memory = new Gauge({ name: 'yinxin_resident_bytes', help: 'Resident memory', registers })
  const logSize = new Gauge({ name: 'yinxin_log_entries', help: 'Entries in the published log', registers })
  const failures = new Gauge({
    name: 'yinxin_job_failures',
    help: 'Failures in a row by job; 0 is healthy',
    labelNames: ['job'],
    registers,
  })
  const ends = new Gauge({
    name: 'yinxin_certificate_ends_seconds',
    help: 'Seconds until the end of an own certificate; negative when it has ended',
    labelNames: ['name'],
    registers,
  })
  const nextUpdates = new Gauge({
    name: 'yinxin_crl_next_update_seconds',
    help: 'Seconds until a published CRL must have a successor; negative when it is over',
    labelNames: ['name'],
    registers,
  })
  return {
    observe(operation, status, seconds) {
      requests.inc({ operation, status: `${Math.floor(status / 100)}xx` })
      duration.observe({ operation }, seconds)
    },
    async text() {
      memory.set(process.memoryUsage.rss())
      logSize.set(await sources.logSize())
      for (const { name, failuresInARow } of sources.jobs()) failures.set({ job: name }, failuresInARow)
      const now = sources.now().getTime()
      for (const { name, notAfter } of sources.certificates())
        ends.set({ name }, Math.floor((notAfter.getTime() - now) / 1000))
      for (const { name, nextUpdate } of await sources.crlEnds())
        nextUpdates.set({ name }, Math.floor((nextUpdate.getTime() - now) / 1000))
      return collected.metrics()
    },
  }
}
