/**
 * Revocation, hold and release (RFC 5280 §5.3.1) with the legal ground beside the reason
 * (电子认证服务管理办法 art. 29). One compare-and-set with its record; the same request again changes nothing.
 */
import type { Core } from './core.ts'
import { CodedError, isCoded } from './errors.ts'
import type {
  CertificateState,
  CertificateStatus,
  Json,
  LegalGround,
  RecordDraft,
  RevocationReason,
  RevokeRequest,
  StatusChange,
} from './ports.ts'

type RevokingCore = Pick<Core, 'ports' | 'issuers'>

const HOLD: readonly RevocationReason[] = ['certificateHold', 'removeFromCRL']

/** Reasons that a ground can carry; the last ground is for whatever else a law orders. */
const REASONS_OF_GROUND: Readonly<Record<LegalGround, readonly RevocationReason[] | 'any'>> = {
  'holder-request': [
    'unspecified',
    'keyCompromise',
    'affiliationChanged',
    'superseded',
    'cessationOfOperation',
    ...HOLD,
  ],
  'false-information': ['privilegeWithdrawn', ...HOLD],
  'contract-breach': ['privilegeWithdrawn', ...HOLD],
  'security-not-assured': ['keyCompromise', 'cACompromise', 'aACompromise', 'superseded', ...HOLD],
  'other-by-law': 'any',
}

/** Every reason that may be asked for. */
const REASONS: ReadonlySet<string> = new Set<RevocationReason>([
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
])

function conflict(rule: string): never {
  throw new CodedError('REVOCATION_CONFLICT', rule)
}

function refuse(pointer: string, rule: string, source: string): never {
  throw new CodedError('PROFILE_VIOLATION', `${pointer.slice(2)}: ${rule} (${source})`, {
    extra: { pointer, source },
  })
}

/** What does not depend on the state of the certificate. @throws {PROFILE_VIOLATION} */
function checkRequest(request: RevokeRequest, status: CertificateStatus, now: Date): void {
  const { reason, legalGround, invalidityDate } = request
  if (!REASONS.has(reason)) refuse('#/reason', 'is not a CRLReason', 'RFC 5280 §5.3.1')
  if (!Object.hasOwn(REASONS_OF_GROUND, legalGround))
    refuse('#/legalGround', 'is not one of the five', 'art. 29')
  const reasons = REASONS_OF_GROUND[legalGround]
  if (reasons !== 'any' && !reasons.includes(reason))
    refuse('#/legalGround', `does not carry reason ${reason}`, '电子认证服务管理办法 art. 29')
  if (reason === 'cACompromise' && status.class !== 'ca')
    refuse('#/reason', 'is for certificates of a CA', 'RFC 5280 §5.3.1')
  if (invalidityDate === undefined) return
  if (Number.isNaN(invalidityDate.getTime()) || invalidityDate > now)
    refuse('#/invalidityDate', 'lies in the future', 'RFC 5280 §5.3.2')
  if (HOLD.includes(reason)) refuse('#/invalidityDate', 'does not belong to a hold', 'RFC 5280 §5.3.2')
}

/** True when a revoked certificate was revoked by this very request. */
const isSame = (status: CertificateStatus, request: RevokeRequest): boolean =>
  request.reason === status.reason &&
  request.legalGround === status.legalGround &&
  (request.invalidityDate?.getTime() ?? null) === (status.invalidityDate?.getTime() ?? null)

/** The next state, or undefined when the certificate is there already. */
function nextState(status: CertificateStatus, request: RevokeRequest): CertificateState | undefined {
  if (status.state === 'revoked')
    return isSame(status, request)
      ? undefined
      : conflict('certificate is revoked for good, and for another reason')
  if (request.reason === 'removeFromCRL') return release(status.state)
  return request.reason === 'certificateHold' ? hold(status) : 'revoked'
}

function hold(status: CertificateStatus): CertificateState | undefined {
  if (status.state === 'held') return undefined
  if (status.class === 'event') refuse('#/reason', 'an event certificate is not put on hold', 'CPS 4.9.13')
  return status.state === 'valid' ? 'held' : conflict('a serial without a certificate is not put on hold')
}

