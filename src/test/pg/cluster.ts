/**
 * A PostgreSQL of its own for a test or a benchmark: Debian's binaries, a cluster in a new folder, reached over a
 * socket in that folder, never as root. It stops when it is told to, and when the process that started it dies.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { absent, type Judged } from '../judges.ts'

const runFile = promisify(execFile)

/** Superuser of the cluster; only whoever may enter the folder reaches the socket. */
const USER = 'yinxin'
const VERSIONS = '/usr/lib/postgresql'
const START_MS = 60_000

/** A running server: the primary, or a replica of it. */
export interface PgServer {
  /** Connection string of a database of it. */
  readonly url: (database: string) => string
  /** Runs SQL by `psql`; rows as text, columns joined by `|`. */
  readonly sql: (sql: string, database?: string) => Promise<string>
  /** Ends the server as a crash does: nothing is flushed, every connection breaks. */
  readonly crash: () => Promise<void>
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** A cluster with its primary. */
export interface Cluster extends PgServer {
  /** Makes an empty database. @returns its connection string */
  readonly createDatabase: (name: string) => Promise<string>
  /** Starts a streaming replica that has everything committed so far. */
  readonly addReplica: () => Promise<PgServer>
  /** Stops everything and removes the folder. */
  readonly remove: () => Promise<void>
}

/** Folder of the newest server binaries, or undefined where there are none. */
export function findPostgres(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined
  return readdirSync(VERSIONS)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(VERSIONS, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb')))
}

/** Who runs the server: whoever runs the test, or for root the user of the package, or nobody. */
function findUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = ['postgres:', 'nobody:'].map((name) => lines.find((entry) => entry.startsWith(name)))
  const [, , uid, gid] = (line.find((entry) => entry !== undefined) ?? '').split(':')
  if (!uid || !gid) throw new Error('root may not run PostgreSQL, and there is no other user')
  return { uid: Number(uid), gid: Number(gid) }
}

// Holds the server as its child and ends it when its own standard input closes, which a `kill -9` does too.
const GUARD = `exec 3<&0; "$@" <&- 3<&- & pid=$!; (read -r _ <&3; kill -QUIT $pid 2>/dev/null) & wait $pid`

interface Places {
  readonly bin: string
  readonly folder: string
  readonly data: string
  readonly port: number
  readonly settings: readonly string[]
}

function describeServer({ bin, folder, data, port, settings }: Places): PgServer {
  const user = findUser()
  let guard: ChildProcess | undefined
  const url = (database: string): string =>
    `postgres://${USER}@${encodeURIComponent(folder)}:${port}/${database}`
  const sql = async (text: string, database = 'postgres'): Promise<string> => {
    const args = [
      '-X',
      '-q',
      '-A',
      '-t',
      '-v',
      'ON_ERROR_STOP=1',
      '-h',
      folder,
      '-p',
      String(port),
      '-U',
      USER,
    ]
    const { stdout } = await runFile(join(bin, 'psql'), [...args, '-d', database, '-c', text])
    return stdout.trim()
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = guard
    if (!child || child.exitCode !== null) return
    const ended = once(child, 'exit')
    const [pid] = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')
    process.kill(Number(pid), signal)
    await ended
    child.stdin?.end()
    guard = undefined
  }
  const isUp = (): Promise<boolean> =>
    sql('SELECT 1').then(
      () => true,
      () => false,
    )
  return {
    url,
    sql,
    async start() {
      const log = openSync(join(folder, `server-${port}.log`), 'a')
      const settingsOf = ['listen_addresses=', `unix_socket_directories=${folder}`, ...settings]
      const args = ['-D', data, '-p', String(port), ...settingsOf.flatMap((setting) => ['-c', setting])]
      guard = spawn('/bin/sh', ['-c', GUARD, 'sh', join(bin, 'postgres'), ...args], {
        stdio: ['pipe', log, log],
        ...user,
      })
      for (let waited = 0; !(await isUp()); waited += 50) {
        if (guard.exitCode !== null || waited > START_MS) {
          const said = await readFile(join(folder, `server-${port}.log`), 'utf8')
          throw new Error(`PostgreSQL did not start: ${said.slice(-2000)}`)
        }
        await sleep(50)
      }
    },
    stop: () => end('SIGINT'),
    crash: () => end('SIGQUIT'),
  }
}

const SETTINGS = ['max_connections=200', 'wal_level=replica', 'max_wal_senders=5', 'hot_standby=on']
const FIRST_PORT = 5432

/**
 * Starts a cluster in a new folder.
 *
 * @param settings of the server, for example `shared_buffers=1GB`; fsync stays on
 * @throws {Error} where there are no binaries: ask {@link findPostgres} first
 */
export async function startCluster(settings: readonly string[] = []): Promise<Cluster> {
  const bin = findPostgres()
  if (bin === undefined) throw new Error('PostgreSQL is not installed')
  const user = findUser()
  const folder = await mkdtemp(join(tmpdir(), 'yinxin-pg-'))
  await chmod(folder, 0o700)
  if (user) await chown(folder, user.uid, user.gid)
  const primary = { bin, folder, data: join(folder, 'primary'), port: FIRST_PORT }
  const initdb = [
    '-D',
    primary.data,
    '-U',
    USER,
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C.UTF-8',
    '--no-sync',
  ]
  await runFile(join(bin, 'initdb'), initdb, { ...user, cwd: folder })
  const server = describeServer({ ...primary, settings: [...SETTINGS, ...settings] })
  await server.start()
  const replicas: PgServer[] = []
  return {
    ...server,
    async createDatabase(name) {
      await server.sql(`CREATE DATABASE "${name}"`)
      return server.url(name)
    },
    async addReplica() {
      const port = FIRST_PORT + replicas.length + 1
      const data = join(folder, `replica-${port}`)
      const args = ['-D', data, '-R', '-X', 'stream', '-c', 'fast', '-h', folder, '-p', String(primary.port)]
      await runFile(join(bin, 'pg_basebackup'), [...args, '-U', USER], { ...user, cwd: folder })
      const replica = describeServer({ ...primary, data, port, settings: [...SETTINGS, ...settings] })
      await replica.start()
      replicas.push(replica)
      return replica
    },
    async remove() {
      for (const replica of replicas) await replica.stop()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What a test that uses a cluster must offer. */
type Tearing = Judged & { teardown(work: () => Promise<void>): void; timeout(ms: number): void }

/**
 * A cluster for one test, removed at its end; undefined where PostgreSQL is not installed, which is said, and is a
 * failure where CI is set.
 */
export async function useCluster(t: Tearing, settings: readonly string[] = []): Promise<Cluster | undefined> {
  t.timeout(240_000)
  if (findPostgres() === undefined) {
    absent(t, 'PostgreSQL is not installed (Debian: postgresql)')
    return undefined
  }
  const cluster = await startCluster(settings)
  t.teardown(() => cluster.remove())
  return cluster
}
