/** Opens the store: the database, the one writer over it, and everything that reads and writes through them. */
import { createCaStore } from './ca-store.ts'
import { type Database, type DatabaseOptions, openDatabase } from './database.ts'
import { createCommitter, type CommitterLimits } from './group-commit.ts'
import { createLogStore } from './log-store.ts'
import type { RandomBytes } from './records.ts'

/** What the store is opened with. */
export type StoreOptions = {
  readonly database: DatabaseOptions
  readonly randomBytes: RandomBytes
  readonly limits?: CommitterLimits
}

/** An open store. */
export type Store = Awaited<ReturnType<typeof openStore>>

const build = (db: Database, options: StoreOptions) => {
  const committer = createCommitter(db, options.randomBytes, options.limits)
  return {
    db,
    committer,
    ca: createCaStore(db, committer),
    log: createLogStore(db, committer),
    /** Stores everything that was accepted, then closes. */
    close: async (): Promise<void> => {
      await committer.close()
      await db.close()
    },
  }
}

/** Opens the store. @throws {STORE_SCHEMA_NEWER} {STORE_UNAVAILABLE} */
export async function openStore(options: StoreOptions) {
  return build(await openDatabase(options.database), options)
}
