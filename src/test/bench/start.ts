// From the start of the process to readiness.
import { join } from 'node:path'
import type { Benchmark, Setting, Side } from './benchmark.ts'
import { filledHouse } from './fill.ts'
import { makeHouse, type PreparedHouse, startService } from './house.ts'
import { findFreePort, type Server, startServer } from './processes.ts'

/** Milliseconds until a server answers. */
const startSide =
  (start: () => Promise<Server>): Side =>
  async () => {
    const from = performance.now()
    const server = await start()
    const value = performance.now() - from
    const rssMb = await server.rssMb()
    await server.stop()
    return { value, ...(rssMb === undefined ? {} : { rssMb }) }
  }

async function startBare({ folder }: Setting): Promise<Server> {
  const port = await findFreePort()
  return startServer({
    command: process.execPath,
    args: [join(import.meta.dirname, 'echo-server.ts'), String(port), '2'],
    port,
    logFile: join(folder, 'echo.log'),
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/`)).ok,
    pollMs: 10,
  })
}

const openStart = (makeStored: (setting: Setting) => Promise<PreparedHouse>) => async (setting: Setting) => {
  const house = await makeStored(setting)
  return {
    ours: startSide(() => startService(setting, house)),
    limit: startSide(() => startBare(setting)),
  }
}

/** Benchmarks of the start. */
export const start: readonly Benchmark[] = [
  {
    name: 'start-empty',
    unit: 'ms',
    what: 'from the start of the process to /readyz, CA made, nothing issued; the limit is a bare node:http server',
    peerName: null,
    open: openStart((setting) => makeHouse(setting, 0)),
  },
  {
    name: 'start-100k',
    unit: 'ms',
    what: 'the same with 100,000 certificates stored',
    peerName: null,
    open: openStart(({ isQuick }) => filledHouse(isQuick ? 1_000 : 100_000)),
  },
  {
    name: 'start-10m',
    unit: 'ms',
    what: 'the same with 10,000,000 certificates stored',
    peerName: null,
    open: openStart(({ isQuick }) => filledHouse(isQuick ? 1_000 : 10_000_000)),
  },
]
