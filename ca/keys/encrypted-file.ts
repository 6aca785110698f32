/** Key provider over a folder: one encrypted file per key, opened once, kept in memory as a KeyObject. */
import { type KeyObject, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { findKeyAlgorithm } from '../algorithms/key-algorithms.ts'
import { parseSpki } from '../algorithms/keys.ts'
import { compareBytes } from '../asn1/writer.ts'
import { CodedError } from '../errors.ts'
import { overwrite, syncFolder, writeDurably } from './durable-file.ts'
import {
  type ScryptCost,
  SCRYPT_COST,
  decryptPrivateKey,
  encryptPrivateKey,
} from './encrypted-private-key.ts'
import { generatePrivateKey, spkiOf } from './generate.ts'
import { type KeyFile, encodeKeyFile, parseKeyFile } from './key-file.ts'
import type { KeyProvider, ProviderKey } from './provider.ts'
import { signWithKeyObject } from './sign.ts'

/** Where the key files lie and what opens them. */
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

interface State extends EncryptedFileOptions {
  /** Private keys in use, oldest first. */
  readonly opened: Map<string, KeyObject>
  /** Being decrypted: a key that several wait for is decrypted once. */
  readonly opening: Map<string, Promise<KeyObject>>
  readonly known: Map<string, ProviderKey>
}

/** Opens the folder, which is made when it is not there. @throws {KEY_UNAVAILABLE} when the passphrase is empty */
export async function openEncryptedFileKeys(options: EncryptedFileOptions): Promise<KeyProvider> {
  const { folder, passphrase } = options
  if (passphrase.length === 0) throw new CodedError('KEY_UNAVAILABLE', 'passphrase of the keys is empty')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const state: State = { ...options, opened: new Map(), opening: new Map(), known: new Map() }
  return {
    generate: async (algorithm, tenant) => store(state, await generatePrivateKey(algorithm), tenant),
    importKey: (key, tenant) => store(state, key, tenant),
    sign(keyId, algorithm, data) {
      const key = state.opened.get(keyId)
      if (key) return signWithKeyObject(key, algorithm, data)
      return load(state, keyId).then((loaded) => signWithKeyObject(loaded, algorithm, data))
    },
    share: async (keyId) => state.opened.get(keyId) ?? load(state, keyId),
    publicKey: (keyId) => publicKey(state, keyId),
    destroy: (keyId) => destroy(state, keyId),
    list: () => listKeyIds(folder).map((keyId) => publicKey(state, keyId)),
  }
}

/** Ids of the keys of a folder that were not destroyed, in order. */
export const listKeyIds = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.pem') && !name.startsWith('.'))
    .map((name) => name.slice(0, -4))
    .filter((keyId) => !existsSync(join(folder, `${keyId}.destroyed`)))
    .toSorted()

/** Path of a key that is there. @throws {KEY_NOT_FOUND} {KEY_DESTROYED} */
function fileOf({ folder }: State, keyId: string): string {
  // Also keeps path separators out.
  if (!KEY_ID.test(keyId)) throw new CodedError('KEY_NOT_FOUND', 'key is not there')
  // The mark comes before the file goes: a crash between the two leaves a key that counts as destroyed.
  if (existsSync(join(folder, `${keyId}.destroyed`)))
    throw new CodedError('KEY_DESTROYED', 'key was destroyed')
  const path = join(folder, `${keyId}.pem`)
  if (!existsSync(path)) throw new CodedError('KEY_NOT_FOUND', 'key is not there')
  return path
}

function publicKey(state: State, keyId: string): ProviderKey {
  const ready = state.known.get(keyId)
  if (ready) return ready
  const { info } = parseKeyFile(keyId, new Uint8Array(readFileSync(fileOf(state, keyId))))
  state.known.set(keyId, info)
  return info
}

function keep({ opened }: State, keyId: string, key: KeyObject): void {
  const [oldest] = opened.keys()
  if (opened.size >= MAX_OPEN_KEYS && oldest !== undefined) opened.delete(oldest)
  opened.set(keyId, key)
}

/** Private key of a key file. @throws {KEY_UNAVAILABLE} when the passphrase is wrong or the file was changed */
export async function openKeyFile(
  { info, encryptedDer }: KeyFile,
  passphrase: string | Uint8Array,
): Promise<KeyObject> {
  const key = await decryptPrivateKey(encryptedDer, passphrase)
  // CBC is not authenticated: the clear public key and the encrypted private key must still be a pair.
  if (compareBytes(spkiOf(key), info.spkiDer) !== 0)
    throw new CodedError('KEY_UNAVAILABLE', 'key file holds a private key of another public key')
  return key
}

function load(state: State, keyId: string): Promise<KeyObject> {
  const under = state.opening.get(keyId)
  if (under) return under
  const opening = decrypt(state, keyId).finally(() => state.opening.delete(keyId))
  state.opening.set(keyId, opening)
  return opening
}

async function decrypt(state: State, keyId: string): Promise<KeyObject> {
  const bytes = await readFile(fileOf(state, keyId))
  const key = await openKeyFile(parseKeyFile(keyId, new Uint8Array(bytes)), state.passphrase)
  // It may have been destroyed while it was being decrypted.
  fileOf(state, keyId)
  keep(state, keyId, key)
  return key
}

async function store(state: State, key: KeyObject, tenant: string | null): Promise<ProviderKey> {
  const { folder, passphrase, now, cost = SCRYPT_COST } = state
  const spkiDer = spkiOf(key)
  const row = findKeyAlgorithm(parseSpki(spkiDer))
  if (!row) throw new CodedError('ALGORITHM_UNSUPPORTED', 'key is of a kind that is not held here')
  const keyId = `key-${randomUUID()}`
  const info: ProviderKey = { keyId, algorithm: row.name, spkiDer, tenant, createdAt: now() }
  const encryptedDer = await encryptPrivateKey(key, passphrase, cost)
  await writeDurably(folder, `${keyId}.pem`, encodeKeyFile({ info, encryptedDer }))
  state.known.set(keyId, info)
  keep(state, keyId, key)
  return info
}

async function destroy(state: State, keyId: string): Promise<void> {
  const path = fileOf(state, keyId)
  state.opened.delete(keyId)
  state.known.delete(keyId)
  await writeDurably(state.folder, `${keyId}.destroyed`, new Uint8Array(0))
  await overwrite(path)
  await unlink(path)
  await syncFolder(state.folder)
}
