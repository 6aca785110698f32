/**
 * Configuration: read once from the environment, checked as a whole, then passed as plain data.
 * Every value has a default that is safe on a desk; `docs/operate.md` lists them.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { CodedError } from '../ca/errors.ts'

export interface Config {
  /** Everything that must be backed up lies below this folder. */
  readonly dataDir: string
  /** Connection string of PostgreSQL, which may hold a password; SQLite in the data folder when left out. */
  readonly database: string | undefined
  /** Connection string of a streaming replica that answers what may lag. */
  readonly databaseReplica: string | undefined
  /** Bytes of kept documents; processes that share a database share this folder. */
  readonly documentsDir: string
  readonly host: string
  readonly port: number
  /** Address written into certificates and links; no slash at the end. */
  readonly baseUrl: string
  readonly ceremonyFile: string | undefined
  /** File that holds the passphrase of the keys; made on first start when it is the default one. */
  readonly passphraseFile: string
  readonly fontFile: string | undefined
  /** JSON of what the institution publishes about itself; an evaluation institution when left out. */
  readonly institutionFile: string | undefined
  /** PEM files of further trust anchors. */
  readonly trustDir: string
  readonly documentLimitBytes: number
  /** How long a signed document is kept, hours; afterwards only its digests. */
  readonly documentHours: number
  readonly requestsPerSecond: number
  /** Proxies of the operator in front of the service; 0: clients connect directly. */
  readonly trustedProxies: number
  /** Worker threads of a serving process that draft and sign certificates; 0 does it in the main thread. */
  readonly threads: number
  readonly logLevel: string
  /** Seconds between full CRLs when nothing changes. */
  readonly crlRefreshSeconds: number
  /** Whether validation data may be fetched from other hosts during a verification. */
  readonly fetchEvidence: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

function invalid(name: string, rule: string): never {
  throw new CodedError('CONFIG_INVALID', `${name} ${rule}`, { extra: { setting: name } })
}

function wholeNumber(env: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < min || value > max)
    invalid(name, `must be a whole number from ${min} to ${max}`)
  return value
}

function flag(env: Environment, name: string, fallback: boolean): boolean {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  if (text !== '0' && text !== '1') invalid(name, 'must be 0 or 1')
  return text === '1'
}

function baseUrlOf(env: Environment, host: string, port: number): string {
  const text = (
    env['YINXIN_BASE_URL'] ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  ).replace(/\/+$/, '')
  if (!/^https?:\/\/[^\s/]+(\/[^\s]*)?$/.test(text))
    invalid('YINXIN_BASE_URL', 'must be an http or https address')
  return text
}

/** An address of PostgreSQL from a setting or from the file that `<setting>_FILE` names; never part of a message. */
function databaseUrl(env: Environment, name: string): string | undefined {
  const file = env[`${name}_FILE`]
  const given = env[name]
  if (given && file) invalid(name, `must not be given beside ${name}_FILE`)
  const url = given || (file ? readSecret(file, `${name}_FILE`) : undefined)
  if (url !== undefined && !/^postgres(ql)?:\/\/[^\s]+$/.test(url))
    invalid(name, 'must begin with postgres://')
  return url
}

function databasesOf(env: Environment): Pick<Config, 'database' | 'databaseReplica'> {
  const database = databaseUrl(env, 'YINXIN_DATABASE')
  const databaseReplica = databaseUrl(env, 'YINXIN_DATABASE_REPLICA')
  if (databaseReplica !== undefined && database === undefined)
    invalid('YINXIN_DATABASE_REPLICA', 'needs YINXIN_DATABASE')
  return { database, databaseReplica }
}

function readSecret(file: string, name: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return invalid(name, `names a file that cannot be read: ${file}`)
  }
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent']

/**
 * @param env normally `process.env`
 * @param overrides from command-line options
 * @throws {CodedError} CONFIG_INVALID, naming the setting
 */
export function readConfig(env: Environment, overrides: Partial<Config> = {}): Config {
  const dataDir = resolve(overrides.dataDir ?? env['YINXIN_DATA'] ?? 'data')
  const host = overrides.host ?? env['YINXIN_HOST'] ?? '127.0.0.1'
  const port = overrides.port ?? wholeNumber(env, 'YINXIN_PORT', 8080, 0, 65_535)
  const logLevel = env['YINXIN_LOG'] ?? 'info'
  if (!LOG_LEVELS.includes(logLevel)) invalid('YINXIN_LOG', `must be one of ${LOG_LEVELS.join(', ')}`)
  return {
    ...databasesOf(env),
    documentsDir: env['YINXIN_DOCUMENTS'] ?? join(dataDir, 'documents'),
    host,
    port,
    baseUrl: baseUrlOf(env, host, port),
    ceremonyFile: env['YINXIN_CEREMONY'],
    passphraseFile: env['YINXIN_PASSPHRASE_FILE'] ?? join(dataDir, 'secrets', 'passphrase'),
    fontFile: env['YINXIN_FONT'],
    institutionFile: env['YINXIN_INSTITUTION'],
    trustDir: env['YINXIN_TRUST'] ?? join(dataDir, 'trust'),
    documentLimitBytes: wholeNumber(env, 'YINXIN_DOCUMENT_LIMIT', 104_857_600, 1024, 1_073_741_824),
    documentHours: wholeNumber(env, 'YINXIN_DOCUMENT_HOURS', 24, 0, 87_600),
    requestsPerSecond: wholeNumber(env, 'YINXIN_RATE', 500, 1, 1_000_000),
    crlRefreshSeconds: wholeNumber(env, 'YINXIN_CRL_REFRESH', 3600, 10, 86_400),
    fetchEvidence: flag(env, 'YINXIN_FETCH', true),
    trustedProxies: wholeNumber(env, 'YINXIN_PROXIES', 0, 0, 10),
    threads: wholeNumber(env, 'YINXIN_THREADS', availableParallelism(), 0, 256),
    logLevel,
    ...overrides,
    dataDir,
  }
}