function release(state: CertificateState): CertificateState | undefined {
  if (state === 'held') return 'valid'
  return state === 'valid' ? undefined : conflict('certificate is not on hold')
}

const RECORD_OF_STATE = {
  revoked: 'certificate.revoked',
  held: 'certificate.held',
  valid: 'certificate.released',
} as const

function changeOf(
  status: CertificateStatus,
  to: 'revoked' | 'held' | 'valid',
  request: RevokeRequest,
  now: Date,
): StatusChange {
  const { issuerId, serialHex, state, spkiSha256 } = status
  const gone = to === 'valid'
  return {
    issuerId,
    serialHex,
    from: state,
    to,
    // A hold that turns into a revocation keeps its date: nothing signed since then becomes good again.
    revokedAt: gone ? null : (status.revokedAt ?? now),
    reason: gone ? null : request.reason,
    legalGround: gone ? null : request.legalGround,
    invalidityDate: gone ? null : (request.invalidityDate ?? null),
    ...(request.reason === 'keyCompromise' ? { blockSpkiSha256: spkiSha256 } : {}),
  }
}

function recordOf(
  status: CertificateStatus,
  to: 'revoked' | 'held' | 'valid',
  request: RevokeRequest,
  at: Date,
): RecordDraft {
  const data: Record<string, Json> = {
    serialHex: status.serialHex,
    issuerId: status.issuerId,
    legalGround: request.legalGround,
    ...(to === 'valid' ? {} : { reason: request.reason }),
    ...(request.invalidityDate ? { invalidityDate: request.invalidityDate.toISOString() } : {}),
  }
  return { type: RECORD_OF_STATE[to], at, actor: request.actor, tenant: status.tenant, data }
}

async function findOwn(core: RevokingCore, request: RevokeRequest): Promise<CertificateStatus> {
  const status = await core.ports.store.findStatus(request.issuerId, request.serialHex)
  // The certificate of another business looks like one that is not there.
  if (!status || (request.tenant !== null && request.tenant !== status.tenant))
    throw new CodedError('CERT_NOT_FOUND', 'no certificate of this issuer has this serial number')
  return status
}

/** Somebody else may have changed the status since it was read: then what is asked is weighed again. */
const ATTEMPTS = 3

async function apply(core: RevokingCore, request: RevokeRequest): Promise<CertificateStatus> {
  for (let attempt = 1; ; attempt++) {
    const status = await findOwn(core, request)
    const now = core.ports.now()
    checkRequest(request, status, now)
    const to = nextState(status, request)
    if (to === undefined || to === 'intent') return status
    try {
      return await core.ports.store.changeStatus(changeOf(status, to, request, now), [
        recordOf(status, to, request, now),
      ])
    } catch (error) {
      if (!isCoded(error, 'REVOCATION_CONFLICT') || attempt === ATTEMPTS) throw error
    }
  }
}

/**
 * Revokes, holds (`certificateHold`) or releases (`removeFromCRL`) a certificate.
 *
 * With `keyCompromise` the key is blocked for ever and every other live certificate of it is revoked
 * too; a repeated request goes on where a crash stopped.
 *
 * @returns the status of the certificate asked for, and all certificates whose status changed
 * @throws {CERT_NOT_FOUND} {REVOCATION_CONFLICT} {PROFILE_VIOLATION} {STORE_UNAVAILABLE}
 */
export async function revoke(
  core: RevokingCore,
  request: RevokeRequest,
): Promise<{ readonly status: CertificateStatus; readonly changed: readonly CertificateStatus[] }> {
  const status = await apply(core, request)
  if (request.reason !== 'keyCompromise') return { status, changed: [status] }
  const changed = [status]
  const siblings = await core.ports.store.certificatesWithKeys([status.spkiSha256])
  for (const { issuerId, serialHex } of siblings.get(status.spkiSha256) ?? [])
    if (issuerId !== status.issuerId || serialHex !== status.serialHex)
      changed.push(await apply(core, { ...request, tenant: null, issuerId, serialHex }))
  return { status, changed }
}
