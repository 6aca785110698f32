/**
 * The published checkpoint: one small file outside the database, so that a database that was set back shows.
 *
 * Written to a temporary file, fsynced, renamed, and the folder fsynced: a crash leaves the old or the new one.
 */
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CodedError } from '../../ca/errors.ts'
import type { CheckpointCopy } from '../audit/log-store.ts'
import { isSameBytes } from '../lib/bytes.ts'

const MAX_CHECKPOINT_BYTES = 64 * 1024

const isMissing = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === 'ENOENT'

async function readCopy(file: string): Promise<Uint8Array | null> {
  try {
    const bytes = await readFile(file)
    if (bytes.length > MAX_CHECKPOINT_BYTES) {
      throw new CodedError('LOG_CORRUPT', 'The published checkpoint file is too large to be one')
    }
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/** Makes a file's content durable under its name. */
export async function writeDurably(file: string, content: Uint8Array): Promise<void> {
  const temporary = `${file}.new`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
  await syncFolder(dirname(file))
}

/** Makes renames and removals in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const isSameCopy = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === null || b === null ? a === b : isSameBytes(a, b)

/** The copy in this file. Replacing is compare-and-set for one process; the log's own state guards against two. */
export function createCheckpointFile(file: string): CheckpointCopy {
  return {
    read: () => readCopy(file),
    replace: async (expected, next) => {
      if (!isSameCopy(await readCopy(file), expected)) return false
      await writeDurably(file, next)
      return true
    },
  }
}
