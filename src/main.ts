#!/usr/bin/env node
/**
 * The composition root: the one place where the core, the store, the services and the shells are put together.
 *
 * Read from here: `openHouse` opens the store, the CA over it, and the services over both; `serve.ts` adds HTTP and the
 * jobs. Everything below is handed what it needs as plain arguments.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../ca/errors.ts'
import { type CaMaterial, openCa, parseMaterial, reencryptKeys } from '../ca/index.ts'
import type { Ca, CaPorts } from '../ca/ports.ts'
import { type ArchiveOptions, openArchive } from './archive.ts'
import { openCheckpoint } from './audit/checkpoint.ts'
import { buildNoteKey, encodeVerifierKey } from './audit/note.ts'
import { createLog, type SequencerPorts } from './audit/sequencer.ts'
import { holdEvaluationCeremony } from './cli/ceremony.ts'
import { commands } from './cli/commands.ts'
import { enterUserFolder } from './cli/user-folder.ts'
import { runCli } from './cli/run.ts'
import type { Config } from './config.ts'
import { type FontFace, loadFont } from './formats/pades/font.ts'
import {
  type House,
  makeFolders,
  noCa,
  type OpenOptions,
  placesOf,
  readIfPresent,
  readPassphrase,
  saveMaterial,
  storeOptionsOf,
} from './house.ts'
import { createRandom } from './lib/random.ts'
import { createLogger, type Logger } from './logger.ts'
import { changePassphrase, type PassphraseChange } from './passphrase.ts'
import { checkClock } from './services/readiness.ts'
import { createServices } from './services/services.ts'
import { takeServingLock } from './store/serving-lock.ts'
import { writeDurably } from './store/checkpoint-file.ts'
import { openStore, type Store } from './store/store.ts'
import { openVerifier } from './verifier.ts'

const systemClock = (): Date => new Date()
const random = createRandom()
const root = join(import.meta.dirname, '..')
const defaultFont = join(
  root,
  'node_modules/@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf',
)

/** The font of visible signatures: ten megabytes, loaded when the first one is drawn. */
function lazyFont(config: Config): () => Promise<FontFace> {
  let face: Promise<FontFace> | undefined
  return () =>
    (face ??= readFile(config.fontFile ?? defaultFont).then((bytes) => loadFont(new Uint8Array(bytes))))
}

/**
 * Opens the data folder; with `serving` no other process may serve it, and a folder without a CA gets an evaluation CA.
 *
 * @throws {CodedError} CONFIG_INVALID without a CA or beside another serving process, and whatever keeps the store, the
 *   keys or the log from being trusted
 */
export async function openHouse(config: Config, options: OpenOptions): Promise<House> {
  const places = placesOf(config)
  // Before anything is made: a mistyped folder must not look like one that somebody uses.
  if (!options.serving && !existsSync(places.material)) throw noCa(config)
  await makeFolders(config)
  const passphrase = await readPassphrase(config)
  const log = createLogger(config.logLevel)
  const lock = options.serving ? await takeServingLock(places.servingLock) : undefined
  let store: Store | undefined
  const close = async (): Promise<void> => {
    await store?.close()
    await lock?.release()
  }
  try {
    store = await openStore(storeOptionsOf(config))
    // What a predecessor that crashed had taken: nobody else can hold it.
    if (lock && !store.isShared) {
      await store.leases.clear()
      await store.idempotency.abandonAll()
    }
    const folder = { store, log, passphrase, close }
    // On a first start this holds the ceremony, and makes the log.
    return await store.exclusively(() => openOver(config, options, folder))
  } catch (error) {
    await close()
    throw error
  }
}

async function readMaterial(
  config: Config,
  { serving, now = systemClock, scryptCost }: OpenOptions,
  store: Store,
  passphrase: string,
): Promise<CaMaterial> {
  const text = await readIfPresent(placesOf(config).material)
  if (text !== undefined) return parseMaterial(text)
  if (!serving) throw noCa(config)
  if ((await store.log.readState()) !== null)
    throw new CodedError(
      'CONFIG_INVALID',
      'YINXIN_DATABASE: the database belongs to a CA; copy its data folder (ca.json, keys, published) here first',
    )
  const ports = { store: store.ca, now, randomBytes: random }
  return holdEvaluationCeremony(config, ports, { passphrase, ...(scryptCost ? { scryptCost } : {}) })
}

