// Child processes of the harness: each is ended by whoever started it, and none outlives the harness.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A server that was started; `stop` ends it and waits for its end. */
export type Server = {
  readonly host: string
  readonly port: number
  /** Highest resident memory so far, MiB; undefined where the system does not say. */
  readonly rssMb: () => Promise<number | undefined>
  readonly stop: () => Promise<void>
}

const STOP_MS = 15_000
const HOST = '127.0.0.1'

const children = new Set<ChildProcess>()

/** Ends what is still running: called when the harness itself is interrupted. */
export function endChildren(): void {
  for (const child of children) child.kill('SIGKILL')
}

function adopt(child: ChildProcess): ChildProcess {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** A port that was free a moment ago. */
export async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, HOST)
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

async function readPeakMemory(pid: number | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? []
  return kib === undefined ? undefined : Number(kib) / 1024
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}

/** How to start a server and to see that it answers. */
export type ServerOptions = {
  readonly command: string
  readonly args: readonly string[]
  readonly port: number
  /** Gets what it prints. */
  readonly logFile: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Resolves to true once it is ready. */
  readonly isReady: () => Promise<boolean>
  readonly pollMs?: number
}

const READY_MS = 60_000

/** Starts a server and waits until it is ready. @throws Error when it ends before, or after a minute */
export async function startServer(options: ServerOptions): Promise<Server> {
  const output = openSync(options.logFile, 'a')
  const child = adopt(
    spawn(options.command, options.args, {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    }),
  )
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new Error(`${options.command} ended with status ${code}: ${options.logFile}`)),
    )
  })
  failed.catch(() => undefined)
  const started = performance.now()
  while (!(await Promise.race([options.isReady().catch(() => false), failed]))) {
    if (performance.now() - started > READY_MS) {
      await stop(child)
      throw new Error(`${options.command} was not ready within a minute`)
    }
    await delay(options.pollMs ?? 50)
  }
  return { host: HOST, port: options.port, rssMb: () => readPeakMemory(child.pid), stop: () => stop(child) }
}

type WorkReply = { readonly result: unknown } | { readonly error: string }

/**
 * Runs an exported function of a module of this folder in a process of its own: nothing that ran before has filled
 * its memory or trained its compiler.
 */
export async function runInProcess<T>(
  module: string,
  name: string,
  input: unknown,
  profileFolder?: string,
): Promise<T> {
  const profile =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`] // prettier-ignore
  const child = adopt(
    fork(join(import.meta.dirname, 'work.ts'), [module, name], {
      execArgv: profile,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  )
  const ended = once(child, 'exit')
  const answered = once(child, 'message')
  child.send({ input })
  const [reply] = (await Promise.race([
    answered,
    ended.then(([code]) => [{ error: `it ended with status ${String(code)}` }]),
  ])) as [WorkReply]
  await ended
  if ('error' in reply) throw new Error(`${module} ${name}: ${reply.error}`)
  return reply.result as T
}
