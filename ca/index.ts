/**
 * Door 1 of the trusted core: opens the CA of a ceremony, or holds the ceremony.
 *
 * Imported by value in `src/main.ts` and `src/cli/ceremony.ts` only; everybody else is handed a `Ca`.
 */
import type { KeyObject } from 'node:crypto'
import { join, resolve } from 'node:path'
import { readFile } from 'node:fs/promises'
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { compareBytes } from './asn1/writer.ts'
import { type LoadedCeremony, parseCeremony } from './ceremony-file.ts'
import {
  type CeremonyEnvironment,
  type PendingCeremony,
  type ReturnedCertificates,
  finishCeremony,
  runCeremony,
  startCeremony,
} from './ceremony.ts'
import { guardClock } from './clock.ts'
import {
  type Core,
  type Issuer,
  type IssuingWork,
  type ServiceIdentities,
  type ServiceIdentity,
  getIssuer,
} from './core.ts'
import { publishCrl } from './crl.ts'
import { openDraftCore, openProfiles } from './draft-core.ts'
import { CodedError } from './errors.ts'
import { openHeldKeys } from './held-keys.ts'
import { importCrl } from './import-crl.ts'
import { issue, issueMany } from './issue.ts'
import { forgetIssuerStatus, isIssuerRevoked } from './issuer-status.ts'
import { openEncryptedFileKeys } from './keys/encrypted-file.ts'
import type { ScryptCost } from './keys/encrypted-private-key.ts'
import { openOneTimeKeys } from './keys/one-time.ts'
import type { KeyProvider } from './keys/provider.ts'
import { type CaMaterial, openService } from './material.ts'
import { openOcspResponder } from './ocsp.ts'
import type { Actor, Ca, CaPorts, IssuanceToken, IssueRequest, IssuerInfo } from './ports.ts'
import { prepare, prepareMany } from './prepare.ts'
import { revoke } from './revoke.ts'
import {
  type IssuingCaRevocation,
  type RootCeremonyResult,
  type RootMaterial,
  runRootCeremony,
  type RootCrl,
  runRootCrl,
} from './root-ceremony.ts'
import { rotateServices, rotationsDue } from './rotate.ts'
import { signDigest } from './sign-digest.ts'
import { signEvents } from './sign-event.ts'
import { openTimestampAuthority } from './timestamp.ts'
import { workHere } from './work.ts'
import { openWorkers } from './workers/pool.ts'

export { type CaMaterial, parseMaterial } from './material.ts'
export { type Reencryption, type ReencryptionRequest, reencryptKeys } from './keys/reencrypt.ts'
export type { RotationRequest } from './ports.ts'
export type { FailedRotation, RotatedService } from './rotation-types.ts'
export type { PendingCeremony, ReturnedCertificates } from './ceremony.ts'
export {
  type IssuingCaRevocation,
  type RootCeremonyResult,
  type RootMaterial,
  parseRootMaterial,
} from './root-ceremony.ts'

/** Where keys and rules lie. */
export interface CaPlaces {
  readonly keysFolder: string
  /** Passphrase of the key files. */
  readonly passphrase: string | Uint8Array
  /** Folder of `profiles` and `schema`; that of this repository when left out. */
  readonly policiesFolder?: string
  /** Weaker than the default for tests only. */
  readonly scryptCost?: ScryptCost
}

/** What opens a CA: its places and the result of its ceremony. */
export interface CaConfig extends CaPlaces {
  readonly material: CaMaterial
  /** Worker threads that draft and sign; none when left out. */
  readonly threads?: number
}

const ownPolicies = resolve(import.meta.dirname, '../policies')

const policiesOf = (places: CaPlaces): string => places.policiesFolder ?? ownPolicies

const openKeys = (places: CaPlaces, now: () => Date): Promise<KeyProvider> =>
  openEncryptedFileKeys({
    folder: places.keysFolder,
    passphrase: places.passphrase,
    now,
    ...(places.scryptCost ? { cost: places.scryptCost } : {}),
  })