/** The log of this CA; a first start makes it, and only a first start. Its key is published where auditors find it. */
async function openLogPorts(
  config: Config,
  material: CaMaterial,
  ca: Ca,
  { store, log, now }: { readonly store: Store; readonly log: Logger; readonly now: () => Date },
): Promise<SequencerPorts> {
  // The origin names the log for ever, also when the service moves to another address.
  const key = buildNoteKey(`${material.baseUrl.replace(/^https?:\/\//, '')}/log`, ca.logPublicKey)
  const sign = (body: Uint8Array): Promise<Uint8Array> => ca.signNote(body)
  const ports = { store: store.log, published: store.published, signer: { key, sign }, now }
  const state = await store.log.readState()
  if (state === null) await createLog(ports)
  else if (openCheckpoint(new TextEncoder().encode(state.head.checkpoint), key) === null)
    throw new CodedError('CONFIG_INVALID', 'YINXIN_DATABASE: the database belongs to another CA')
  // Reading stays allowed where writing is refused: an audit must be able to say what is wrong.
  const copy = await store.published.read()
  store.floor.raise((copy && openCheckpoint(copy, key)?.size) ?? 0)
  await store.checkFloor().catch((err: unknown) => log.error({ err }, 'the database is not written to'))
  const { verifierKey } = placesOf(config)
  const text = `${encodeVerifierKey(key)}\n`
  if ((await readIfPresent(verifierKey)) !== text)
    await writeDurably(verifierKey, new TextEncoder().encode(text))
  return ports
}

/** The certificates of OCSP and TSA, as the data folder has them and as they are renewed. */
function servicesOf(config: Config, ca: Ca, found: CaMaterial, log: Logger) {
  let material = found
  const use = async (next: CaMaterial): Promise<void> => {
    await saveMaterial(config, next)
    material = next
  }
  return {
    material: () => material,
    /**
     * Takes what another process renewed, then renews what is due. The new material is durable before a new key is
     * used; after a crash in between, the old one still works and is renewed again.
     */
    async renew({ actor, force }: NonNullable<OpenOptions['rotate']>): Promise<House['rotation']> {
      const saved = parseMaterial(await readFile(placesOf(config).material, 'utf8'))
      if (await ca.adopt(saved)) material = saved
      const rotation = await ca.rotate({ actor: { actor, tenant: null }, force }, use)
      for (const { name, newSerialHex, notAfter } of rotation.rotated)
        log.info({ service: name, serialHex: newSerialHex, notAfter }, 'certificate was renewed')
      // The old certificate has a third of its life left: a service that stops would be worse.
      for (const { name, error } of rotation.failed)
        log.error(
          { service: name, code: error.code, reason: error.message },
          'certificate could not be renewed',
        )
      return rotation
    },
  }
}

interface OpenFolder {
  readonly store: Store
  readonly log: Logger
  readonly passphrase: string
  readonly close: () => Promise<void>
}

async function openOver(config: Config, options: OpenOptions, folder: OpenFolder): Promise<House> {
  const { store, passphrase } = folder
  const { now = systemClock, scryptCost } = options
  const ports: CaPorts = { store: store.ca, now, randomBytes: random }
  const places = { keysFolder: placesOf(config).keys, passphrase, ...(scryptCost ? { scryptCost } : {}) }
  const material = await readMaterial(config, options, store, passphrase)
  const ca = await openCa({ ...places, material, threads: options.serving ? config.threads : 0 }, ports)
  try {
    return await composeOver(config, options, folder, { ca, material, now })
  } catch (error) {
    // Its worker threads would keep a process alive that refused to start.
    await ca.close().catch(() => undefined)
    throw error
  }
}

async function composeOver(
  config: Config,
  options: OpenOptions,
  { store, log, close: closeStore }: OpenFolder,
  { ca, material, now }: { readonly ca: Ca; readonly material: CaMaterial; readonly now: () => Date },
): Promise<House> {
  const served = servicesOf(config, ca, material, log)
  const sequencer = await openLogPorts(config, material, ca, { store, log, now })
  const rotation = options.rotate ? await served.renew(options.rotate) : { rotated: [], failed: [] }
  const verify = await openVerifier(config, material, { ca, store, now })
  const logKey = sequencer.signer.key
  const services = createServices(
    { ca, store, config, now, randomBytes: random, log, logKey, font: lazyFont(config), verify },
    [
      { name: 'store', check: () => store.ping(now()) },
      { name: 'log', check: () => store.checkFloor() },
      { name: 'clock', check: () => checkClock(store.ca, now) },
    ],
  )
  const close = async (): Promise<void> => {
    await ca.close()
    await closeStore()
  }
  return {
    ...{ config, log, store, ca, sequencer, services, rotation, close },
    get material() {
      return served.material()
    },
    renewServices: () => served.renew({ actor: 'system', force: false }),
  }
}

/** What commands are handed to open a data folder with. */
export const composition = {
  openHouse,
  openArchive: (config: Config, options: ArchiveOptions) =>
    openArchive(config, options, { parseMaterial, now: systemClock }),
  changePassphrase: (config: Config, change: PassphraseChange) =>
    changePassphrase(config, change, { reencryptKeys, now: systemClock }),
}

if (import.meta.main) {
  const env = enterUserFolder(process.env, root, process)
  // A reader that has seen enough (`| head`) is not an error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  const { stdout: out, stderr: err } = process
  process.exitCode = await runCli(commands, { ...composition, env, root }, process.argv.slice(2), {
    out,
    err,
  })
}
