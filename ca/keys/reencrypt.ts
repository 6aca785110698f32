/**
 * Another passphrase for a folder of key files.
 *
 * First every key is encrypted anew beside its file, then each new file takes the place of the old one by a rename.
 * A crash leaves every key file whole, under the old passphrase or under the new one; the same call finishes the work.
 */
import type { KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError, isCoded } from '../errors.ts'
import { syncFolder, writeFlushed } from './durable-file.ts'
import { listKeyIds, openKeyFile } from './encrypted-file.ts'
import { type ScryptCost, SCRYPT_COST, encryptPrivateKey } from './encrypted-private-key.ts'
import { type KeyFile, encodeKeyFile, parseKeyFile } from './key-file.ts'

/** What is encrypted anew. Nothing else may make or destroy keys in the folder meanwhile. */
export interface ReencryptionRequest {
  readonly folder: string
  readonly oldPassphrase: string | Uint8Array
  readonly newPassphrase: string | Uint8Array
  readonly cost?: ScryptCost
  /** Keys that are ready to change over, of how many. */
  readonly onProgress?: (done: number, total: number) => void
  /** Told before the place of a key is taken by its new file. */
  readonly onReplace?: (keyId: string) => void
}

/** What came of it. */
export interface Reencryption {
  /** Keys that are under the new passphrase now. */
  readonly keys: number
  /** Those that an earlier call, which did not come to its end, had changed already. */
  readonly before: number
}

/** One key for each thread of the pool on which scrypt runs. */
const AT_ONCE = 4

const stagedName = (keyId: string): string => `.${keyId}.pem.reencrypted`

/** What a crash left beside the key files; it may be under a passphrase that nobody chose in the end. */
async function removeStaged(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith('.') && name.endsWith('.pem.reencrypted')) await rm(join(folder, name))
}

async function tryToOpen(file: KeyFile, passphrase: string | Uint8Array): Promise<KeyObject | undefined> {
  try {
    return await openKeyFile(file, passphrase)
  } catch (error) {
    if (isCoded(error, 'KEY_UNAVAILABLE')) return undefined
    throw error
  }
}

/** Writes the new file beside the old one. @returns undefined when the key is under the new passphrase already */
async function stage(request: ReencryptionRequest, keyId: string): Promise<string | undefined> {
  const { folder, oldPassphrase, newPassphrase, cost = SCRYPT_COST } = request
  const file = parseKeyFile(keyId, new Uint8Array(await readFile(join(folder, `${keyId}.pem`))))
  const key = await tryToOpen(file, oldPassphrase)
  if (!key && (await tryToOpen(file, newPassphrase))) return undefined
  if (!key)
    throw new CodedError(
      'KEY_UNAVAILABLE',
      `${keyId}.pem opens with neither passphrase, or is damaged; no key was changed`,
    )
  const encryptedDer = await encryptPrivateKey(key, newPassphrase, cost)
  const staged: KeyFile = { info: file.info, encryptedDer }
  // What cannot be opened again must not replace what can.
  await openKeyFile(staged, newPassphrase)
  await writeFlushed(join(folder, stagedName(keyId)), encodeKeyFile(staged))
  return keyId
}

async function stageAll(request: ReencryptionRequest, keyIds: readonly string[]): Promise<string[]> {
  const staged: string[] = []
  for (let start = 0; start < keyIds.length; start += AT_ONCE) {
    const some = keyIds.slice(start, start + AT_ONCE)
    const outcomes = await Promise.allSettled(some.map((keyId) => stage(request, keyId)))
    // Only now: none of them writes any more when the caller tidies up.
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
      if (outcome.value !== undefined) staged.push(outcome.value)
    }
    request.onProgress?.(start + some.length, keyIds.length)
  }
  return staged
}

/** The new file takes the place of the old one; a key that was destroyed meanwhile stays destroyed. */
async function replace({ folder, onReplace }: ReencryptionRequest, keyId: string): Promise<void> {
  onReplace?.(keyId)
  const isThere = existsSync(join(folder, `${keyId}.pem`))
  if (isThere && !existsSync(join(folder, `${keyId}.destroyed`)))
    await rename(join(folder, stagedName(keyId)), join(folder, `${keyId}.pem`))
  else await rm(join(folder, stagedName(keyId)))
}

/**
 * Puts every key of a folder under another passphrase; called again after a crash, it finishes.
 *
 * @throws {KEY_NOT_FOUND} when the folder holds no key
 * @throws {KEY_UNAVAILABLE} when a key opens with neither passphrase; then no key was changed
 */
export async function reencryptKeys(request: ReencryptionRequest): Promise<Reencryption> {
  const { folder, newPassphrase } = request
  if (newPassphrase.length === 0) throw new CodedError('KEY_UNAVAILABLE', 'new passphrase is empty')
  await removeStaged(folder)
  const keyIds = listKeyIds(folder)
  if (keyIds.length === 0) throw new CodedError('KEY_NOT_FOUND', 'the folder of the keys holds no key')
  let staged: string[]
  try {
    staged = await stageAll(request, keyIds)
  } catch (error) {
    await removeStaged(folder)
    throw error
  }
  // The new files are durable under their names before the first of them replaces anything.
  await syncFolder(folder)
  for (const keyId of staged) await replace(request, keyId)
  await syncFolder(folder)
  return { keys: keyIds.length, before: keyIds.length - staged.length }
}
