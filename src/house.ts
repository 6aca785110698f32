/**
 * What the composition is built from that is not a service: the data folder, its secrets and the CA's public material.
 * A first start makes them in an order in which a crash leaves either nothing that matters or everything.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { CodedError } from '../ca/errors.ts'
import { parseCertificate } from '../ca/formats.ts'
import type { CaMaterial, CaPlaces, FailedRotation, RotatedService } from '../ca/index.ts'
import type { Ca } from '../ca/ports.ts'
import type { SequencerPorts } from './audit/sequencer.ts'
import type { Config } from './config.ts'
import { fromBase64, toHex } from './lib/bytes.ts'
import { createRandom } from './lib/random.ts'
import type { Logger } from './logger.ts'
import type { Services } from './services/services.ts'
import type { Store } from './store/store.ts'
import { writeDurably } from './store/checkpoint-file.ts'
import { type TrustAnchor, trustFromPem } from './verify/trust.ts'

/** Everything that is open over one data folder. */
export interface House {
  readonly config: Config
  readonly log: Logger
  readonly store: Store
  readonly ca: Ca
  /** Of now: the certificates of OCSP and TSA are renewed while the house is open. */
  readonly material: CaMaterial
  readonly sequencer: SequencerPorts
  readonly services: Services
  /** What was rotated when it was opened, where that was asked for. */
  readonly rotation: {
    readonly rotated: readonly RotatedService[]
    readonly failed: readonly FailedRotation[]
  }
  /** Goes on with the OCSP and TSA certificates that another process renewed, and renews those that are due. */
  renewServices(): Promise<House['rotation']>
  /** Stores what was accepted, then closes. */
  close(): Promise<void>
}

/** How a data folder is opened. */
export interface OpenOptions {
  /** To serve: alone on its data folder, which gets an evaluation CA when it has none. */
  readonly serving: boolean
  /** Renews OCSP and TSA certificates first: those that are due, or with `force` all. */
  readonly rotate?: { readonly actor: string; readonly force: boolean }
  /** For tests only: another clock, and cheaper encryption of the keys that a ceremony makes. */
  readonly now?: () => Date
  readonly scryptCost?: CaPlaces['scryptCost']
}

/** Paths below the data folder; everything here belongs into a backup. */
export const placesOf = (config: Config) => ({
  database: join(config.dataDir, 'yinxin.sqlite'),
  documents: config.documentsDir,
  checkpoint: join(config.dataDir, 'published', 'checkpoint'),
  verifierKey: join(config.dataDir, 'published', 'verifier-key'),
  keys: join(config.dataDir, 'keys'),
  material: join(config.dataDir, 'ca.json'),
  pending: join(config.dataDir, 'ceremony-pending.json'),
  /** On the machine of an offline root only. */
  offlineRoot: join(config.dataDir, 'offline-root.json'),
  certified: join(config.dataDir, 'ceremony-certified.pem'),
  servingLock: join(config.dataDir, 'serving.lock'),
})

/** What the store of a data folder is opened with. */
export const storeOptionsOf = (config: Config) => {
  const { database, documents, checkpoint } = placesOf(config)
  return {
    database:
      config.database === undefined
        ? { client: 'sqlite3' as const, file: database }
        : { client: 'pg' as const, connection: config.database, replica: config.databaseReplica },
    documentsDir: documents,
    checkpointFile: checkpoint,
    randomBytes: createRandom(),
  }
}

/** Saves the public material of the CA: whole under its name, or not at all. */
export const saveMaterial = (config: Config, material: CaMaterial): Promise<void> =>
  writeDurably(placesOf(config).material, new TextEncoder().encode(`${JSON.stringify(material, null, 2)}\n`))

/** The certificates that the service stands on: each issuer by its id, `ocsp-<issuerId>` and `tsa`. */
export function certificateEnds(material: CaMaterial): { readonly name: string; readonly notAfter: Date }[] {
  const { issuers, ocsp, tsa } = material
  return [
    ...issuers.map(({ issuerId, certificate }) => ({ name: issuerId, certificate })),
    ...ocsp.map(({ issuerId, certificate }) => ({ name: `ocsp-${issuerId}`, certificate })),
    { name: 'tsa', certificate: tsa.certificate },
  ].map(({ name, certificate }) => ({ name, notAfter: parseCertificate(fromBase64(certificate)).notAfter }))
}

/** Makes the folders; only their owner may look inside. */
export async function makeFolders(config: Config): Promise<void> {
  const places = placesOf(config)
  for (const folder of [
    config.dataDir,
    places.documents,
    dirname(places.checkpoint),
    places.keys,
    config.trustDir,
  ])
    await mkdir(folder, { recursive: true, mode: 0o700 })
}

/** There is no CA where one is needed. */
export const noCa = ({ dataDir }: Config): CodedError =>
  new CodedError(
    'CONFIG_INVALID',
    `there is no CA in the data folder ${dataDir}: name another by --data or YINXIN_DATA, or make one with \`yinxin ceremony\`, or \`yinxin serve\` for an evaluation CA`,
  )

/**
 * Passphrase of the key files. A missing file is made only inside the data folder and only while there is neither CA
 * nor key: anywhere else a missing passphrase is a mistake.
 *
 * @throws {CodedError} CONFIG_INVALID
 */
export async function readPassphrase(config: Config): Promise<string> {
  const file = config.passphraseFile
  const { keys, material } = placesOf(config)
  if (!existsSync(file)) {
    const isFirst = !existsSync(material) && (await readdir(keys).catch(() => [])).length === 0
    if (!isFirst || !file.startsWith(`${config.dataDir}${sep}`))
      throw new CodedError('CONFIG_INVALID', `YINXIN_PASSPHRASE_FILE: there is no file ${file}`)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeDurably(file, new TextEncoder().encode(`${toHex(randomBytes(32))}\n`))
  }
  return readPassphraseFile(file, 'YINXIN_PASSPHRASE_FILE')
}

/** Passphrase in a file that is there. @throws {CodedError} CONFIG_INVALID naming `what` */
export async function readPassphraseFile(file: string, what: string): Promise<string> {
  const text = (await readFile(file, 'utf8')).trim()
  if (text.length < 16)
    throw new CodedError('CONFIG_INVALID', `${what}: ${file} holds fewer than 16 characters`)
  return text
}

/** Trust anchors from the PEM files that an operator put into the trust folder. @throws {CodedError} TRUST_LIST_INVALID */
export async function readTrustFolder(folder: string): Promise<TrustAnchor[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(pem|crt|cer)$/.test(name)).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return texts.flatMap((text, index) => trustFromPem(text, names[index] ?? ''))
}

/** Text of a file, or undefined when there is none. */
export async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
