/** Status of one certificate by all evidence at hand. */
import type { Certificate } from '../../../ca/formats.ts'
import { checkByCrl } from './crl.ts'
import { checkByOcsp } from './ocsp.ts'
import { type RevocationContext, type RevocationStatus, joinStatuses } from './status.ts'

/**
 * Judges revocation of a certificate; missing evidence is `unknown` and never good.
 *
 * @param issuer the certificate above it on a valid path
 */
export function checkRevocation(
  certificate: Certificate,
  issuer: Certificate,
  context: RevocationContext,
): RevocationStatus {
  return joinStatuses([
    ...context.ocspResponses.map((response) => checkByOcsp(response, certificate, issuer, context)),
    checkByCrl(certificate, issuer, context),
  ])
}

/** Status of every certificate of a path except the anchor, target first. */
export function checkPathRevocation(
  path: readonly Certificate[],
  context: RevocationContext,
): RevocationStatus[] {
  return path.slice(0, -1).map((certificate, i) => {
    const issuer = path[i + 1] ?? context.anchor
    return checkRevocation(certificate, issuer, context)
  })
}
