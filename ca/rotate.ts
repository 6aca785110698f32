/**
 * Renews the certificates of the OCSP responders and of the TSA: new key, same profile, same subject, same length
 * of life, through the same prepare, lint and issue as any other.
 *
 * Nothing is taken away: the old certificate and its key file stay, so that answers and tokens made with them keep
 * verifying, and a crash at any step leaves a CA that works. A new key is used only when the caller has saved the new
 * material; a certificate that was made before and never saved serves nobody.
 */
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { decodeBase64, encodeBase64 } from './asn1/octets.ts'
import { keyCreatedRecord } from './ceremony.ts'
import { type Core, type Issuer, getIssuer } from './core.ts'
import { CodedError, isCoded } from './errors.ts'
import { issue } from './issue.ts'
import type { ProviderKey } from './keys/provider.ts'
import type { CaMaterial, ServiceMaterial } from './material.ts'
import type { Actor, IssuedCertificate, RotationRequest } from './ports.ts'
import { prepare } from './prepare.ts'
import { type Profile, getProfile } from './profiles.ts'
import type { FailedRotation, RotatedService } from './rotation-types.ts'
import { type Certificate, parseCertificate } from './x509/certificate.ts'
import { ATTRIBUTE_TYPES, type Name, type SubjectAttribute } from './x509/name.ts'

/** What came of it; one service that cannot be rotated does not keep the others from it. */
export interface Rotation {
  /** To be saved durably before its keys are used. */
  readonly material: CaMaterial
  readonly rotated: readonly RotatedService[]
  readonly failed: readonly FailedRotation[]
}

/** A renewal that gains less is none: the certificate ends with its issuer already. */
const LEAST_GAIN_MS = 3600_000

/** Room for the time between the decision and the signature, where the issuer's own end is the limit. */
const ISSUER_ROOM_SECONDS = 60

/**
 * True in the last third of its life (60 days of 180): no OCSP answer outlives its signer by then, and who has to
 * repair what keeps a certificate from being renewed has time for it. False when the issuer ends with it, since nothing would be won.
 */
export function isRotationDue(certificate: Certificate, issuer: Certificate, now: Date): boolean {
  const end = certificate.notAfter.getTime()
  const life = end - certificate.notBefore.getTime()
  const nextEnd = Math.min(now.getTime() + life, issuer.notAfter.getTime())
  return end - now.getTime() <= life / 3 && nextEnd - end > LEAST_GAIN_MS
}

interface Service {
  readonly name: string
  readonly profile: 'ocsp-responder' | 'tsa'
  readonly material: ServiceMaterial
  /** The material with another identity in this place. */
  readonly replace: (all: CaMaterial, next: ServiceMaterial) => CaMaterial
}

const servicesOf = (material: CaMaterial): Service[] => [
  ...material.ocsp.map((one, index): Service => ({
    name: `ocsp-${one.issuerId}`,
    profile: 'ocsp-responder',
    material: one,
    replace: (all, next) => ({ ...all, ocsp: all.ocsp.with(index, next) }),
  })),
  {
    name: 'tsa',
    profile: 'tsa',
    material: material.tsa,
    replace: (all, next) => ({ ...all, tsa: next }),
  },
]

const certificateOf = ({ certificate }: { readonly certificate: string }): Certificate =>
  parseCertificate(decodeBase64(certificate))

/** Names of the services whose certificates are to be renewed now. @throws {CEREMONY_INVALID} {INPUT_MALFORMED} */
export function rotationsDue(material: CaMaterial, now: Date): string[] {
  return servicesOf(material)
    .filter((service) => {
      const issuer = material.issuers.find(({ issuerId }) => issuerId === service.material.issuerId)
      if (!issuer) throw new CodedError('CEREMONY_INVALID', `material: ${service.name} has no issuer`)
      return isRotationDue(certificateOf(service.material), certificateOf(issuer), now)
    })
    .map(({ name }) => name)
}

