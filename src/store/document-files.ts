/**
 * Bytes of signed documents, one file each: 100 MB in a row would go through the database's log and its cache.
 *
 * A file is complete under its name or not there: temporary file, fsync, rename, fsync of the folder. Its row is
 * committed after it, so a crash leaves at most a file without a row, which the sweep removes.
 */
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createHash } from 'node:crypto'
import { CodedError } from '../../ca/errors.ts'
import { syncFolder } from './checkpoint-file.ts'

/** What was written. */
export type WrittenFile = { readonly size: number; readonly sha256: string }

/** Files of documents by id. */
export type DocumentFiles = {
  /** @throws {INPUT_TOO_LARGE} {STORE_UNAVAILABLE} with nothing left behind */
  readonly write: (
    id: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    maxBytes: number,
  ) => Promise<WrittenFile>
  /** @throws {DOCUMENT_NOT_FOUND} */
  readonly read: (id: string) => Promise<AsyncIterable<Uint8Array>>
  readonly remove: (id: string) => Promise<void>
  /** Removes a file by a name that `listOlderThan` gave. */
  readonly removeFile: (name: string) => Promise<void>
  /** Names of files last changed before this instant: ids, and unfinished ones. */
  readonly listOlderThan: (instant: Date) => Promise<string[]>
}

const ID = /^[0-9A-Za-z_-]{1,80}$/
const UNFINISHED = '.part'

const checkId = (id: string): string => {
  // The id becomes a path.
  if (!ID.test(id)) throw new CodedError('DOCUMENT_NOT_FOUND', 'There is no document with this id')
  return id
}

async function* toChunks(content: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) yield content
  else yield* content
}

async function writeChunks(
  file: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<WrittenFile> {
  const hash = createHash('sha256')
  let size = 0
  const handle = await open(file, 'wx', 0o600)
  try {
    for await (const chunk of toChunks(content)) {
      size += chunk.length
      if (size > maxBytes) throw new CodedError('INPUT_TOO_LARGE', `A document has at most ${maxBytes} bytes`)
      hash.update(chunk)
      await handle.writeFile(chunk)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { size, sha256: hash.digest('hex') }
}

const toStoreError = (error: unknown): CodedError =>
  error instanceof CodedError
    ? error
    : new CodedError('STORE_UNAVAILABLE', 'The document could not be written', { cause: error })

/** Opens the folder, which is made when it is missing. */
export async function openDocumentFiles(folder: string): Promise<DocumentFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return documentFilesIn(folder)
}

/** The files of a folder that is there, or of none. */
export function documentFilesIn(folder: string): DocumentFiles {
  const pathOf = (id: string): string => join(folder, checkId(id))
  return {
    write: async (id, content, maxBytes) => {
      const file = pathOf(id)
      const part = file + UNFINISHED
      try {
        const written = await writeChunks(part, content, maxBytes)
        await rename(part, file)
        await syncFolder(folder)
        return written
      } catch (error) {
        await rm(part, { force: true })
        throw toStoreError(error)
      }
    },
    read: async (id) => {
      const file = pathOf(id)
      try {
        await stat(file)
      } catch (cause) {
        throw new CodedError('DOCUMENT_NOT_FOUND', 'The bytes of this document are not kept', { cause })
      }
      return createReadStream(file) as AsyncIterable<Uint8Array>
    },
    remove: async (id) => {
      await rm(pathOf(id), { force: true })
    },
    removeFile: async (name) => {
      await rm(join(folder, basename(name)), { force: true })
    },
    listOlderThan: async (instant) => {
      const old: string[] = []
      for (const name of await readdir(folder)) {
        const facts = await stat(join(folder, name)).catch(() => undefined)
        if (facts !== undefined && facts.mtime < instant) old.push(name)
      }
      return old
    },
  }
}