/**
 * Opens the CA.
 *
 * @throws {PROFILE_VIOLATION} when a profile does not fit its schema or has no CA that signs it
 * @throws {CEREMONY_INVALID} {KEY_NOT_FOUND} {KEY_UNAVAILABLE} when certificates and keys do not belong together
 * @throws {CLOCK_WENT_BACK} when the clock is behind the newest record
 */
export async function openCa(config: CaConfig, outside: CaPorts): Promise<Ca> {
  const now = guardClock(outside.now, await outside.store.lastRecordTime())
  now()
  const opened = await openCore(config, { ...outside, now })
  checkProfiles(opened.core)
  await checkKeys(opened.core)
  return doorOf(opened)
}

/** The part of the material that rotations replace, and the core that signs with it. */
interface OpenCore {
  readonly core: Core
  readonly material: () => CaMaterial
  readonly use: (material: CaMaterial) => Promise<void>
}

const openIdentities = (
  { ocsp, tsa }: Pick<CaMaterial, 'ocsp' | 'tsa'>,
  issuers: ReadonlyMap<string, Issuer>,
): ServiceIdentities => ({
  ocsp: ocsp.map((one) => openService(one, issuers)),
  tsa: openService(tsa, issuers),
})

async function openCore(config: CaConfig, ports: CaPorts): Promise<OpenCore> {
  const { material, threads = 0 } = config
  const drafting = await openDraftCore(material, openProfiles(policiesOf(config)))
  const keys = await openKeys(config, ports.now)
  let current = material
  let identities = openIdentities(material, drafting.issuers)
  const core: Core = {
    ...drafting,
    ports,
    keys,
    oneTimeKeys: openOneTimeKeys(ports.now),
    work: threads > 0 ? await openWork(config, threads, keys, drafting.issuers) : workHere,
    get ocsp() {
      return identities.ocsp
    },
    get tsa() {
      return identities.tsa
    },
    logKeyId: material.logKeyId,
  }
  return {
    core,
    material: () => current,
    async use(next) {
      const opened = openIdentities(next, core.issuers)
      await checkIdentities(core, [...opened.ocsp, opened.tsa])
      current = next
      identities = opened
    },
  }
}

/** Worker threads, where the keys of all issuing CAs can go there; a key in a device signs from this thread. */
async function openWork(
  config: CaConfig,
  threads: number,
  keys: KeyProvider,
  issuers: ReadonlyMap<string, Issuer>,
): Promise<IssuingWork> {
  const shared = new Map<string, KeyObject>()
  for (const { issuerId, role, keyId } of issuers.values()) {
    if (role !== 'issuing' || keyId === null) continue
    if (!keys.share) return workHere
    shared.set(issuerId, await keys.share(keyId))
  }
  return openWorkers(threads, { material: config.material, policiesFolder: policiesOf(config), keys: shared })
}

/** A profile that nobody signs is a mistake in one of the two files. */
function checkProfiles(core: Core): void {
  const roles = new Set<string>([...core.issuers.values()].map((issuer) => issuer.role))
  for (const { name, issuedBy } of core.profiles.values()) {
    const role = issuedBy.value === 'self' ? 'root' : issuedBy.value
    if (!roles.has(role))
      throw new CodedError('PROFILE_VIOLATION', `profile ${name}: there is no CA that signs it`)
  }
}

/** Opens each key and lets it sign once: a wrong passphrase or a mixed-up file shows now, not at midnight. */
async function checkKeys(core: Core): Promise<void> {
  await checkIdentities(core, [...core.issuers.values(), ...core.ocsp, core.tsa])
  if (core.keys.publicKey(core.logKeyId).algorithm !== 'Ed25519')
    throw new CodedError('CEREMONY_INVALID', 'material: the log key is not Ed25519')
  await core.keys.sign(core.logKeyId, ed25519, trial)
}

