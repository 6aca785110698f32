/**
 * Backup while the service runs, and the check before a restored database may be used (check 48).
 *
 * `VACUUM INTO` writes one consistent, compact copy from a single read transaction; writers go on meanwhile.
 */
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import knexModule from 'knex'
import { CodedError } from '../../ca/errors.ts'
import { parseCheckpoint } from '../audit/checkpoint.ts'
import { syncFolder } from './checkpoint-file.ts'
import { type Database, makePrivateFile } from './database.ts'
import { describeSqlError, queryRows, type SqlRow, type SqlValue } from './dialect.ts'
import { toBytes } from './values.ts'

/** What a backup holds. */
export type BackupFacts = {
  readonly bytes: number
  /** Records with a place in the log, and all records. */
  readonly treeSize: number
  readonly records: number
}

/** Told about twice a second: bytes written, bytes expected at most. */
export type BackupProgress = (done: number, total: number) => void

const PROGRESS_EVERY_MS = 500

const failed = (message: string, cause?: unknown): CodedError =>
  new CodedError('STORE_BACKUP_FAILED', message, { cause })

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function measureFile(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0
}

type Query = (sql: string, values?: readonly SqlValue[]) => Promise<SqlRow | undefined>

/** Opens a file by a connection of its own and asks it something. */
async function withFile<T>(file: string, work: (query: Query) => Promise<T>): Promise<T> {
  // The driver would make a missing file.
  if ((await measureFile(file)) === 0) throw failed('There is no such database file')
  const knex = knexModule.knex({
    client: 'sqlite3',
    connection: { filename: file },
    useNullAsDefault: true,
  })
  try {
    return await work(async (sql, values) => (await queryRows(knex, sql, values))[0])
  } catch (error) {
    throw error instanceof CodedError
      ? error
      : failed(`The file is no usable database: ${describeSqlError(error)}`)
  } finally {
    await knex.destroy()
  }
}

/** Checks that a file is a whole database of ours, and says what it holds. @throws {STORE_BACKUP_FAILED} */
async function readBackupFacts(file: string): Promise<BackupFacts> {
  return await withFile(file, async (query) => {
    const check = await query('PRAGMA quick_check(1)')
    if (check?.quick_check !== 'ok') throw failed('The file is damaged')
    const records = await query('SELECT count(*) AS n FROM audit_records')
    const state = await query('SELECT size FROM log_states WHERE id = 1')
    return { bytes: await measureFile(file), treeSize: Number(state?.size ?? 0), records: Number(records?.n) }
  })
}

/**
 * Copies the running database into a new file, checks the copy, and puts it under its name durably.
 *
 * @throws {STORE_BACKUP_FAILED} also when the file exists: a backup is never overwritten
 */
export async function backupDatabase(
  db: Database,
  file: string,
  onProgress: BackupProgress = () => undefined,
): Promise<BackupFacts> {
  if (db.file === null) throw failed('PostgreSQL is backed up with its own tools')
  if ((await measureFile(file)) > 0) throw failed('The backup file exists already')
  const part = `${file}.part`
  await rm(part, { force: true })
  await makePrivateFile(part)
  const total = (await measureFile(db.file)) + (await measureFile(`${db.file}-wal`))
  const timer = setInterval(() => {
    void measureFile(part).then((done) => onProgress(done, total))
  }, PROGRESS_EVERY_MS)
  try {
    await withFile(db.file, (query) => query('VACUUM INTO ?', [part]))
    const facts = await readBackupFacts(part)
    await syncFile(part)
    await rename(part, file)
    await syncFolder(dirname(file))
    onProgress(facts.bytes, facts.bytes)
    return facts
  } catch (error) {
    await rm(part, { force: true })
    throw error instanceof CodedError ? error : failed(`The backup failed: ${describeSqlError(error)}`)
  } finally {
    clearInterval(timer)
  }
}

/**
 * Refuses a database that is older than the checkpoint that was published from it: certificates were issued
 * that it does not know, and their serials could be given again.
 *
 * @param checkpoint the published note; its signature is checked by whoever starts the log
 * @throws {STORE_OLDER_THAN_CHECKPOINT} {LOG_FORK} {STORE_BACKUP_FAILED}
 */
export async function checkRestore(file: string, checkpoint: Uint8Array): Promise<BackupFacts> {
  const facts = await readBackupFacts(file)
  const published = parseCheckpoint(checkpoint)
  if (facts.treeSize < published.size) {
    throw new CodedError(
      'STORE_OLDER_THAN_CHECKPOINT',
      `The database holds ${facts.treeSize} records of the log, ${published.size} are published`,
      { extra: { held: facts.treeSize, published: published.size } },
    )
  }
  const root = await withFile(file, async (query) => {
    const state = await query('SELECT size, root FROM log_states WHERE id = 1')
    return state === undefined ? new Uint8Array(0) : toBytes(state.root)
  })
  const isSame =
    root.length === published.root.length && root.every((byte, at) => byte === published.root[at])
  if (facts.treeSize === published.size && published.size > 0 && !isSame) {
    throw new CodedError(
      'LOG_FORK',
      `At size ${published.size} the published root is not that of the database`,
    )
  }
  return facts
}