/**
 * Renews what is due, or everything.
 *
 * @returns new material, still to be saved; the same one when nothing was rotated
 */
export async function rotateServices(
  core: Core,
  material: CaMaterial,
  request: RotationRequest,
): Promise<Rotation> {
  const due = new Set(rotationsDue(material, core.ports.now()))
  const rotated: RotatedService[] = []
  const failed: FailedRotation[] = []
  let next = material
  for (const service of servicesOf(material)) {
    if (!request.force && !due.has(service.name)) continue
    try {
      const made = await rotateService(core, service, request.actor)
      next = service.replace(next, made.material)
      rotated.push(made.rotated)
    } catch (error) {
      if (!isCoded(error)) throw error
      failed.push({ name: service.name, error })
    }
  }
  return { material: next, rotated, failed }
}

async function rotateService(
  core: Core,
  service: Service,
  actor: Actor,
): Promise<{ material: ServiceMaterial; rotated: RotatedService }> {
  const { issuerId, keyId: oldKeyId } = service.material
  const old = certificateOf(service.material)
  const { store, now } = core.ports
  const key = await core.keys.generate(getKeyAlgorithm(core.keys.publicKey(oldKeyId).algorithm), null)
  await store.record([keyCreatedRecord(now(), actor, key, service.profile)])
  const made = await certify(core, service, old, key, actor)
  const data = {
    service: service.name,
    issuerId,
    oldSerialHex: old.serialHex,
    newSerialHex: made.serialHex,
    oldKeyId,
    newKeyId: key.keyId,
  }
  // Before the material is saved: after a crash in between there are two of these for one old serial, never none.
  const type = service.profile === 'tsa' ? 'tsa.rotated' : 'ocsp.responder_rotated'
  await store.record([{ type, at: now(), ...actor, data }])
  return {
    material: { issuerId, certificate: encodeBase64(made.certDer), keyId: key.keyId },
    rotated: {
      name: service.name,
      oldSerialHex: old.serialHex,
      newSerialHex: made.serialHex,
      notAfter: made.notAfter,
    },
  }
}

async function certify(
  core: Core,
  service: Service,
  old: Certificate,
  key: ProviderKey,
  actor: Actor,
): Promise<IssuedCertificate> {
  const { issuerId } = service.material
  try {
    const token = await prepare(core, {
      ...actor,
      profile: service.profile,
      issuerId,
      subject: attributesOf(old.subject),
      key: { keyId: key.keyId },
      identityEvidenceId: null,
      validitySeconds: secondsOf(
        old,
        getIssuer(core, issuerId),
        getProfile(core.profiles, service.profile),
        core.ports.now(),
      ),
    })
    return await issue(core, token)
  } catch (error) {
    // No certificate of this key will be used: without this, each failing start would leave one more key file.
    await core.keys.destroy(key.keyId)
    await core.ports.store.record([
      { type: 'key.destroyed', at: core.ports.now(), ...actor, data: { keyId: key.keyId } },
    ])
    throw error
  }
}

/** As long as the old one lived, within the profile and the life of the issuer. */
function secondsOf(old: Certificate, issuer: Issuer, profile: Profile, now: Date): number {
  // RFC 5280 §4.1.2.5: both ends count.
  const life = (old.notAfter.getTime() - old.notBefore.getTime()) / 1000 + 1
  const left = Math.floor((issuer.certificate.notAfter.getTime() - now.getTime()) / 1000)
  return Math.min(life, profile.validity.maxSeconds.value, left - ISSUER_ROOM_SECONDS)
}

function attributesOf(name: Name): SubjectAttribute[] {
  return name.rdns.flat().map(({ oid, text }) => {
    const row = ATTRIBUTE_TYPES.find((one) => one.oid === oid)
    if (!row || text === undefined)
      throw new CodedError('PROFILE_VIOLATION', 'subject: an attribute of the old certificate is not known')
    return { type: row.short, value: text }
  })
}
