/** Repeated work inside the process: never two runs of one job at a time, and a stop that waits for the run in progress. */

export interface JobLog {
  error(fields: object, message: string): void
}

export interface Job {
  readonly name: string
  /** Pause between the end of one run and the start of the next, milliseconds. */
  readonly everyMs: number
  run(): Promise<void>
}

export interface JobHealth {
  readonly name: string
  readonly lastSuccess: Date | null
  readonly failuresInARow: number
}

export interface Schedule {
  /** Ends after the runs in progress; nothing starts afterwards. */
  stop(): Promise<void>
  readonly health: () => readonly JobHealth[]
}

/** Longest pause after repeated failures: a job that cannot work must neither spin nor be forgotten. */
const LONGEST_PAUSE_MS = 60_000

/** Starts the jobs; a failed run is logged and tried again after a pause that doubles. */
export function startJobs(jobs: readonly Job[], now: () => Date, log: JobLog): Schedule {
  const stopping = new AbortController()
  const health = new Map<string, JobHealth>(
    jobs.map(({ name }) => [name, { name, lastSuccess: null, failuresInARow: 0 }]),
  )
  const loops = jobs.map(async (job) => {
    while (!stopping.signal.aborted) {
      const failures = await runOnce(job, health, now, log)
      const pause =
        failures === 0 ? job.everyMs : Math.min(LONGEST_PAUSE_MS, job.everyMs * 2 ** Math.min(failures, 10))
      await sleep(pause, stopping.signal)
    }
  })
  return {
    async stop() {
      stopping.abort()
      await Promise.all(loops)
    },
    health: () => [...health.values()],
  }
}

async function runOnce(
  job: Job,
  health: Map<string, JobHealth>,
  now: () => Date,
  log: JobLog,
): Promise<number> {
  const before = health.get(job.name) ?? { name: job.name, lastSuccess: null, failuresInARow: 0 }
  try {
    await job.run()
    health.set(job.name, { name: job.name, lastSuccess: now(), failuresInARow: 0 })
    return 0
  } catch (err) {
    const failuresInARow = before.failuresInARow + 1
    health.set(job.name, { ...before, failuresInARow })
    log.error({ job: job.name, failuresInARow, err }, 'job failed')
    return failuresInARow
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
