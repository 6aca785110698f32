/**
 * One serving process on a data folder of SQLite. The lock is the kernel's, held through an open transaction on a small
 * database of its own: it ends with the process, however that ends, and no stale file keeps the next one out.
 */
import sqlite3 from 'sqlite3'
import { CodedError } from '../../ca/errors.ts'
import { makePrivateFile } from './database.ts'
import { runSqlite } from './dialect.ts'

/** Long enough for a predecessor that is just ending, short enough for an operator who made a mistake. */
const WAIT_MS = 2_000

export interface ServingLock {
  release(): Promise<void>
}

const openFile = (file: string): Promise<sqlite3.Database> =>
  new Promise((resolve, reject) => {
    const db: sqlite3.Database = new sqlite3.Database(file, (error) => {
      if (error) reject(error)
      else resolve(db)
    })
  })

const closeFile = (db: sqlite3.Database): Promise<void> =>
  new Promise((resolve, reject) => {
    db.close((error) => {
      if (error) reject(error)
      else resolve()
    })
  })

/**
 * Takes the lock, or waits two seconds for it.
 *
 * @throws {CodedError} CONFIG_INVALID while another process holds it
 */
export async function takeServingLock(file: string, waitMs = WAIT_MS): Promise<ServingLock> {
  await makePrivateFile(file)
  const db = await openFile(file)
  try {
    await runSqlite(db, `PRAGMA busy_timeout = ${waitMs}`)
    await runSqlite(db, 'BEGIN EXCLUSIVE')
  } catch (error) {
    await closeFile(db)
    if ((error as NodeJS.ErrnoException).code !== 'SQLITE_BUSY') throw error
    throw new CodedError('CONFIG_INVALID', 'YINXIN_DATA: another process serves this data folder')
  }
  return { release: () => closeFile(db) }
}
