/**
 * Door 1 of the trusted core: opens the CA of a ceremony, or holds the ceremony.
 *
 * Imported by value in `src/main.ts` and `src/cli/ceremony.ts` only; everybody else is handed a `Ca`.
 */
import { join, resolve } from 'node:path'
import { readFile } from 'node:fs/promises'
import { KEY_ALGORITHMS, getKeyAlgorithm } from './algorithms/key-algorithms.ts'
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
import type { Core, Issuer, ServiceIdentity } from './core.ts'
import { publishCrl } from './crl.ts'
import { CodedError } from './errors.ts'
import { openHeldKeys } from './held-keys.ts'
import { importCrl } from './import-crl.ts'
import { issue, issueMany } from './issue.ts'
import { forgetIssuerStatus } from './issuer-status.ts'
import { openEncryptedFileKeys } from './keys/encrypted-file.ts'
import type { ScryptCost } from './keys/encrypted-private-key.ts'
import { openOneTimeKeys } from './keys/one-time.ts'
import type { KeyProvider } from './keys/provider.ts'
import { openThrowAwaySignatures } from './keys/throw-away.ts'
import { type CaMaterial, openIssuer, openService } from './material.ts'
import { openOcspResponder } from './ocsp.ts'
import type { Actor, Ca, CaPorts, CrlRow, IssueRequest, IssuerInfo } from './ports.ts'
import { prepare, prepareMany } from './prepare.ts'
import { type Profile, loadProfiles } from './profiles.ts'
import { revoke } from './revoke.ts'
import {
  type IssuingCaRevocation,
  type RootCeremonyResult,
  type RootMaterial,
  runRootCeremony,
  runRootCrl,
} from './root-ceremony.ts'
import { type Rotation, type RotationRequest, rotateServices, rotationsDue } from './rotate.ts'
import { signDigest } from './sign-digest.ts'
import { openTemplates } from './template.ts'
import { openTimestampAuthority } from './timestamp.ts'

export { type CaMaterial, parseMaterial } from './material.ts'
export { type Reencryption, type ReencryptionRequest, reencryptKeys } from './keys/reencrypt.ts'
export type { RotatedService, Rotation, RotationRequest } from './rotate.ts'
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

const openProfiles = (places: CaPlaces): ReadonlyMap<string, Profile> =>
  loadProfiles(join(policiesOf(places), 'profiles'), join(policiesOf(places), 'schema/profile.schema.json'))

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
  const core = await openCore(config, { ...outside, now })
  checkProfiles(core)
  await checkKeys(core)
  return doorOf(core)
}

/**
 * Renews the certificates of OCSP responders and TSA that are in the last third of their life, or all of them.
 *
 * Called before `openCa`: an open CA goes on with what it was opened with. The caller saves the material durably,
 * then opens the CA with it.
 *
 * @throws {CEREMONY_INVALID} {KEY_NOT_FOUND} {KEY_UNAVAILABLE} {CLOCK_WENT_BACK}
 */
export async function rotate(
  config: CaConfig,
  request: RotationRequest,
  outside: CaPorts,
): Promise<Rotation> {
  const now = guardClock(outside.now, await outside.store.lastRecordTime())
  const { material } = config
  // Most starts have nothing to rotate: then no key is opened.
  if (!request.force && rotationsDue(material, now()).length === 0)
    return { material, rotated: [], failed: [] }
  return rotateServices(await openCore(config, { ...outside, now }), material, request)
}

async function openCore(config: CaConfig, ports: CaPorts): Promise<Core> {
  const { material } = config
  const issuers = new Map<string, Issuer>()
  for (const one of material.issuers) {
    if (issuers.has(one.issuerId))
      throw new CodedError('CEREMONY_INVALID', 'material: an issuerId occurs twice')
    issuers.set(one.issuerId, openIssuer(one, [...issuers.values()]))
  }
  const rows = new Set([...issuers.values()].map((issuer) => issuer.signatureAlgorithm.name))
  return {
    ports,
    keys: await openKeys(config, ports.now),
    oneTimeKeys: openOneTimeKeys(ports.now),
    throwAway: await openThrowAwaySignatures(throwAwayRows(rows)),
    issuers,
    profiles: openProfiles(config),
    template: openTemplates(material),
    instanceByte: material.instanceByte,
    baseUrl: material.baseUrl,
    policyArc: material.policyArc,
    ocsp: material.ocsp.map((one) => openService(one, issuers)),
    tsa: openService(material.tsa, issuers),
    logKeyId: material.logKeyId,
  }
}

/** One key per signature algorithm, the quickest to make. */
const throwAwayRows = (names: ReadonlySet<string>): typeof KEY_ALGORITHMS =>
  KEY_ALGORITHMS.filter(
    (row, index) =>
      names.has(row.signature.name) &&
      KEY_ALGORITHMS.findIndex((other) => other.signature.name === row.signature.name) === index,
  )

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
  const identities: readonly (Issuer | ServiceIdentity)[] = [...core.issuers.values(), ...core.ocsp, core.tsa]
  const trial = new TextEncoder().encode('yinxin start-up self-test')
  await Promise.all(
    identities.map(async ({ keyId, certificate, signatureAlgorithm }) => {
      if (keyId === null) return
      if (compareBytes(core.keys.publicKey(keyId).spkiDer, certificate.spkiDer) !== 0)
        throw new CodedError('CEREMONY_INVALID', 'material: a certificate and its key do not belong together')
      await core.keys.sign(keyId, signatureAlgorithm, trial)
    }),
  )
  if (core.keys.publicKey(core.logKeyId).algorithm !== 'Ed25519')
    throw new CodedError('CEREMONY_INVALID', 'material: the log key is not Ed25519')
  await core.keys.sign(core.logKeyId, ed25519, trial)
}

const { signature: ed25519 } = getKeyAlgorithm('Ed25519')

/** CAs, OCSP responders and TSAs come from ceremonies; a request from outside never makes one. */
function checkAsked(core: Core, request: IssueRequest): void {
  const found = core.profiles.get(request.profile)
  if (found && ['ca', 'ocsp', 'tsa'].includes(found.class))
    throw new CodedError('PROFILE_VIOLATION', 'profile: it is for ceremonies only (CPS 4.1)')
}

const infoOf = ({ issuerId, role, certDer, chainDer, shards, keyId }: Issuer): IssuerInfo => ({
  issuerId,
  role,
  certDer,
  chainDer,
  shards,
  canSign: keyId !== null,
})

function doorOf(core: Core): Ca {
  const responder = openOcspResponder(core)
  const authority = openTimestampAuthority(core)
  return {
    async prepare(request) {
      checkAsked(core, request)
      return prepare(core, request)
    },
    async prepareMany(requests) {
      for (const request of requests) checkAsked(core, request)
      return prepareMany(core, requests)
    },
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
    ocsp: (requestDer) => responder.answer(requestDer),
    timestamp: (requestDer) => authority.respond(requestDer),
    signDigest: (request) => signDigest(core, request),
    signNote: async (body) => core.keys.sign(core.logKeyId, ed25519, body),
    logPublicKey: core.keys.publicKey(core.logKeyId).spkiDer.slice(-32),
    issuers: [...core.issuers.values()].map(infoOf),
    services: { ocspDer: core.ocsp.map(({ certDer }) => certDer), tsaDer: core.tsa.certDer },
    keys: openHeldKeys(core),
    close: () => responder.close(),
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
      profiles: openProfiles(request),
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
): Promise<CrlRow> {
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
