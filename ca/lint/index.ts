/** Every lint rule, and the linter: what it finds is never signed. */
import { CodedError } from '../errors.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { art21Issuer } from './art21-1-issuer.ts'
import { art21Holder } from './art21-2-holder.ts'
import { art21Serial } from './art21-3-serial.ts'
import { art21Validity } from './art21-4-validity.ts'
import { art21VerificationData } from './art21-5-verification-data.ts'
import { art21Signature } from './art21-6-signature.ts'
import { art21Other } from './art21-7-other.ts'
import { authorityInfoAccess } from './authority-info-access.ts'
import { authorityKeyIdentifier } from './authority-key-identifier.ts'
import { basicConstraints } from './basic-constraints.ts'
import { certificateSize } from './certificate-size.ts'
import { cpsPointer } from './cps-pointer.ts'
import { crlDistributionPoints } from './crl-distribution-points.ts'
import { extKeyUsage } from './ext-key-usage.ts'
import { extensionAllowList } from './extension-allow-list.ts'
import { extensionCriticality } from './extension-criticality.ts'
import { issuerName } from './issuer-name.ts'
import { keyUsage } from './key-usage.ts'
import { noRevAvail } from './no-rev-avail.ts'
import { ocspNoCheck } from './ocsp-no-check.ts'
import { policyOid } from './policy-oid.ts'
import { publicKey } from './public-key.ts'
import { revocationPointer } from './revocation-pointer.ts'
import type { Finding, LintContext, LintRule } from './rule.ts'
import { serialNumber } from './serial-number.ts'
import { signatureAlgorithm } from './signature-algorithm.ts'
import { subjectAltName } from './subject-alt-name.ts'
import { subjectAttributes } from './subject-attributes.ts'
import { subjectEncoding } from './subject-encoding.ts'
import { subjectKeyIdentifier } from './subject-key-identifier.ts'
import { uniqueIdentifiers } from './unique-identifiers.ts'
import { validityEncoding } from './validity-encoding.ts'
import { validityPeriod } from './validity-period.ts'
import { validityWithinIssuer } from './validity-within-issuer.ts'
import { version3 } from './version-3.ts'

export type { Finding, LintContext, LintInput, LintIssuer, LintRule } from './rule.ts'

/** In the order of the fields of a certificate, then its extensions, then the law. */
export const LINT_RULES: readonly LintRule[] = [
  version3,
  serialNumber,
  signatureAlgorithm,
  issuerName,
  validityEncoding,
  validityPeriod,
  validityWithinIssuer,
  subjectAttributes,
  subjectEncoding,
  publicKey,
  uniqueIdentifiers,
  extensionAllowList,
  extensionCriticality,
  authorityKeyIdentifier,
  subjectKeyIdentifier,
  basicConstraints,
  keyUsage,
  extKeyUsage,
  policyOid,
  cpsPointer,
  subjectAltName,
  crlDistributionPoints,
  authorityInfoAccess,
  revocationPointer,
  noRevAvail,
  ocspNoCheck,
  certificateSize,
  art21Issuer,
  art21Holder,
  art21Serial,
  art21Validity,
  art21VerificationData,
  art21Signature,
  art21Other,
]

/** Name of the finding for what the strict parser refuses, a duplicate extension for example. */
export const WELL_FORMED = 'well-formed'

/**
 * Lints one encoded certificate.
 *
 * @param der under a throw-away signature, or with the real one when stored certificates are checked again
 * @param context `now` is the instant of issue
 * @returns everything that is wrong, empty when nothing is
 */
export const lintCertificate = (der: Uint8Array, context: LintContext): readonly Finding[] =>
  readAndLint(der, context).findings

/** The same, with the certificate as read, where it could be read at all. */
export function readAndLint(
  der: Uint8Array,
  context: LintContext,
): { readonly findings: readonly Finding[]; readonly certificate?: Certificate } {
  const wellFormed = (error: unknown): Finding => {
    if (!(error instanceof CodedError)) throw error
    return { rule: WELL_FORMED, source: 'RFC 5280 §4.1; X.690 §10', message: error.message }
  }
  let certificate: Certificate
  try {
    certificate = parseCertificate(der)
  } catch (error) {
    return { findings: [wellFormed(error)] }
  }
  const input = { ...context, certificate }
  const findings = LINT_RULES.flatMap((rule) => {
    try {
      return rule.check(input)
    } catch (error) {
      // An extension that its rule cannot read is a finding like any other.
      return [{ ...wellFormed(error), rule: rule.name }]
    }
  })
  return { findings, certificate }
}
