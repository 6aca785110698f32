/** `yinxin` as a child process: the service, or one command. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { run, type Run } from '../judges.ts'

const main = join(import.meta.dirname, '../../main.ts')

const environment = (dataDir: string, extra: Readonly<Record<string, string>> = {}) => ({
  YINXIN_DATA: dataDir,
  YINXIN_LOG: 'error',
  YINXIN_RATE: '100000',
  YINXIN_FETCH: '0',
  // A child of a test is not measured by the tools that measure the test.
  NODE_OPTIONS: '',
  // Children read the same sources again and again.
  NODE_COMPILE_CACHE: join(tmpdir(), 'yinxin-test-compile-cache'),
  ...extra,
})

/** Runs one command to its end. */
export const yinxin = (
  dataDir: string,
  words: readonly string[],
  extra?: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<Run> =>
  run(process.execPath, [main, ...words], {
    env: environment(dataDir, extra),
    timeoutMs: 180_000,
    ...(cwd === undefined ? {} : { cwd }),
  })

export interface ServingChild {
  readonly address: string
  /** On the first start of a data folder. */
  readonly apiKey: string | undefined
  readonly process: ChildProcess
  /** What it wrote to standard error so far. */
  readonly errors: () => string
  /** Ends as the kernel would: nothing is flushed, nothing is said. */
  crash(): Promise<void>
  /** @returns exit status */
  stop(): Promise<number | null>
}

/**
 * Starts `yinxin serve` on a free port and waits for its address.
 *
 * @param onSpawn gets the process before it serves
 */
export async function serveChild(
  dataDir: string,
  extra?: Readonly<Record<string, string>>,
  onSpawn?: (child: ChildProcess) => void,
): Promise<ServingChild> {
  const child = spawn(process.execPath, [main, 'serve', '--json', '--port', '0'], {
    env: { ...process.env, ...environment(dataDir, extra) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onSpawn?.(child)
  let errors = ''
  child.stderr.on('data', (part: Buffer) => (errors += part.toString()))
  const lines = createInterface({ input: child.stdout })
  const first = await Promise.race([
    once(lines, 'line').then(([line]) => String(line)),
    once(child, 'close').then(() => undefined),
  ])
  if (first === undefined) throw new Error(`serve ended: ${errors}`)
  const { address, apiKey } = JSON.parse(first) as { address: string; apiKey?: string }
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const closed = once(child, 'close')
    child.kill(signal)
    await closed
    return child.exitCode
  }
  return {
    address,
    apiKey,
    process: child,
    errors: () => errors,
    crash: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  }
}
