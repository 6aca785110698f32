/** Every lint rule, and the linter: what it finds is never signed. */
import { CodedError } from '../errors.ts'
import { parseSpki } from '../algorithms/keys.ts'
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
import { noRevAvailValidity } from './no-rev-avail-validity.ts'
import { ocspNoCheck } from './ocsp-no-check.ts'
import { policyOid } from './policy-oid.ts'
import { publicKey } from './public-key.ts'
import { revocationPointer } from './revocation-pointer.ts'
import { isKnownConstant, rememberConstant, constantOf } from './constant.ts'
import type { Finding, LintContext, LintInput, LintRule } from './rule.ts'
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

export type { ConstantInput, Finding, LintContext, LintInput, LintIssuer, LintRule } from './rule.ts'

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
  noRevAvailValidity,
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

const notWellFormed = (error: unknown, rule = WELL_FORMED): Finding => {
  if (!(error instanceof CodedError)) throw error
  return { rule, source: 'RFC 5280 §4.1; X.690 §10', message: error.message }
}

/** What one rule finds; an extension that it cannot read is a finding like any other. */
function apply({ name, source }: LintRule, check: () => string | undefined): readonly Finding[] {
  try {
    const message = check()
    return message === undefined ? [] : [{ rule: name, source, message }]
  } catch (error) {
    return [notWellFormed(error, name)]
  }
}

/** The same, with the certificate as read, where it could be read at all. */
export function readAndLint(
  der: Uint8Array,
  context: LintContext,
): { readonly findings: readonly Finding[]; readonly certificate?: Certificate } {
  let input: LintInput
  try {
    const certificate = parseCertificate(der)
    input = { ...context, certificate, key: parseSpki(certificate.spkiDer) }
  } catch (error) {
    return { findings: [notWellFormed(error)] }
  }
  const { certificate } = input
  const findings: Finding[] = []
  const isKnown = isKnownConstant(context, certificate)
  const constant = isKnown ? undefined : constantOf(context, certificate)
  let isConstantClean = true
  for (const rule of LINT_RULES) {
    if (rule.over === 'certificate') {
      findings.push(...apply(rule, () => rule.check(input)))
      continue
    }
    if (!constant) continue
    const found = apply(rule, () => rule.check(constant))
    if (found.length > 0) isConstantClean = false
    findings.push(...found)
  }
  if (constant && isConstantClean) rememberConstant(context, certificate)
  return { findings, certificate }
}