const trial = new TextEncoder().encode('yinxin start-up self-test')

async function checkIdentities(
  core: Pick<Core, 'keys'>,
  identities: readonly (Issuer | ServiceIdentity)[],
): Promise<void> {
  await Promise.all(
    identities.map(async ({ keyId, certificate, signatureAlgorithm }) => {
      if (keyId === null) return
      if (compareBytes(core.keys.publicKey(keyId).spkiDer, certificate.spkiDer) !== 0)
        throw new CodedError('CEREMONY_INVALID', 'material: a certificate and its key do not belong together')
      await core.keys.sign(keyId, signatureAlgorithm, trial)
    }),
  )
}

const { signature: ed25519 } = getKeyAlgorithm('Ed25519')

/** CAs, OCSP responders and TSAs come from ceremonies; a request from outside never makes one. */
function refusalOf(core: Core, request: IssueRequest): CodedError | undefined {
  const found = core.profiles.get(request.profile)
  return found && ['ca', 'ocsp', 'tsa'].includes(found.class)
    ? new CodedError('PROFILE_VIOLATION', 'profile: it is for ceremonies only (CPS 4.1)')
    : undefined
}

async function prepareAsked(
  core: Core,
  requests: readonly IssueRequest[],
): Promise<(IssuanceToken | CodedError)[]> {
  const refusals = requests.map((request) => refusalOf(core, request))
  const tokens = await prepareMany(
    core,
    requests.filter((_, index) => refusals[index] === undefined),
  )
  let next = 0
  return refusals.map(
    (refusal) => refusal ?? tokens[next++] ?? new CodedError('TOKEN_REJECTED', 'no token was made'),
  )
}

const infoOf = ({ issuerId, role, certDer, chainDer, shards, keyId }: Issuer): IssuerInfo => ({
  issuerId,
  role,
  certDer,
  chainDer,
  shards,
  canSign: keyId !== null,
})

/** Whether both have the same service certificates. */
const hasSameServices = (a: CaMaterial, b: CaMaterial): boolean =>
  JSON.stringify([a.ocsp, a.tsa]) === JSON.stringify([b.ocsp, b.tsa])

function rotationOf({ core, material, use }: OpenCore): Pick<Ca, 'rotate' | 'adopt'> {
  return {
    async rotate(request, save) {
      // Nearly always there is nothing to do.
      if (!request.force && rotationsDue(material(), core.ports.now()).length === 0)
        return { rotated: [], failed: [] }
      const { material: next, rotated, failed } = await rotateServices(core, material(), request)
      if (rotated.length > 0) {
        await save(next)
        await use(next)
      }
      return { rotated, failed }
    },
    async adopt(next) {
      if (hasSameServices(next, material())) return false
      await use(next)
      return true
    },
  }
}

function doorOf(opened: OpenCore): Ca {
  const { core } = opened
  const responder = openOcspResponder(core)
  const authority = openTimestampAuthority(core)
  return {
    async prepare(request) {
      const refusal = refusalOf(core, request)
      if (refusal) throw refusal
      return prepare(core, request)
    },
    prepareMany: (requests) => prepareAsked(core, requests),
    issue: (token) => issue(core, token),
    issueMany: (tokens) => issueMany(core, tokens),
    async revoke(request) {
      const { status, changed } = await revoke(core, request)
      for (const { issuerId, serialHex } of changed) responder.forget(issuerId, serialHex)
      forgetIssuerStatus(core.ports.store)
      return status
    },
    crl: (scope) => publishCrl(core, scope),
    importCrl: (crlDer, actor) => importCrl(core, crlDer, actor),
    isRevoked: async (issuerId) => isIssuerRevoked(core, getIssuer(core, issuerId)),
    ocsp: (requestDer) => responder.answer(requestDer),
    timestamp: (requestDer) => authority.respond(requestDer),
    // With the TSA of now from beginning to end: the intent names its key.
    signDigest: (request) => signDigest({ ...core }, authority, request),
    signEvents: (requests) => signEvents({ ...core }, authority, requests),
    signNote: async (body) => core.keys.sign(core.logKeyId, ed25519, body),
    logPublicKey: core.keys.publicKey(core.logKeyId).spkiDer.slice(-32),
    issuers: [...core.issuers.values()].map(infoOf),
    ...rotationOf(opened),
    get services() {
      return { ocspDer: core.ocsp.map(({ certDer }) => certDer), tsaDer: core.tsa.certDer }
    },
    keys: openHeldKeys(core),
    async close() {
      await core.work.close()
      await responder.close()
    },
    profiles: [...core.profiles.values()].map(({ name, class: kind, sha256, identityEvidence }) => ({
      name,
      class: kind,
      sha256,
      identityEvidence: identityEvidence.value,
    })),
  }
}

