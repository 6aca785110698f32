/** Revocation by OCSP response (RFC 6960 §3.2, §4.2.2). */
import {
  type BasicOcspResponse,
  type CertId,
  type Certificate,
  EXT,
  type OcspResponse,
  type SingleResponse,
  compareBytes,
  digest,
  isCoded,
  isSameName,
  nameToString,
  parseCertificate,
  signatureAlgorithmOf,
  verifySignature,
} from '../../../ca/formats.ts'
import { factsOf, findSubjectKey } from '../path/facts.ts'
import { OCSP_SIGNING } from '../path/purpose.ts'
import { type PathOptions, validatePath } from '../path/validate.ts'
import { checkByCrl } from './crl.ts'
import { type RevocationContext, type RevocationStatus, freshnessOf } from './status.ts'

/** Response extensions that may be critical without harm; nonce and archive cutoff change no status. */
const processed = new Set<string>([EXT.ocspNonce, EXT.ocspArchiveCutoff])

/** Certificates of one response that are looked at. */
const MAX_RESPONDER_CERTIFICATES = 16

const unknown = (key: Extract<RevocationStatus, { kind: 'unknown' }>['key']): RevocationStatus => ({
  kind: 'unknown',
  key,
})

/** What one response says about a certificate. */
export function checkByOcsp(
  response: OcspResponse,
  certificate: Certificate,
  issuer: Certificate,
  context: RevocationContext,
): RevocationStatus {
  const { basic } = response
  if (!basic) return unknown('REVOCATION_MISSING')
  const singles = basic.responses.filter(({ certId }) => isAbout(certId, certificate, issuer))
  if (singles.length === 0) return unknown('REVOCATION_MISSING')
  if (hasUnknownCritical(basic, singles)) return unknown('REVOCATION_UNUSABLE')
  // Nobody can have asked about a certificate before there was one.
  if (basic.producedAt < certificate.notBefore || basic.producedAt > context.at)
    return unknown('REVOCATION_UNUSABLE')
  const fresh = singles.filter((s) => freshnessOf(s.thisUpdate, s.nextUpdate, context) === 'fresh')
  const [single] = fresh.sort(bySeverity)
  if (!single) return staleStatus(singles)
  if (isSilentAfterExpiry(single, certificate)) return staleStatus([single])
  const responder = findResponder(basic, issuer, context)
  if (!responder) return unknown('REVOCATION_UNUSABLE')
  return statusOf(single, responder)
}

/** Several answers about one certificate: the worst one counts. */
const severities = { revoked: 0, unknown: 1, good: 2 } as const
const bySeverity = (a: SingleResponse, b: SingleResponse): number =>
  severities[a.status.kind] - severities[b.status.kind]

function staleStatus(singles: readonly SingleResponse[]): RevocationStatus {
  const staleSince = singles[0]?.nextUpdate
  return { kind: 'unknown', key: 'REVOCATION_STALE', ...(staleSince ? { staleSince } : {}) }
}

/** Without archiveCutoff a responder may forget an expired certificate (RFC 6960 §4.4.4). */
function isSilentAfterExpiry(single: SingleResponse, certificate: Certificate): boolean {
  return (
    single.status.kind === 'good' &&
    single.thisUpdate > certificate.notAfter &&
    !single.extensions.has(EXT.ocspArchiveCutoff)
  )
}

function statusOf(single: SingleResponse, responder: Certificate): RevocationStatus {
  const source = {
    kind: 'ocsp' as const,
    thisUpdate: single.thisUpdate,
    ...(single.nextUpdate ? { nextUpdate: single.nextUpdate } : {}),
    signer: nameToString(responder.subject),
  }
  const { status } = single
  if (status.kind === 'unknown') return unknown('REVOCATION_UNKNOWN_TO_RESPONDER')
  if (status.kind === 'good') return { kind: 'good', source }
  return { kind: 'revoked', source, revokedAt: status.revokedAt, reason: status.reason ?? 'unspecified' }
}

/** True when a CertID names this certificate; the hash is the responder's choice. */
function isAbout(certId: CertId, certificate: Certificate, issuer: Certificate): boolean {
  return (
    compareBytes(certId.serial, certificate.serial) === 0 &&
    isFromIssuer(certId, certificate.issuer.raw, issuer)
  )
}

