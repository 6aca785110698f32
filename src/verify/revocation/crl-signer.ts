/** Who signed a CRL, and whether they may: the issuer itself, or a certificate with cRLSign under the same anchor. */
import {
  type Certificate,
  type Crl,
  EXT,
  compareBytes,
  crlAuthorityKeyIdentifierOf,
  isCoded,
  isSameName,
  signatureAlgorithmOf,
  toHex,
  verifySignature,
} from '../../../ca/formats.ts'
import { findPath } from '../path/build.ts'
import { factsOf, findSubjectKey } from '../path/facts.ts'
import { CRL_SIGNING } from '../path/purpose.ts'
import { distributionPointsOf } from './crl-scope.ts'
import type { RevocationContext, RevocationStatus } from './status.ts'

/** How the status of a CRL signer is found; an argument, because that question leads back here. */
export type StatusOf = (
  certificate: Certificate,
  issuer: Certificate,
  context: RevocationContext,
) => RevocationStatus

/** CRL extensions that are acted upon here; another critical one makes a list unusable (RFC 5280 §5.2). */
const processed = new Set<string>([
  EXT.crlNumber,
  EXT.deltaCrlIndicator,
  EXT.issuingDistributionPoint,
  EXT.authorityKeyIdentifier,
  EXT.freshestCrl,
  EXT.expiredCertsOnCrl,
])

/** The value, or undefined when the structure is malformed. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!isCoded(error)) throw error
    return undefined
  }
}

/** True when the list has a critical extension that nobody here processes. */
export const hasUnknownCritical = (crl: Crl): boolean =>
  [...crl.extensions.values()].some(({ oid, critical }) => critical && !processed.has(oid))

/** The certificate whose key signed the list and who may sign it, or undefined. */
export function findCrlSigner(
  crl: Crl,
  issuer: Certificate,
  context: RevocationContext,
  statusOf: StatusOf,
): Certificate | undefined {
  if (hasUnknownCritical(crl)) return undefined
  const wanted = attempt(() => crlAuthorityKeyIdentifierOf(crl))?.keyIdentifier
  const candidates = [issuer, context.anchor, ...context.pool].filter((c) =>
    isSameName(c.subject, crl.issuer),
  )
  for (const candidate of byIdentifier(candidates, wanted))
    if (isFit(crl, candidate, context) && isSignerAllowed(candidate, issuer, context, statusOf))
      return candidate
  return undefined
}

/** The key verifies the list, by an algorithm that is strong enough. */
function isFit(crl: Crl, signer: Certificate, context: RevocationContext): boolean {
  const algorithm = attempt(() => signatureAlgorithmOf(crl.signatureAlgorithm))
  return algorithm !== undefined && !context.isTooWeak?.(algorithm, signer) && isCrlSignedBy(crl, signer)
}

function byIdentifier(candidates: readonly Certificate[], wanted: Uint8Array | undefined): Certificate[] {
  const fits = (certificate: Certificate): boolean => {
    const own = factsOf(certificate).subjectKeyIdentifier
    return wanted === undefined || own === undefined || compareBytes(own, wanted) === 0
  }
  return [...candidates.filter(fits), ...candidates.filter((c) => !fits(c))]
}

const signatures = new WeakMap<Crl, Map<string, boolean>>()

/** True when the certificate's key verifies the list; a large list is hashed once per key. */
export function isCrlSignedBy(crl: Crl, signer: Certificate): boolean {
  let known = signatures.get(crl)
  if (!known) signatures.set(crl, (known = new Map()))
  const id = toHex(signer.spkiDer)
  let result = known.get(id)
  if (result === undefined) known.set(id, (result = verifyCrl(crl, signer)))
  return result
}

function verifyCrl(crl: Crl, signer: Certificate): boolean {
  const key = findSubjectKey(signer)
  const algorithm = attempt(() => signatureAlgorithmOf(crl.signatureAlgorithm))
  return (
    key !== undefined &&
    algorithm !== undefined &&
    verifySignature(algorithm, key.object, crl.tbs, crl.signature)
  )
}
/** CRL signers on top of each other; PKITS needs two. */
const MAX_DEPTH = 4

/**
 * Whether the signer of a CRL is entitled to it (RFC 5280 §6.3.3 (f)).
 *
 * @param issuer of the certificate that is asked about; it was validated with the path
 */
function isSignerAllowed(
  signer: Certificate,
  issuer: Certificate,
  context: RevocationContext,
  statusOf: StatusOf,
): boolean {
  const { keyUsage } = factsOf(signer)
  if (keyUsage && !keyUsage.has('cRLSign')) return false
  if (isSame(signer, issuer) || isSame(signer, context.anchor)) return true
  const inProgress = context.inProgress ?? new Set()
  if (inProgress.has(signer)) return isItsOwnCrlIssuer(signer)
  if (inProgress.size >= MAX_DEPTH) return false
  const { path, issues } = findPath(
    { target: signer, pool: context.pool, anchors: [context.anchor] },
    { anchorConstraints: false, ...context.pathOptions, at: context.at, purpose: CRL_SIGNING },
  )
  if (issues.length > 0) return false
  const inner = { ...context, inProgress: new Set([...inProgress, signer]) }
  return path.slice(0, -1).every((certificate, i) => {
    const parent = path[i + 1]
    // The issuers above the one in question are on its own path, which is checked there.
    if (parent === undefined || isSame(certificate, issuer)) return true
    return statusOf(certificate, parent, inner).kind === 'good'
  })
}

/** The CA itself decided so when it named the signer as cRLIssuer in the signer's own distribution point (PKITS 4.14.30). */
function isItsOwnCrlIssuer(signer: Certificate): boolean {
  return distributionPointsOf(signer).some((point) =>
    point.crlIssuer?.some((name) => name.kind === 'directoryName' && isSameName(name.name, signer.subject)),
  )
}

const isSame = (a: Certificate, b: Certificate): boolean => a === b || compareBytes(a.raw, b.raw) === 0
