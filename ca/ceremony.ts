/**
 * Root → issuing CAs → OCSP responders → TSA → log key, from one declarative file.
 *
 * Every certificate goes through the same prepare, lint and issue as any other. With an offline root
 * the ceremony stops after the requests of the issuing CAs, and goes on when their certificates come back.
 */
import { hash } from 'node:crypto'
import { decodeBase64, encodeBase64 } from './asn1/octets.ts'
import { compareBytes } from './asn1/writer.ts'
import { KEY_ALGORITHMS, getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import type { LoadedCeremony } from './ceremony-file.ts'
import type { Issuer, IssuingCore } from './core.ts'
import { CodedError } from './errors.ts'
import { checkCrl, publishChecked, revokedIssuers } from './import-crl.ts'
import { issue } from './issue.ts'
import { openOneTimeKeys } from './keys/one-time.ts'
import type { KeyProvider, ProviderKey } from './keys/provider.ts'
import { openThrowAwaySignatures } from './keys/throw-away.ts'
import { type CaMaterial, type IssuerMaterial, isSignedBy, openIssuer } from './material.ts'
import type { Actor, CaPorts, IssuedCertificate, RecordDraft } from './ports.ts'
import { prepare } from './prepare.ts'
import type { Profile } from './profiles.ts'
import { checkSecondReading, type MadeCertificate } from './second-reading.ts'
import { issueRoot } from './self-signed.ts'
import { openTemplates } from './template.ts'
import type { Certificate } from './x509/certificate.ts'
import { buildCsrInfo, encodeCsr } from './x509/csr.ts'
import { basicConstraintsOf, keyUsageOf } from './x509/extensions.ts'
import { type SubjectAttribute, encodeName } from './x509/name.ts'
import { workHere } from './work.ts'

/** What a ceremony works with. */
export interface CeremonyEnvironment {
  readonly ports: CaPorts
  readonly keys: KeyProvider
  readonly profiles: ReadonlyMap<string, Profile>
  /** Who holds the ceremony. */
  readonly actor: Actor
}

/** What waits for the offline root: plain JSON, no secret. */
export interface PendingCeremony {
  readonly version: 1
  readonly ceremonySha256: string
  readonly requests: readonly { readonly issuerId: string; readonly keyId: string; readonly csr: string }[]
}

type Entry = LoadedCeremony['issuing'][number]

/** A ceremony under way. */
export interface Stage extends CeremonyEnvironment {
  readonly file: LoadedCeremony
  readonly core: IssuingCore
  readonly issuers: Map<string, Issuer>
}

/** Opens a ceremony; nothing is made yet. */
export async function openStage(environment: CeremonyEnvironment, file: LoadedCeremony): Promise<Stage> {
  const issuers = new Map<string, Issuer>()
  const names = [file.root, ...file.issuing].map((one) => one.keyAlgorithm)
  const core: IssuingCore = {
    ports: environment.ports,
    keys: environment.keys,
    oneTimeKeys: openOneTimeKeys(environment.ports.now),
    throwAway: await openThrowAwaySignatures(KEY_ALGORITHMS.filter((row) => names.includes(row.name))),
    work: workHere,
    issuers,
    profiles: environment.profiles,
    template: openTemplates(file),
    instanceByte: file.instanceByte,
    baseUrl: file.baseUrl,
    policyArc: file.policyArc,
  }
  return { ...environment, file, core, issuers }
}

/** Subject of a CA or service of this ceremony. */
export const subjectOf = (file: LoadedCeremony, commonName: string): SubjectAttribute[] => [
  { type: 'C', value: file.country },
  { type: 'O', value: file.organisation },
  { type: 'CN', value: commonName },
]

async function makeKey(stage: Stage, algorithm: string, purpose: string): Promise<ProviderKey> {
  const key = await stage.keys.generate(getKeyAlgorithm(algorithm), null)
  await stage.ports.store.record([keyCreatedRecord(stage.ports.now(), stage.actor, key, purpose)])
  return key
}

/** The record of a key that this CA made or took in. */
export const keyCreatedRecord = (at: Date, actor: Actor, key: ProviderKey, purpose: string): RecordDraft => ({
  type: 'key.created',
  at,
  ...actor,
  data: {
    keyId: key.keyId,
    algorithm: key.algorithm,
    spkiSha256: hash('sha256', key.spkiDer, 'hex'),
    purpose,
  },
})

interface CertificateOrder {
  readonly profile: string
  readonly issuerId: string
  readonly commonName: string
  readonly validitySeconds?: number | undefined
  readonly key: { readonly keyId: string } | { readonly csrDer: Uint8Array }
}

/** Prepares, lints and issues one certificate of the ceremony. */
export async function certify(stage: Stage, order: CertificateOrder): Promise<IssuedCertificate> {
  const { validitySeconds } = order
  const token = await prepare(stage.core, {
    ...stage.actor,
    profile: order.profile,
    issuerId: order.issuerId,
    subject: subjectOf(stage.file, order.commonName),
    key: order.key,
    identityEvidenceId: null,
    ...(validitySeconds === undefined ? {} : { validitySeconds }),
  })
  return issue(stage.core, token)
}

/** Key and certificate of the root. */
export async function makeRoot(stage: Stage): Promise<Issuer> {
  const { root } = stage.file
  const key = await makeKey(stage, root.keyAlgorithm, 'root')
  const { validitySeconds } = root
  const issuer = await issueRoot(stage.core, {
    ...stage.actor,
    issuerId: root.issuerId,
    keyId: key.keyId,
    subject: subjectOf(stage.file, root.commonName),
    ...(validitySeconds === undefined ? {} : { validitySeconds }),
  })
  stage.issuers.set(issuer.issuerId, issuer)
  return issuer
}

/** Public material of a CA. */
export const materialOf = (issuer: Issuer): IssuerMaterial => ({
  issuerId: issuer.issuerId,
  role: issuer.role,
  certificate: encodeBase64(issuer.certDer),
  keyId: issuer.keyId,
  shards: issuer.shards,
})

function addIssuing(stage: Stage, entry: Entry, keyId: string, certDer: Uint8Array): Issuer {
  const issuer = openIssuer(
    {
      issuerId: entry.issuerId,
      role: 'issuing',
      certificate: encodeBase64(certDer),
      keyId,
      shards: entry.shards,
    },
    [...stage.issuers.values()],
  )
  stage.issuers.set(issuer.issuerId, issuer)
  return issuer
}

/** Every certificate of the ceremony beside that of its issuer. */
function madeCertificates({ issuers, ocsp, tsa }: CaMaterial): MadeCertificate[] {
  const ders = new Map(issuers.map(({ issuerId, certificate }) => [issuerId, decodeBase64(certificate)]))
  const [rootDer = new Uint8Array()] = ders.values()
  const cas = [...ders.values()].map((certDer) => ({ certDer, issuerDer: rootDer }))
  const services = [...ocsp, tsa].map(({ issuerId, certificate }) => ({
    certDer: decodeBase64(certificate),
    issuerDer: ders.get(issuerId) ?? rootDer,
  }))
  return [...cas, ...services]
}

/** OCSP responders, TSA and log key, then the record of the whole ceremony. */
async function complete(stage: Stage): Promise<CaMaterial> {
  const { file } = stage
  const service = async (
    profile: string,
    issuerId: string,
    entry: Entry['ocsp'],
  ): Promise<CaMaterial['tsa']> => {
    const key = await makeKey(stage, entry.keyAlgorithm, profile)
    const { certDer } = await certify(stage, { ...entry, profile, issuerId, key: { keyId: key.keyId } })
    return { issuerId, certificate: encodeBase64(certDer), keyId: key.keyId }
  }
  const ocsp: CaMaterial['ocsp'][number][] = []
  for (const entry of file.issuing) ocsp.push(await service('ocsp-responder', entry.issuerId, entry.ocsp))
  const tsa = await service('tsa', file.tsa.issuerId, file.tsa)
  const logKey = await makeKey(stage, 'Ed25519', 'log')
  const material: CaMaterial = {
    version: 1,
    name: file.name,
    ceremonySha256: file.sha256,
    baseUrl: file.baseUrl,
    policyArc: file.policyArc,
    instanceByte: file.instanceByte,
    issuers: [...stage.issuers.values()].map(materialOf),
    ocsp,
    tsa,
    logKeyId: logKey.keyId,
  }
  await checkSecondReading(madeCertificates(material))
  const certificates = [...material.issuers, ...ocsp, tsa].map(({ certificate }) =>
    hash('sha256', decodeBase64(certificate), 'hex'),
  )
  await stage.ports.store.record([
    {
      type: 'ceremony.done',
      at: stage.ports.now(),
      ...stage.actor,
      data: {
        name: file.name,
        ceremonySha256: file.sha256,
        certificates,
        logKeySpkiSha256: hash('sha256', logKey.spkiDer, 'hex'),
      },
    },
  ])
  return material
}

/**
 * The whole ceremony, root included.
 *
 * @throws {CEREMONY_INVALID} when the file says that the root is offline
 */
export async function runCeremony(
  environment: CeremonyEnvironment,
  file: LoadedCeremony,
): Promise<CaMaterial> {
  if (file.root.offline)
    throw new CodedError(
      'CEREMONY_INVALID',
      'the root is offline: make the requests, then finish with its certificates',
    )
  const stage = await openStage(environment, file)
  const root = await makeRoot(stage)
  for (const entry of file.issuing) {
    const key = await makeKey(stage, entry.keyAlgorithm, 'issuing-ca')
    const order = { ...entry, profile: 'issuing-ca', issuerId: root.issuerId, key: { keyId: key.keyId } }
    addIssuing(stage, entry, key.keyId, (await certify(stage, order)).certDer)
  }
  return complete(stage)
}

/** Offline root, first half: keys and requests of the issuing CAs. */
export async function startCeremony(
  environment: CeremonyEnvironment,
  file: LoadedCeremony,
): Promise<PendingCeremony> {
  const stage = await openStage(environment, file)
  const requests: PendingCeremony['requests'][number][] = []
  for (const entry of file.issuing) {
    const key = await makeKey(stage, entry.keyAlgorithm, 'issuing-ca')
    const { signature } = getKeyAlgorithm(key.algorithm)
    const info = buildCsrInfo(encodeName(subjectOf(file, entry.commonName)), key.spkiDer)
    const csr = encodeCsr(info, signature, await stage.keys.sign(key.keyId, signature, info))
    requests.push({ issuerId: entry.issuerId, keyId: key.keyId, csr: encodeBase64(csr) })
  }
  return { version: 1, ceremonySha256: file.sha256, requests }
}

/** What comes back from where the offline root lives: its certificate, its CRL and the certificates of the requests. */
export interface ReturnedCertificates {
  readonly rootDer: Uint8Array
  readonly crlDer: Uint8Array
  /** In the order of the requests. */
  readonly issuingDer: readonly Uint8Array[]
}

/** Requests and file belong together. @throws {CEREMONY_INVALID} */
export function checkPending(file: LoadedCeremony, pending: PendingCeremony): void {
  if (pending.ceremonySha256 !== file.sha256)
    throw new CodedError('CEREMONY_INVALID', 'requests were made from another version of the ceremony file')
}

/**
 * Offline root, second half: takes the certificates back and finishes.
 *
 * @param environment of this house
 * @param file the same file as in the first half
 * @param pending what the first half gave
 * @param certificates in the order of the requests
 * @throws {CEREMONY_INVALID} when a certificate is not the one that was asked for
 * @throws {CRL_REFUSED} when the list of the root is not good, or revokes an issuing CA
 */
export async function finishCeremony(
  environment: CeremonyEnvironment,
  file: LoadedCeremony,
  pending: PendingCeremony,
  certificates: ReturnedCertificates,
): Promise<CaMaterial> {
  checkPending(file, pending)
  const stage = await openStage(environment, file)
  const root = openIssuer(
    {
      issuerId: file.root.issuerId,
      role: 'root',
      certificate: encodeBase64(certificates.rootDer),
      keyId: null,
      shards: 0,
    },
    [],
  )
  if (!isSignedBy(root.certificate, root)) throw mismatch('root', 'is not signed by its own key')
  stage.issuers.set(root.issuerId, root)
  for (const [index, request] of pending.requests.entries()) {
    const entry = file.issuing.find((one) => one.issuerId === request.issuerId)
    const certDer = certificates.issuingDer[index]
    if (!entry || !certDer) throw mismatch(request.issuerId, 'is missing')
    checkReturned(stage, entry, addIssuing(stage, entry, request.keyId, certDer), root)
  }
  await takeRootCrl(stage, certificates.crlDer)
  return complete(stage)
}

/** Without the list of its root nothing that an issuing CA signs could be validated. */
async function takeRootCrl(stage: Stage, crlDer: Uint8Array): Promise<void> {
  const { ports, issuers, actor } = stage
  const checked = checkCrl(crlDer, issuers, ports.now())
  const [revoked] = revokedIssuers(checked.entries, issuers)
  if (revoked !== undefined)
    throw new CodedError('CRL_REFUSED', `CRL is refused, rule issuing-ca-good: it revokes ${revoked}`, {
      extra: { rule: 'issuing-ca-good' },
    })
  const last = await ports.store.lastCrl({ issuerId: checked.row.issuerId, shard: null })
  // A finish that a crash broke off has published it already.
  if (last?.content.sha256 === checked.row.content.sha256) return
  await publishChecked(stage.core, checked, actor)
}

const mismatch = (issuerId: string, rule: string): CodedError =>
  new CodedError('CEREMONY_INVALID', `certificate of ${issuerId} ${rule}`)

/** What comes back must be what was asked for: key, name, CA, uses, and inside the life of the root. */
function checkReturned(stage: Stage, entry: Entry, issuer: Issuer, root: Issuer): void {
  const { certificate, issuerId, keyId } = issuer
  const subject = encodeName(subjectOf(stage.file, entry.commonName))
  if (keyId === null || compareBytes(stage.keys.publicKey(keyId).spkiDer, certificate.spkiDer) !== 0)
    throw mismatch(issuerId, 'holds another key')
  if (compareBytes(subject, certificate.subject.raw) !== 0) throw mismatch(issuerId, 'has another subject')
  if (!isCa(certificate)) throw mismatch(issuerId, 'is not that of a CA')
  const now = stage.ports.now()
  if (
    certificate.notAfter > root.certificate.notAfter ||
    certificate.notBefore > now ||
    certificate.notAfter < now
  )
    throw mismatch(issuerId, 'is not valid now, or outlives the root')
}

function isCa(certificate: Certificate): boolean {
  const uses = keyUsageOf(certificate)
  return Boolean(basicConstraintsOf(certificate)?.ca && uses?.has('keyCertSign') && uses.has('cRLSign'))
}
