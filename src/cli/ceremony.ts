/**
 * `yinxin ceremony`: makes a CA from a ceremony file, with the root key here or kept elsewhere.
 *
 * With `"offline": true` in the file: step 1 here prints requests, step 2 beside the root certifies them and signs the
 * root's first CRL, step 3 here takes both back; `--root-crl` beside the root signs every later list. The only command
 * that opens the core by itself.
 */
import { readFile } from 'node:fs/promises'
import {
  acceptIssuingCas,
  type CaMaterial,
  certifyIssuingCas,
  type CeremonyRequest,
  evaluationCeremony,
  holdCeremony,
  type IssuingCaRevocation,
  parseRootMaterial,
  type PendingCeremony,
  requestIssuingCas,
  type RootMaterial,
  signRootCrl,
} from '../../ca/index.ts'
import { CodedError } from '../../ca/errors.ts'
import type { CaPorts, LegalGround, RevocationReason } from '../../ca/ports.ts'
import { type Config, readConfig } from '../config.ts'
import { createRandom } from '../lib/random.ts'
import {
  makeFolders,
  placesOf,
  readIfPresent,
  readPassphrase,
  saveMaterial,
  storeOptionsOf,
} from '../house.ts'
import { fromBase64 } from '../lib/bytes.ts'
import { toPem } from '../lib/pem.ts'
import { writeDurably } from '../store/checkpoint-file.ts'
import { openStore } from '../store/store.ts'
import { derFromPem } from './pem-file.ts'
import type { Command, CommandInput } from './command.ts'
import type { CliContext } from './context.ts'
import type { Printer } from './printer.ts'

const ACTOR = { actor: 'operator:ceremony', tenant: null }
const encoder = new TextEncoder()

const saved = async (config: Config, material: CaMaterial): Promise<CaMaterial> => {
  await saveMaterial(config, material)
  return material
}

/** The CA of a first start: for trying out, and named so in every certificate. */
export async function holdEvaluationCeremony(
  config: Config,
  ports: CaPorts,
  secrets: Pick<CeremonyRequest, 'passphrase' | 'scryptCost'>,
): Promise<CaMaterial> {
  const ceremony =
    config.ceremonyFile === undefined
      ? await evaluationCeremony()
      : new Uint8Array(await readFile(config.ceremonyFile))
  const request: CeremonyRequest = {
    keysFolder: placesOf(config).keys,
    ...secrets,
    ceremony,
    baseUrl: config.baseUrl,
    actor: ACTOR,
  }
  return saved(config, await holdCeremony(request, ports))
}

async function readPending(config: Config): Promise<PendingCeremony> {
  const text = await readIfPresent(placesOf(config).pending)
  if (text === undefined)
    throw new CodedError(
      'CEREMONY_INVALID',
      'there are no requests to finish: start with the ceremony file alone',
    )
  return JSON.parse(text) as PendingCeremony
}

interface Stage {
  readonly config: Config
  readonly request: CeremonyRequest
  readonly ports: CaPorts
  readonly printer: Printer
}

/** @throws {CodedError} CEREMONY_INVALID when the file is no JSON; its shape is checked by the core. */
const isOffline = (ceremony: Uint8Array): boolean => {
  try {
    const file = JSON.parse(new TextDecoder().decode(ceremony)) as { root?: { offline?: boolean } } | null
    return file?.root?.offline === true
  } catch (error) {
    throw new CodedError('CEREMONY_INVALID', `ceremony file: not JSON: ${(error as Error).message}`)
  }
}

/** Step 1: keys of the issuing CAs, and the requests that travel to the root. */
async function requestStep({ config, request, ports, printer }: Stage): Promise<void> {
  const pending = await requestIssuingCas(request, ports)
  await writeDurably(placesOf(config).pending, encoder.encode(JSON.stringify(pending, null, 2)))
  const requests = pending.requests.map(({ issuerId, csr }) => ({
    issuerId,
    csrPem: toPem('CERTIFICATE REQUEST', fromBase64(csr)),
  }))
  printer.result(
    { pendingFile: placesOf(config).pending, requests },
    `Requests for the offline root are in ${placesOf(config).pending}. Carry them to the root, then run --finish with what comes back.`,
    ...requests.map(({ csrPem }) => csrPem),
  )
}

/** Step 2, on the machine of the root: certificates for the requests, and the first CRL of the root. */
async function certifyStep({ config, request, ports, printer }: Stage, pendingFile: string): Promise<void> {
  const places = placesOf(config)
  if ((await readIfPresent(places.offlineRoot)) !== undefined)
    throw new CodedError(
      'CEREMONY_INVALID',
      `this data folder already has a root; what it certified is in ${places.certified}`,
    )
  const pending = JSON.parse(await readFile(pendingFile, 'utf8')) as PendingCeremony
  const made = await certifyIssuingCas(request, pending, ports)
  const certificatesPem = [made.rootDer, ...made.issuingDer].map((der) => toPem('CERTIFICATE', der))
  const crlPem = toPem('X509 CRL', made.crlDer)
  await writeDurably(places.certified, encoder.encode([...certificatesPem, crlPem].join('\n')))
  // Last: a root without this file has given nothing away yet, and the step can be run again.
  await writeDurably(places.offlineRoot, encoder.encode(JSON.stringify(made.material, null, 2)))
  printer.result(
    { rootKeyId: made.material.root.keyId, certifiedFile: places.certified, certificatesPem, crlPem },
    ...certificatesPem,
    crlPem,
  )
}

