/** Changes the passphrase of the key files of a data folder that nobody serves. */
import { existsSync } from 'node:fs'
import { CodedError } from '../ca/errors.ts'
import type { Reencryption, ReencryptionRequest } from '../ca/index.ts'
import type { Config } from './config.ts'
import { noCa, placesOf, readPassphrase, readPassphraseFile, storeOptionsOf } from './house.ts'
import { takeServingLock } from './store/serving-lock.ts'
import { openStore } from './store/store.ts'

/** What is asked. */
export interface PassphraseChange extends Pick<ReencryptionRequest, 'onProgress' | 'cost'> {
  /** File that holds the new passphrase. */
  readonly newFile: string
  readonly actor: string
}

/**
 * Puts every key under the new passphrase, between two records; the passphrase files themselves stay as they are.
 *
 * @throws {CodedError} CONFIG_INVALID while the folder is served or a passphrase cannot be used, KEY_UNAVAILABLE when a
 *   key opens with neither passphrase
 */
export async function changePassphrase(
  config: Config,
  { newFile, actor, ...rest }: PassphraseChange,
  {
    reencryptKeys,
    now,
  }: {
    readonly reencryptKeys: (request: ReencryptionRequest) => Promise<Reencryption>
    readonly now: () => Date
  },
): Promise<Reencryption> {
  const places = placesOf(config)
  if (!existsSync(config.database === undefined ? places.database : places.material)) throw noCa(config)
  const oldPassphrase = await readPassphrase(config)
  const newPassphrase = await readPassphraseFile(newFile, 'the new passphrase')
  if (oldPassphrase === newPassphrase)
    throw new CodedError('CONFIG_INVALID', 'the new passphrase is the one that is used now')
  // A service would go on to make keys under the old passphrase.
  const lock = await takeServingLock(places.servingLock)
  try {
    const store = await openStore({ ...storeOptionsOf(config), withoutDocuments: true })
    try {
      const record = (type: string, data: Record<string, number>): Promise<void> =>
        store.ca.record([{ type, at: now(), actor, tenant: null, data }])
      await record('key.reencryption_begun', {})
      const done = await reencryptKeys({ folder: places.keys, oldPassphrase, newPassphrase, ...rest })
      await record('key.reencrypted', { keys: done.keys, before: done.before })
      return done
    } finally {
      await store.close()
    }
  } finally {
    await lock.release()
  }
}
