/**
 * A data folder for somebody who has neither its keys nor their passphrase: an auditor, or whoever was given a copy.
 * Nothing is made in it, and where it cannot be written to, nothing is recorded either.
 */
import { existsSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { CodedError } from '../ca/errors.ts'
import type { CaMaterial } from '../ca/index.ts'
import type { Config } from './config.ts'
import { noCa, placesOf, readIfPresent, storeOptionsOf } from './house.ts'
import { fromBase64 } from './lib/bytes.ts'
import { createStatistics } from './services/statistics.ts'
import type { EngineDeps } from './services/verification-engine.ts'
import { openStore, openStoreToRead, type Store } from './store/store.ts'
import { openVerifier } from './verifier.ts'

/** What can be done without a key. */
export interface Archive {
  readonly store: Store
  /** Whether acts can be recorded. */
  readonly isWritable: boolean
  readonly now: () => Date
  readonly statistics: ReturnType<typeof createStatistics>
  /** Public key of the log as this folder has it; an auditor who got it by another way is better off. */
  verifierKey(): Promise<string | undefined>
  /** The verifier with the evidence that was published; it asks no key for a newer one. */
  verifier(): ReturnType<typeof openVerifier>
  close(): Promise<void>
}

/** How a data folder is opened without keys. */
export interface ArchiveOptions {
  /** The work is to be recorded where that is possible. */
  readonly record: boolean
}

const canWrite = (...files: readonly string[]): Promise<boolean> =>
  Promise.all(files.map((file) => access(file, constants.W_OK))).then(
    () => true,
    () => false,
  )

/** The public part of the CA. Its OCSP answers would need a key: verification then rests on the published CRLs. */
function publicPart({ issuers, ocsp, tsa }: CaMaterial): EngineDeps['ca'] {
  return {
    issuers: issuers.map(({ issuerId, role, certificate }) => ({
      issuerId,
      role,
      certDer: fromBase64(certificate),
    })),
    services: {
      ocspDer: ocsp.map(({ certificate }) => fromBase64(certificate)),
      tsaDer: fromBase64(tsa.certificate),
    },
    ocsp: () => Promise.reject(new CodedError('KEY_UNAVAILABLE', 'opened without keys')),
  }
}

/**
 * Opens what is there.
 *
 * @throws {CodedError} CONFIG_INVALID where there is no CA, STORE_UNAVAILABLE, STORE_SCHEMA_NEWER
 */
export async function openArchive(
  config: Config,
  { record }: ArchiveOptions,
  { parseMaterial, now }: { readonly parseMaterial: (json: string) => CaMaterial; readonly now: () => Date },
): Promise<Archive> {
  const places = placesOf(config)
  const isEmbedded = config.database === undefined
  if (isEmbedded && !existsSync(places.database)) throw noCa(config)
  const isWritable = record && (!isEmbedded || (await canWrite(config.dataDir, places.database)))
  const options = { ...storeOptionsOf(config), withoutDocuments: true }
  const store = isWritable ? await openStore(options) : await openStoreToRead(options)
  return {
    store,
    isWritable,
    now,
    statistics: createStatistics({ store, now }, isWritable),
    verifierKey: async () => (await readIfPresent(places.verifierKey))?.trim(),
    async verifier() {
      const text = await readIfPresent(places.material)
      if (text === undefined) throw noCa(config)
      const material = parseMaterial(text)
      return openVerifier(config, material, { ca: publicPart(material), store, now })
    },
    close: () => store.close(),
  }
}