async function readOfflineRoot(config: Config): Promise<RootMaterial> {
  const text = await readIfPresent(placesOf(config).offlineRoot)
  if (text === undefined)
    throw new CodedError('CEREMONY_INVALID', 'this data folder has no offline root: --certify makes one')
  return parseRootMaterial(text)
}

/** The core checks that reason and ground exist and go together. */
function revocationOf({ revoke, reason, ground }: CommandInput['options']): IssuingCaRevocation | undefined {
  if (revoke === undefined && reason === undefined && ground === undefined) return undefined
  if (revoke === undefined || reason === undefined || ground === undefined)
    throw new CodedError('REQUEST_INVALID', '--revoke, --reason and --ground go together')
  // As openssl prints it, `serial=0171…`, or as this program does.
  const serialHex = revoke.replace(/^serial=/, '').toLowerCase()
  return { serialHex, reason: reason as RevocationReason, legalGround: ground as LegalGround }
}

/** On the machine of the root, before each list ends or when an issuing CA has to be revoked. */
async function rootCrlStep({ config, request, ports, printer }: Stage, input: CommandInput): Promise<void> {
  const material = await readOfflineRoot(config)
  const row = await signRootCrl(request, material, ports, revocationOf(input.options))
  const crlPem = toPem('X509 CRL', row.crlDer)
  const { issuerId, number, thisUpdate, nextUpdate, entryCount } = row
  printer.result({ issuerId, number, thisUpdate, nextUpdate, entryCount, crlPem }, crlPem)
}

/** Step 3: the certificates come back, root first, with the CRL of the root, and the CA is complete. */
async function finishStep({ config, request, ports }: Stage, certificatesFile: string): Promise<CaMaterial> {
  const text = await readFile(certificatesFile, 'utf8')
  const [rootDer, ...issuingDer] = derFromPem(text, 'CERTIFICATE')
  if (!rootDer) throw new CodedError('CEREMONY_INVALID', `${certificatesFile} holds no certificate`)
  const [crlDer, more] = derFromPem(text, 'X509 CRL')
  if (!crlDer || more)
    throw new CodedError('CEREMONY_INVALID', `${certificatesFile} does not hold one CRL of the root`)
  return saved(
    config,
    await acceptIssuingCas(request, await readPending(config), { rootDer, crlDer, issuingDer }, ports),
  )
}

async function runStep(stage: Stage, input: CommandInput): Promise<number> {
  const { certify, finish } = input.options
  if (input.flags.has('root-crl')) {
    await rootCrlStep(stage, input)
    return 0
  }
  if (certify !== undefined) {
    await certifyStep(stage, certify)
    return 0
  }
  if (finish === undefined && isOffline(stage.request.ceremony)) {
    await requestStep(stage)
    return 0
  }
  const material =
    finish === undefined
      ? await saved(stage.config, await holdCeremony(stage.request, stage.ports))
      : await finishStep(stage, finish)
  stage.printer.result(
    {
      material: placesOf(stage.config).material,
      name: material.name,
      issuers: material.issuers.map(({ issuerId }) => issuerId),
    },
    `The CA "${material.name}" is ready: ${material.issuers.map(({ issuerId }) => issuerId).join(', ')}.`,
    `Public material: ${placesOf(stage.config).material}. Keys: ${placesOf(stage.config).keys} (back both up, with the passphrase apart).`,
  )
  return 0
}

export const ceremonyCommand: Command<CliContext> = {
  name: 'ceremony',
  summary: 'make a CA from a ceremony file; the root key may live elsewhere',
  positionals: [{ name: 'FILE', help: 'ceremony file (policies/ceremony/evaluation.json is an example)' }],
  options: {
    certify: { value: 'PENDING', help: 'beside an offline root: certify the requests in this file' },
    finish: { value: 'PEM', help: 'take back what --certify printed: certificates, root first, and the CRL' },
    'root-crl': { help: 'beside an offline root: sign its next CRL, for `crl import`' },
    revoke: { value: 'SERIAL', help: 'with --root-crl: revoke this issuing CA first (hexadecimal)' },
    reason: {
      value: 'REASON',
      help: 'of --revoke, RFC 5280 5.3.1: keyCompromise, cACompromise, superseded ...',
    },
    ground: { value: 'GROUND', help: 'of --revoke: security-not-assured, other-by-law ...' },
    'base-url': { value: 'URL', help: 'address for certificates, where it is not that of the file' },
  },
  async run(input, { env }, printer) {
    const config = readConfig(
      env,
      input.options['data'] === undefined ? {} : { dataDir: input.options['data'] },
    )
    await makeFolders(config)
    const places = placesOf(config)
    if ((await readIfPresent(places.material)) !== undefined)
      throw new CodedError('CEREMONY_INVALID', 'this data folder already has a CA')
    const baseUrl = input.options['base-url']
    const request: CeremonyRequest = {
      keysFolder: places.keys,
      passphrase: await readPassphrase(config),
      ceremony: new Uint8Array(await readFile(input.positionals[0] ?? '')),
      ...(baseUrl === undefined ? {} : { baseUrl }),
      actor: ACTOR,
    }
    const random = createRandom()
    const store = await openStore(storeOptionsOf(config))
    try {
      return await runStep(
        { config, request, ports: { store: store.ca, now: () => new Date(), randomBytes: random }, printer },
        input,
      )
    } finally {
      await store.close()
    }
  },
}