/** A ceremony as a shell asks for it. */
export interface CeremonyRequest extends CaPlaces {
  /** Bytes of the ceremony file. */
  readonly ceremony: Uint8Array
  /** Address for certificates, where it is not that of the file. */
  readonly baseUrl?: string
  readonly actor: Actor
}

async function openCeremony(
  request: CeremonyRequest,
  ports: CaPorts,
): Promise<{ environment: CeremonyEnvironment; file: LoadedCeremony }> {
  const loaded = parseCeremony(request.ceremony, join(policiesOf(request), 'schema/ceremony.schema.json'))
  const now = guardClock(ports.now, await ports.store.lastRecordTime())
  return {
    environment: {
      ports: { ...ports, now },
      keys: await openKeys(request, now),
      profiles: openProfiles(policiesOf(request)),
      actor: request.actor,
    },
    file:
      request.baseUrl === undefined ? loaded : { ...loaded, baseUrl: request.baseUrl.replace(/\/+$/, '') },
  }
}

/** The whole ceremony with the root key in this house. @throws {CEREMONY_INVALID} {LINT_FAILED} and others */
export async function holdCeremony(request: CeremonyRequest, ports: CaPorts): Promise<CaMaterial> {
  const { environment, file } = await openCeremony(request, ports)
  return runCeremony(environment, file)
}

/** Offline root, step 1, here: requests for the issuing CAs. */
export async function requestIssuingCas(request: CeremonyRequest, ports: CaPorts): Promise<PendingCeremony> {
  const { environment, file } = await openCeremony(request, ports)
  return startCeremony(environment, file)
}

/** Offline root, step 2, beside the root key: makes the root and certifies the requests. */
export async function certifyIssuingCas(
  request: CeremonyRequest,
  pending: PendingCeremony,
  ports: CaPorts,
): Promise<RootCeremonyResult> {
  const { environment, file } = await openCeremony(request, ports)
  return runRootCeremony(environment, file, pending)
}

/** Offline root, beside the root key, before each of its CRLs ends: the next list, after a revocation where asked for. */
export async function signRootCrl(
  request: CeremonyRequest,
  material: RootMaterial,
  ports: CaPorts,
  revocation?: IssuingCaRevocation,
): Promise<RootCrl> {
  const { environment, file } = await openCeremony(request, ports)
  return runRootCrl(environment, file, material, revocation)
}

/** Offline root, step 3, here: takes the certificates and the CRL back and finishes. @throws {CEREMONY_INVALID} {CRL_REFUSED} */
export async function acceptIssuingCas(
  request: CeremonyRequest,
  pending: PendingCeremony,
  certificates: ReturnedCertificates,
  ports: CaPorts,
): Promise<CaMaterial> {
  const { environment, file } = await openCeremony(request, ports)
  return finishCeremony(environment, file, pending, certificates)
}

/** The ceremony file of this repository for evaluation, as bytes. */
export const evaluationCeremony = async (): Promise<Uint8Array> =>
  new Uint8Array(await readFile(join(ownPolicies, 'ceremony/evaluation.json')))