/** True when both issuer hashes of a CertID are those of this issuer (RFC 6960 §4.1.1). */
export function isFromIssuer(certId: CertId, issuerName: Uint8Array, issuer: Certificate): boolean {
  const key = findSubjectKey(issuer)?.info.keyBits
  if (certId.hash === undefined || !key) return false
  return (
    compareBytes(digest(certId.hash, issuerName), certId.issuerNameHash) === 0 &&
    compareBytes(digest(certId.hash, key), certId.issuerKeyHash) === 0
  )
}

function hasUnknownCritical(basic: BasicOcspResponse, singles: readonly SingleResponse[]): boolean {
  return [basic, ...singles].some(({ extensions }) =>
    [...extensions.values()].some(({ oid, critical }) => critical && !processed.has(oid)),
  )
}

/** The issuer itself, or a certificate that the issuer signed for this purpose (RFC 6960 §4.2.2.2). */
export function findResponder(
  basic: BasicOcspResponse,
  issuer: Certificate,
  context: RevocationContext,
): Certificate | undefined {
  if (isTooWeak(basic, issuer, context)) return undefined
  if (isNamed(basic, issuer) && isResponseSignedBy(basic, issuer)) return issuer
  for (const candidate of [...certificatesOf(basic), ...context.pool]) {
    if (!isNamed(basic, candidate) || isTooWeak(basic, candidate, context)) continue
    if (!isResponseSignedBy(basic, candidate)) continue
    if (isSameKey(candidate, issuer)) return candidate
    if (isDelegated(candidate, issuer, basic, context)) return candidate
  }
  return undefined
}

function isTooWeak(basic: BasicOcspResponse, signer: Certificate, context: RevocationContext): boolean {
  try {
    return context.isTooWeak?.(signatureAlgorithmOf(basic.signatureAlgorithm), signer) ?? false
  } catch (error) {
    if (!isCoded(error)) throw error
    return true
  }
}

const isSameKey = (a: Certificate, b: Certificate): boolean =>
  compareBytes(a.spkiDer, b.spkiDer) === 0 && isSameName(a.subject, b.subject)

function certificatesOf(basic: BasicOcspResponse): Certificate[] {
  return basic.certificates.slice(0, MAX_RESPONDER_CERTIFICATES).flatMap((der) => {
    try {
      return [parseCertificate(der)]
    } catch (error) {
      if (!isCoded(error)) throw error
      return []
    }
  })
}

function isNamed({ responderId }: BasicOcspResponse, candidate: Certificate): boolean {
  if (responderId.kind === 'byName') return isSameName(responderId.name, candidate.subject)
  const key = findSubjectKey(candidate)?.info.keyBits
  return key !== undefined && compareBytes(digest('SHA-1', key), responderId.keyHash) === 0
}

function isResponseSignedBy(basic: BasicOcspResponse, signer: Certificate): boolean {
  const key = findSubjectKey(signer)
  if (!key) return false
  try {
    return verifySignature(
      signatureAlgorithmOf(basic.signatureAlgorithm),
      key.object,
      basic.tbs,
      basic.signature,
    )
  } catch (error) {
    if (!isCoded(error)) throw error
    return false
  }
}

/** Issued by the very CA that is asked about, for OCSP signing, valid when it signed, and not revoked itself. */
function isDelegated(
  candidate: Certificate,
  issuer: Certificate,
  basic: BasicOcspResponse,
  context: RevocationContext,
): boolean {
  const options: PathOptions = {
    ...context.pathOptions,
    at: context.coversTime ? basic.producedAt : context.at,
    purpose: OCSP_SIGNING,
    anchorConstraints: false,
    anchorValidity: false,
  }
  const { issues } = validatePath([candidate, issuer], options)
  if (issues.length > 0) return false
  if (factsOf(candidate).certificate.extensions.has(EXT.ocspNoCheck)) return true
  // Without nocheck the responder's own status is asked for by CRL only: OCSP would ask the responder about itself.
  return context.crls.length === 0
    ? context.responderMayLackStatus === true
    : checkByCrl(candidate, issuer, context).kind === 'good'
}
