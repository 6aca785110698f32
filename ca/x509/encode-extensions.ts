/** Encoders of the extensions that profiles ask for (RFC 5280 §4.2). */
import { CodedError } from '../errors.ts'
import {
  boolean,
  explicit,
  ia5String,
  implicit,
  integer,
  namedBits,
  nullValue,
  octetString,
  oid,
  sequence,
  tlv,
} from '../asn1/writer.ts'
import { context, contextConstructed } from '../asn1/tags.ts'
import { ACCESS, KEY_USAGE, type KeyUsageName, QUALIFIER_CPS } from './oids.ts'

const ascii = new TextEncoder()

/** Extension; DEFAULT FALSE is left out (X.690 §11.5). */
export const encodeExtension = (type: string, critical: boolean, value: Uint8Array): Uint8Array =>
  sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(value))

/** uniformResourceIdentifier [6]. */
export const encodeUri = (uri: string): Uint8Array => tlv(context(6), ascii.encode(uri))

/**
 * BasicConstraints.
 *
 * @see RFC 5280 §4.2.1.9
 */
export const encodeBasicConstraints = (ca: boolean, pathLength?: number): Uint8Array =>
  sequence(...(ca ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)]))

/**
 * KeyUsage.
 *
 * @see RFC 5280 §4.2.1.3
 */
export const encodeKeyUsage = (names: readonly KeyUsageName[]): Uint8Array =>
  namedBits(names.map((name) => KEY_USAGE[name]))

/**
 * ExtKeyUsageSyntax.
 *
 * @see RFC 5280 §4.2.1.12
 */
export const encodeExtKeyUsage = (purposes: readonly string[]): Uint8Array => sequence(...purposes.map(oid))

/** One policy with a pointer to the CPS. @see RFC 5280 §4.2.1.4 */
export const encodeCertificatePolicies = (policy: string, cps: string): Uint8Array =>
  sequence(sequence(oid(policy), sequence(sequence(oid(QUALIFIER_CPS), ia5String(cps)))))

/** One distribution point with one URL. @see RFC 5280 §4.2.1.13 */
export const encodeCrlDistributionPoints = (uri: string): Uint8Array =>
  sequence(sequence(explicit(0, tlv(contextConstructed(0), encodeUri(uri)))))

/**
 * AuthorityInfoAccessSyntax, OCSP first.
 *
 * @see RFC 5280 §4.2.2.1
 */
export function encodeAuthorityInfoAccess(urls: { caIssuers?: string; ocsp?: string }): Uint8Array {
  const item = (method: string, uri: string | undefined): Uint8Array[] =>
    uri === undefined ? [] : [sequence(oid(method), encodeUri(uri))]
  return sequence(...item(ACCESS.ocsp, urls.ocsp), ...item(ACCESS.caIssuers, urls.caIssuers))
}

/** keyIdentifier only. @see RFC 5280 §4.2.1.1 */
export const encodeAuthorityKeyIdentifier = (keyIdentifier: Uint8Array): Uint8Array =>
  sequence(implicit(0, octetString(keyIdentifier)))

/** noRevAvail and ocsp-nocheck are NULL. @see RFC 9608 §2, RFC 6960 §4.2.2.2.1 */
export const encodeMarker = (): Uint8Array => nullValue()

/** What a request may ask for as an alternative name. */
export interface AltName {
  readonly type: 'email' | 'dns' | 'uri' | 'ip'
  readonly value: string
}

/**
 * SubjectAltName (RFC 5280 §4.2.1.6).
 *
 * @throws {PROFILE_VIOLATION} for a name that is not of its type
 */
export function encodeSubjectAltName(names: readonly AltName[]): Uint8Array {
  return sequence(...names.map(encodeAltName))
}

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const dnsForm = new RegExp(`^(?:[*][.])?${label}(?:[.]${label})*$`)
const emailForm = new RegExp(`^[A-Za-z0-9.!#$%&'*+/=?^_\`{|}~-]{1,64}@${label}(?:[.]${label})*$`)
const uriForm = /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/

function encodeAltName({ type, value }: AltName): Uint8Array {
  const fits = (form: RegExp): Uint8Array => {
    if (value.length > 253 || !form.test(value))
      throw new CodedError(
        'PROFILE_VIOLATION',
        `subjectAltName: value is not of type ${type} (RFC 5280 §4.2.1.6)`,
      )
    return ascii.encode(value)
  }
  switch (type) {
    case 'email':
      return tlv(context(1), fits(emailForm))
    case 'dns':
      return tlv(context(2), fits(dnsForm))
    case 'uri':
      return tlv(context(6), fits(uriForm))
    case 'ip':
      return tlv(context(7), ipOctets(value))
    default:
      throw new CodedError('PROFILE_VIOLATION', 'subjectAltName: type is not email, dns, uri or ip')
  }
}

function ipOctets(value: string): Uint8Array {
  const bad = (): never => {
    throw new CodedError('PROFILE_VIOLATION', 'subjectAltName: value is not an IP address')
  }
  const parts = value.split('.')
  if (parts.length === 4)
    return Uint8Array.from(parts, (part) =>
      /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256 ? Number(part) : bad(),
    )
  const [head = '', tail, more] = value.split('::')
  if (more !== undefined) bad()
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const missing = 8 - left.length - right.length
  if (tail === undefined ? missing !== 0 : missing < 1) bad()
  const all = [...left, ...Array<string>(tail === undefined ? 0 : missing).fill('0'), ...right]
  return Uint8Array.from(
    all.flatMap((group) => {
      const number = /^[0-9A-Fa-f]{1,4}$/.test(group) ? Number.parseInt(group, 16) : bad()
      return [number >> 8, number & 0xff]
    }),
  )
}
