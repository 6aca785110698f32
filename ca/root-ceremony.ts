/**
 * What runs on the machine of an offline root: it makes the root, certifies the requests of the issuing CAs and signs
 * the CRL of the root, at the ceremony and again before each list ends.
 *
 * That machine has no whole CA, only the root: its certificate, its key and the statuses of what it certified.
 */
import { decodeBase64 } from './asn1/octets.ts'
import { compareBytes } from './asn1/writer.ts'
import type { LoadedCeremony } from './ceremony-file.ts'
import {
  type CeremonyEnvironment,
  type PendingCeremony,
  type ReturnedCertificates,
  type Stage,
  certify,
  checkPending,
  makeRoot,
  materialOf,
  openStage,
  subjectOf,
} from './ceremony.ts'
import type { Issuer } from './core.ts'
import { publishCrl } from './crl.ts'
import { CodedError } from './errors.ts'
import { type IssuerMaterial, openIssuer, parseIssuerMaterial } from './material.ts'
import type { CrlRow, LegalGround, RevocationReason } from './ports.ts'
import { revoke } from './revoke.ts'
import { readWholeCrl } from './x509/crl-content.ts'
import { encodeName } from './x509/name.ts'

/**
 * 180 days: the root is fetched from its safe twice a year, and a missed date still leaves half of the twelve months
 * that CA/Browser Forum BR §4.9.7 allows at most for the list of a CA that certifies CAs.
 */
const OFFLINE_CRL_VALIDITY_SECONDS = 180 * 86_400

/** What the machine of an offline root keeps beside its key: plain JSON, no secret. */
export interface RootMaterial {
  readonly version: 1
  readonly root: IssuerMaterial
}

/** Which certificate of an issuing CA is revoked, and why. */
export interface IssuingCaRevocation {
  /** Hexadecimal, as `openssl x509 -serial` prints it. */
  readonly serialHex: string
  readonly reason: RevocationReason
  readonly legalGround: LegalGround
}

/** Reads root material from its JSON text. @throws {CEREMONY_INVALID} */
export function parseRootMaterial(json: string): RootMaterial {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new CodedError('CEREMONY_INVALID', 'root material: is not JSON')
  }
  const material = value as Partial<RootMaterial> | null
  if (material?.version !== 1) throw new CodedError('CEREMONY_INVALID', 'root material: version is not 1')
  const root = parseIssuerMaterial(material.root)
  if (root.role !== 'root' || root.keyId === null)
    throw new CodedError('CEREMONY_INVALID', 'root material: it is not that of a root with its key')
  return { version: 1, root }
}

/** A list of an offline root, which leaves the machine in one piece. */
export type RootCrl = CrlRow & { readonly crlDer: Uint8Array }

/** Publishes the next full list of the root, on its own machine. */
async function publishRootCrl(stage: Stage, root: Issuer): Promise<RootCrl> {
  const row = await publishCrl(
    stage.core,
    { issuerId: root.issuerId, shard: null },
    (stage.file.root.crlValiditySeconds ?? OFFLINE_CRL_VALIDITY_SECONDS) * 1000,
  )
  return { ...row, crlDer: await readWholeCrl(stage.core.ports.store, row.content) }
}

/** What the part beside the offline root gives, and what stays there. */
export interface RootCeremonyResult extends ReturnedCertificates {
  readonly material: RootMaterial
}

/**
 * The part of an offline root that runs beside it: makes the root, certifies the requests, signs the first CRL.
 *
 * @throws {CEREMONY_INVALID} when requests and file do not belong together, and what prepare and issue throw
 */
export async function runRootCeremony(
  environment: CeremonyEnvironment,
  file: LoadedCeremony,
  pending: PendingCeremony,
): Promise<RootCeremonyResult> {
  checkPending(file, pending)
  const stage = await openStage(environment, file)
  const root = await makeRoot(stage)
  const issuingDer: Uint8Array[] = []
  for (const { issuerId, csr } of pending.requests) {
    const entry = file.issuing.find((one) => one.issuerId === issuerId)
    if (!entry)
      throw new CodedError('CEREMONY_INVALID', 'a request is for an issuing CA that the file does not name')
    const order = {
      ...entry,
      profile: 'issuing-ca',
      issuerId: root.issuerId,
      key: { csrDer: decodeBase64(csr) },
    }
    issuingDer.push((await certify(stage, order)).certDer)
  }
  const { crlDer } = await publishRootCrl(stage, root)
  return { rootDer: root.certDer, crlDer, issuingDer, material: { version: 1, root: materialOf(root) } }
}

/**
 * Signs a fresh CRL of an offline root, after one revocation where that is asked for.
 *
 * @throws {CEREMONY_INVALID} when file and root do not belong together, or the root itself or a hold is asked for
 * @throws {CERT_NOT_FOUND} {REVOCATION_CONFLICT} {PROFILE_VIOLATION} and those of `publishCrl`
 */
export async function runRootCrl(
  environment: CeremonyEnvironment,
  file: LoadedCeremony,
  material: RootMaterial,
  revocation?: IssuingCaRevocation,
): Promise<RootCrl> {
  const stage = await openStage(environment, file)
  const root = openIssuer(material.root, [])
  const subject = encodeName(subjectOf(file, file.root.commonName))
  if (file.root.issuerId !== root.issuerId || compareBytes(subject, root.certificate.subject.raw) !== 0)
    throw new CodedError('CEREMONY_INVALID', 'the root of this data folder is not that of the ceremony file')
  stage.issuers.set(root.issuerId, root)
  if (revocation) await revokeIssuingCa(stage, root, revocation)
  return publishRootCrl(stage, root)
}

async function revokeIssuingCa(stage: Stage, root: Issuer, revocation: IssuingCaRevocation): Promise<void> {
  const serialHex = revocation.serialHex.replace(/^0+(?=.)/, '').toLowerCase()
  const padded = serialHex.length % 2 === 0 ? serialHex : `0${serialHex}`
  if (padded === root.certificate.serialHex)
    throw new CodedError('CEREMONY_INVALID', 'a root does not revoke itself: take it out of the trust lists')
  if (revocation.reason === 'certificateHold' || revocation.reason === 'removeFromCRL')
    throw new CodedError(
      'CEREMONY_INVALID',
      'a CA is not put on hold: what it signs meanwhile could not be judged',
    )
  await revoke(stage.core, {
    actor: stage.actor.actor,
    tenant: null,
    issuerId: root.issuerId,
    serialHex: padded,
    reason: revocation.reason,
    legalGround: revocation.legalGround,
  })
}
