/** What a certificate is used for, and whether keyUsage and extKeyUsage allow it (RFC 5280 §4.2.1.3, §4.2.1.12). */
import { EKU, EXT, type KeyUsageName } from '../../../ca/formats.ts'
import type { CertificateFacts } from './facts.ts'

/** Demands on the certificate at the end of a path, and on the CAs above it. */
export interface Purpose {
  /** At least one of these bits must be set where keyUsage is present. */
  readonly keyUsage?: readonly KeyUsageName[]
  readonly extKeyUsage?: {
    /** At least one of these; with an empty list any set is fine that does not fall under `refused`. */
    readonly accepted: readonly string[]
    /** Whether anyExtendedKeyUsage stands for the accepted ones. */
    readonly allowAny: boolean
    /** Whether the extension must be there. */
    readonly required: boolean
    /** Whether it must be critical and hold nothing else (RFC 3161 §2.3). */
    readonly criticalAndSole?: boolean
    /** Whether the CAs above are limited by their own extKeyUsage, as all browsers do. */
    readonly limitsCas: boolean
  }
}

/** No demand beyond those of a valid path. */
export const ANY_PURPOSE: Purpose = {}

/** @see RFC 3161 §2.3 */
export const TIME_STAMPING: Purpose = {
  keyUsage: ['digitalSignature', 'nonRepudiation'],
  extKeyUsage: {
    accepted: [EKU.timeStamping],
    allowAny: false,
    required: true,
    criticalAndSole: true,
    limitsCas: true,
  },
}

/** Delegated OCSP responder: anyExtendedKeyUsage does not count. @see RFC 6960 §4.2.2.2 */
export const OCSP_SIGNING: Purpose = {
  extKeyUsage: { accepted: [EKU.ocspSigning], allowAny: false, required: true, limitsCas: false },
}

/** @see RFC 5280 §6.3.3 (f) */
export const CRL_SIGNING: Purpose = { keyUsage: ['cRLSign'] }

/** Whether the end certificate may be used so; the key of the rule that it breaks, or undefined. */
export function findPurposeViolation(
  facts: CertificateFacts,
  purpose: Purpose,
): 'CERT_KEY_USAGE' | 'CERT_EXT_KEY_USAGE' | undefined {
  const { keyUsage } = facts
  if (purpose.keyUsage && keyUsage && !purpose.keyUsage.some((bit) => keyUsage.has(bit)))
    return 'CERT_KEY_USAGE'
  const rule = purpose.extKeyUsage
  if (!rule) return undefined
  const present = facts.extKeyUsage
  if (!present) return rule.required ? 'CERT_EXT_KEY_USAGE' : undefined
  if (!hasAccepted(present, rule)) return 'CERT_EXT_KEY_USAGE'
  if (rule.criticalAndSole) {
    const critical = facts.certificate.extensions.get(EXT.extKeyUsage)?.critical === true
    if (!critical || present.length !== 1) return 'CERT_EXT_KEY_USAGE'
  }
  return undefined
}

/** Whether a CA above may be on a path for this purpose. */
export function isCaPurposeAllowed(facts: CertificateFacts, purpose: Purpose): boolean {
  const rule = purpose.extKeyUsage
  if (!rule?.limitsCas || !facts.extKeyUsage) return true
  return hasAccepted(facts.extKeyUsage, { ...rule, allowAny: true })
}

function hasAccepted(present: readonly string[], rule: NonNullable<Purpose['extKeyUsage']>): boolean {
  if (rule.accepted.length === 0) return true
  return present.some((oid) => rule.accepted.includes(oid) || (rule.allowAny && oid === EKU.any))
}
