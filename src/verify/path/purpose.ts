/** What a certificate is used for, and whether keyUsage and extKeyUsage allow it (RFC 5280 §4.2.1.3, §4.2.1.12). */
import { EKU, EXT, type KeyUsageName } from '../../../ca/formats.ts'
import type { CertificateFacts } from './facts.ts'

/** Demands on the certificate at the end of a path, and on the CAs above it. */
export interface Purpose {
  /** At least one of these bits must be set where keyUsage is present. */
  readonly keyUsage?: readonly KeyUsageName[]
  /** No bit beside these may be set where keyUsage is present. */
  readonly onlyKeyUsage?: readonly KeyUsageName[]
  /** Exactly these bits must be set, and keyUsage must be present. */
  readonly exactKeyUsage?: readonly KeyUsageName[]
  /** The path must be valid for one of these policies; any when left out. */
  readonly certificatePolicies?: readonly string[]
  /** Whether a certificate that says it is a CA is refused at the end of the path. */
  readonly refusesCa?: boolean
  readonly extKeyUsage?: {
    /** At least one of these; with an empty list any set is fine that does not fall under `refused`. */
    readonly accepted: readonly string[]
    /** Whether anyExtendedKeyUsage stands for the accepted ones. */
    readonly allowAny: boolean
    /** Whether the extension must be there. */
    readonly required: boolean
    /** Whether it must be critical (RFC 3161 §2.3). */
    readonly critical?: boolean
    /** Whether it must hold nothing else (RFC 3161 §2.3). */
    readonly sole?: boolean
    /**
     * What extKeyUsage of the CAs above means: nothing (RFC 5280), a limit where it is present (as all browsers
     * read it), or a limit for which anyExtendedKeyUsage does not count either.
     */
    readonly cas: 'ignored' | 'limited' | 'same'
  }
}

/** No demand beyond those of a valid path. */
export const ANY_PURPOSE: Purpose = {}

/** A key that also signs certificates or CRLs is no time-stamping key. @see RFC 3161 §2.3 */
export const TIME_STAMPING: Purpose = {
  onlyKeyUsage: ['digitalSignature', 'nonRepudiation'],
  keyUsage: ['digitalSignature', 'nonRepudiation'],
  extKeyUsage: {
    accepted: [EKU.timeStamping],
    allowAny: false,
    required: true,
    critical: true,
    sole: true,
    cas: 'limited',
  },
}

/** Delegated OCSP responder: anyExtendedKeyUsage does not count. @see RFC 6960 §4.2.2.2 */
export const OCSP_SIGNING: Purpose = {
  extKeyUsage: { accepted: [EKU.ocspSigning], allowAny: false, required: true, cas: 'ignored' },
}

/** @see RFC 5280 §6.3.3 (f) */
export const CRL_SIGNING: Purpose = { keyUsage: ['cRLSign'] }

/** Key of the rule that an end certificate breaks. */
type Violation = 'CERT_KEY_USAGE' | 'CERT_EXT_KEY_USAGE' | 'CERT_IS_A_CA'

/** Whether the end certificate may be used so; the key of the rule that it breaks, or undefined. */
export function findPurposeViolation(facts: CertificateFacts, purpose: Purpose): Violation | undefined {
  if (!isKeyUsageFine(facts.keyUsage, purpose)) return 'CERT_KEY_USAGE'
  if (purpose.refusesCa && facts.basicConstraints?.ca) return 'CERT_IS_A_CA'
  return purpose.extKeyUsage && !isExtKeyUsageFine(facts, purpose.extKeyUsage)
    ? 'CERT_EXT_KEY_USAGE'
    : undefined
}

function isKeyUsageFine(
  present: ReadonlySet<KeyUsageName> | undefined,
  { keyUsage, onlyKeyUsage, exactKeyUsage }: Purpose,
): boolean {
  if (exactKeyUsage && !isExactly(present, exactKeyUsage)) return false
  if (!present) return true
  if (keyUsage && !keyUsage.some((bit) => present.has(bit))) return false
  return !onlyKeyUsage || [...present].every((bit) => onlyKeyUsage.includes(bit))
}

const isExactly = (
  present: ReadonlySet<KeyUsageName> | undefined,
  wanted: readonly KeyUsageName[],
): boolean => present?.size === wanted.length && wanted.every((bit) => present.has(bit))

type ExtKeyUsageRule = NonNullable<Purpose['extKeyUsage']>

function isExtKeyUsageFine({ extKeyUsage, certificate }: CertificateFacts, rule: ExtKeyUsageRule): boolean {
  if (!extKeyUsage) return !rule.required
  if (!hasAccepted(extKeyUsage, rule)) return false
  if (rule.critical && certificate.extensions.get(EXT.extKeyUsage)?.critical !== true) return false
  return !rule.sole || extKeyUsage.length === 1
}

/** Whether a CA above may be on a path for this purpose. */
export function isCaPurposeAllowed(facts: CertificateFacts, purpose: Purpose): boolean {
  const rule = purpose.extKeyUsage
  if (!rule || rule.cas === 'ignored') return true
  if (!facts.extKeyUsage) return true
  return rule.cas === 'same'
    ? isExtKeyUsageFine(facts, rule)
    : hasAccepted(facts.extKeyUsage, { ...rule, allowAny: true })
}

function hasAccepted(present: readonly string[], rule: ExtKeyUsageRule): boolean {
  if (rule.accepted.length === 0) return true
  return present.some((oid) => rule.accepted.includes(oid) || (rule.allowAny && oid === EKU.any))
}
