/** Key provider over a folder: one encrypted file per key, opened once, kept in memory as a KeyObject. */
import { type KeyObject, createPublicKey, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { findKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { parseSpki } from '../algorithms/keys.ts'
import { compareBytes } from '../asn1/writer.ts'
import { CodedError } from '../errors.ts'
import {
  type ScryptCost,
  SCRYPT_COST,
  decryptPrivateKey,
  encryptPrivateKey,
} from './encrypted-private-key.ts'
import { generatePrivateKey, spkiOf } from './generate.ts'
import { encodeKeyFile, parseKeyFile } from './key-file.ts'
import type { KeyProvider, ProviderKey } from './provider.ts'
import { signWithKeyObject } from './sign.ts'

export interface EncryptedFileOptions {
  readonly folder: string
  /** From a file or the environment of the process; never from a command line, which others can read. */
  readonly passphrase: string | Uint8Array
  readonly now: () => Date
  readonly cost?: ScryptCost
}

const KEY_ID = /^[a-z0-9][a-z0-9-]{3,63}$/
/** Private keys kept open at once; more are opened again when needed. */
const MAX_OPEN_KEYS = 5_000

/** Opens the folder, which is made when it is not there. @throws {KEY_UNAVAILABLE} when the passphrase is empty */
export async function openEncryptedFileKeys(options: EncryptedFileOptions): Promise<KeyProvider> {
  const { folder, passphrase, now, cost = SCRYPT_COST } = options
  if (passphrase.length === 0) throw new CodedError('KEY_UNAVAILABLE', 'passphrase of the keys is empty')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const opened = new Map<string, KeyObject>()
  const known = new Map<string, ProviderKey>()

  const fileOf = (keyId: string): string => {
    // Also keeps path separators out.
    if (!KEY_ID.test(keyId)) throw new CodedError('KEY_NOT_FOUND', 'key is not there')
    return join(folder, `${keyId}.pem`)
  }

  const missing = (keyId: string): CodedError =>
    existsSync(join(folder, `${keyId}.destroyed`))
      ? new CodedError('KEY_DESTROYED', 'key was destroyed')
      : new CodedError('KEY_NOT_FOUND', 'key is not there')

  const publicKey = (keyId: string): ProviderKey => {
    const ready = known.get(keyId)
    if (ready) return ready
    const path = fileOf(keyId)
    if (!existsSync(path)) throw missing(keyId)
    const { info } = parseKeyFile(keyId, new Uint8Array(readFileSync(path)))
    known.set(keyId, info)
    return info
  }

  const keep = (keyId: string, key: KeyObject): void => {
    const [oldest] = opened.keys()
    if (opened.size >= MAX_OPEN_KEYS && oldest !== undefined) opened.delete(oldest)
    opened.set(keyId, key)
  }

  const load = async (keyId: string): Promise<KeyObject> => {
    const path = fileOf(keyId)
    const bytes = await readFile(path).catch(() => {
      throw missing(keyId)
    })
    const { info, encryptedDer } = parseKeyFile(keyId, new Uint8Array(bytes))
    const key = await decryptPrivateKey(encryptedDer, passphrase)
    // CBC is not authenticated: the clear public key and the encrypted private key must still be a pair.
    const derived = createPublicKey(key).export({ type: 'spki', format: 'der' })
    if (compareBytes(derived, info.spkiDer) !== 0)
      throw new CodedError('KEY_UNAVAILABLE', 'key file holds a private key of another public key')
    if (!existsSync(path)) throw missing(keyId)
    keep(keyId, key)
    return key
  }

  const store = async (key: KeyObject, tenant: string | null): Promise<ProviderKey> => {
    const spkiDer = spkiOf(key)
    const row = findKeyAlgorithm(parseSpki(spkiDer))
    if (!row) throw new CodedError('ALGORITHM_UNSUPPORTED', 'key is of a kind that is not held here')
    const info: ProviderKey = {
      keyId: `key-${randomUUID()}`,
      algorithm: row.name,
      spkiDer,
      tenant,
      createdAt: now(),
    }
    const encryptedDer = await encryptPrivateKey(key, passphrase, cost)
    await writeDurably(folder, `${info.keyId}.pem`, encodeKeyFile({ info, encryptedDer }))
    known.set(info.keyId, info)
    keep(info.keyId, key)
    return info
  }

  return {
    generate: async (algorithm, tenant) => store(await generatePrivateKey(algorithm), tenant),
    importKey: store,
    sign(keyId, algorithm, data) {
      const key = opened.get(keyId)
      if (key) return signWithKeyObject(key, algorithm, data)
      return load(keyId).then((loaded) => signWithKeyObject(loaded, algorithm, data))
    },
    publicKey,
    async destroy(keyId) {
      publicKey(keyId)
      opened.delete(keyId)
      known.delete(keyId)
      await writeDurably(folder, `${keyId}.destroyed`, new Uint8Array(0))
      await overwrite(fileOf(keyId))
      await unlink(fileOf(keyId))
      await syncFolder(folder)
    },
    list: () =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.pem'))
        .toSorted()
        .map((name) => publicKey(name.slice(0, -4))),
  }
}

/** Written aside, flushed, then renamed: a crash leaves the whole file or none. */
async function writeDurably(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(folder, `.${name}.${randomUUID()}`)
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, join(folder, name))
  await syncFolder(folder)
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Best effort only: flash memory keeps old blocks; the passphrase is what protects those. */
async function overwrite(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const { size } = await file.stat()
    await file.write(new Uint8Array(size), 0, size, 0)
    await file.sync()
  } finally {
    await file.close()
  }
}
