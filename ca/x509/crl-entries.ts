/**
 * Entries of a certificate revocation list (RFC 5280 §5.3): walked one at a time, or searched without an
 * object per entry, since a list may hold a million.
 */
import { CodedError } from '../errors.ts'
import { type Der, parseDer, readDer, readSequence } from '../asn1/reader.ts'
import {
  decodeBoolean,
  decodeOid,
  decodeSmallInteger,
  decodeTime,
  integerBytes,
  serialHexOf,
} from '../asn1/values.ts'
import { TAG } from '../asn1/tags.ts'
import { type Extension, parseExtensions } from './certificate.ts'
import { type Crl } from './crl.ts'
import { type GeneralName, parseGeneralNames } from './extensions.ts'
import { type Name, isSameName } from './name.ts'
import { EXT } from './oids.ts'

/** CRLReason by name; the index is the number (RFC 5280 §5.3.1), 7 is not used. */
export const CRL_REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const

/** A CRLReason by name. */
export type CrlReason = NonNullable<(typeof CRL_REASONS)[number]>

/** One revoked certificate. */
export interface CrlEntry {
  /** Content octets of the INTEGER. */
  readonly serial: Uint8Array
  /** Lower case, no 00 sign octet. */
  readonly serialHex: string
  readonly revocationDate: Date
  readonly reason?: CrlReason
  readonly invalidityDate?: Date
  /** Present where the entry says so itself; in an indirect CRL it holds for the entries after it too. */
  readonly certificateIssuer?: readonly GeneralName[]
  readonly extensions: ReadonlyMap<string, Extension>
}

/** Entries one at a time, in their order; a bad one throws where it stands. @throws {CodedError} INPUT_MALFORMED */
export function* crlEntries(crl: Crl): Generator<CrlEntry, void, undefined> {
  for (let at = 0; at < crl.entries.length;) {
    const node = readDer(crl.entries, at)
    yield parseCrlEntry(node, crl.version)
    at += node.raw.length
  }
}

/** Number of entries, counted without reading them. @throws {CodedError} INPUT_MALFORMED */
export function countCrlEntries(crl: Crl): number {
  let count = 0
  for (let at = 0; at < crl.entries.length; count++) at += readDer(crl.entries, at).raw.length
  return count
}

/** One entry from its encoding. @throws {CodedError} INPUT_MALFORMED */
export function parseCrlEntry(node: Der, version: number): CrlEntry {
  const reader = readSequence(node)
  const serial = integerBytes(reader.next(TAG.integer))
  const revocationDate = decodeTime(reader.next())
  const extensionsNode = reader.optional(TAG.sequence)
  reader.end()
  if (extensionsNode && version !== 2)
    throw new CodedError('INPUT_MALFORMED', 'CRL: version 1 has entry extensions (RFC 5280 §5.1.2.1)')
  const extensions = extensionsNode ? parseExtensions(extensionsNode) : new Map<string, Extension>()
  return { serial, serialHex: serialHexOf(serial), revocationDate, ...entryFacts(extensions), extensions }
}

function entryFacts(
  extensions: ReadonlyMap<string, Extension>,
): Pick<CrlEntry, 'reason' | 'invalidityDate' | 'certificateIssuer'> {
  const reason = extensions.get(EXT.reasonCode)
  const invalidity = extensions.get(EXT.invalidityDate)
  const issuer = extensions.get(EXT.certificateIssuer)
  return {
    ...(reason ? { reason: parseCrlReason(parseDer(reason.value, TAG.enumerated)) } : {}),
    ...(invalidity ? { invalidityDate: decodeTime(parseDer(invalidity.value, TAG.generalizedTime)) } : {}),
    ...(issuer ? { certificateIssuer: parseGeneralNames(parseDer(issuer.value, TAG.sequence)) } : {}),
  }
}

/** CRLReason from its ENUMERATED (or implicitly tagged) node. @throws {CodedError} INPUT_MALFORMED for 7 and above 10 */
export function parseCrlReason(node: Der): CrlReason {
  const value = decodeSmallInteger(node, node.tag)
  const reason = CRL_REASONS[value]
  if (reason === undefined)
    throw new CodedError('INPUT_MALFORMED', `CRLReason ${value} does not exist (RFC 5280 §5.3.1)`)
  return reason
}

/** What a list says about one certificate. */
export interface CrlLookup {
  readonly entry: CrlEntry | undefined
  /** OID of a critical entry extension that nobody here processes: RFC 5280 §5.3 forbids to use such a list. */
  readonly unknownCritical: string | undefined
}

/** Entry extensions that this module reads; holdInstructionCode says nothing that changes the status. */
const PROCESSED = new Set<string>([
  EXT.reasonCode,
  EXT.invalidityDate,
  EXT.certificateIssuer,
  '2.5.29.23', // holdInstructionCode, of RFC 3280
])

/**
 * Searches one certificate in the list, walking it once to the end.
 *
 * @param serial content octets of the certificate's serial INTEGER
 * @param certificateIssuer issuer of the certificate; matters in an indirect CRL, where an entry belongs to the
 *   CRL issuer until an entry names another one (RFC 5280 §5.3.3)
 * @throws {CodedError} INPUT_MALFORMED anywhere in the list: half a list proves nothing
 */
export function findCrlEntry(crl: Crl, serial: Uint8Array, certificateIssuer: Name = crl.issuer): CrlLookup {
  const bytes = crl.entries
  let entry: CrlEntry | undefined
  let unknownCritical: string | undefined
  let belongs = isSameName(crl.issuer, certificateIssuer)
  for (let at = 0; at < bytes.length;) {
    const end = endOf(bytes, at, bytes.length, TAG.sequence)
    const serialAt = end.start
    const serialEnd = endOf(bytes, serialAt, end.end, TAG.integer)
    const dateEnd = endOf(bytes, serialEnd.end, end.end)
    if (!isTimeAt(bytes, serialEnd.end, dateEnd)) wrongTag()
    if (dateEnd.end < end.end) {
      const facts = scanExtensions(bytes, dateEnd.end, end.end)
      unknownCritical ??= facts.unknownCritical
      if (facts.namesIssuer)
        belongs = isNamed(parseCrlEntry(readDer(bytes, at), crl.version), certificateIssuer)
    }
    if (belongs && entry === undefined && isEqualAt(bytes, serialEnd.start, serialEnd.end, serial))
      entry = parseCrlEntry(readDer(bytes, at), crl.version)
    at = end.end
  }
  return { entry, unknownCritical }
}

const isNamed = (entry: CrlEntry, name: Name): boolean =>
  entry.certificateIssuer?.some((n) => n.kind === 'directoryName' && isSameName(n.name, name)) ?? false

function isEqualAt(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  if (end - start !== other.length) return false
  // The last octets of a random serial differ most often: compare from behind.
  for (let i = other.length - 1; i >= 0; i--) if (bytes[start + i] !== other[i]) return false
  return true
}

const CERTIFICATE_ISSUER = Uint8Array.of(0x55, 0x1d, 29)

function scanExtensions(
  bytes: Uint8Array,
  from: number,
  to: number,
): { namesIssuer: boolean; unknownCritical: string | undefined } {
  const list = endOf(bytes, from, to, TAG.sequence)
  if (list.end !== to) throw new CodedError('INPUT_MALFORMED', 'CRL: entry has a field too many')
  let namesIssuer = false
  let unknownCritical: string | undefined
  for (let at = list.start; at < list.end;) {
    const extension = endOf(bytes, at, list.end, TAG.sequence)
    const type = endOf(bytes, extension.start, extension.end, TAG.oid)
    if (isEqualAt(bytes, type.start, type.end, CERTIFICATE_ISSUER)) namesIssuer = true
    if (bytes[type.end] === TAG.boolean) {
      const oid = decodeOid(readDer(bytes, extension.start))
      if (decodeBoolean(readDer(bytes, type.end)) && !PROCESSED.has(oid)) unknownCritical ??= oid
    }
    at = extension.end
  }
  return { namesIssuer, unknownCritical }
}

/** Start and end of the content of one element; the shape check of `readDer` without its views. */
function endOf(bytes: Uint8Array, at: number, limit: number, tag?: number): { start: number; end: number } {
  const first = bytes[at + 1] ?? 0x80
  if (first >= 0x80) {
    const node = readDer(bytes.subarray(at, limit))
    if (tag !== undefined && node.tag !== tag) wrongTag()
    return { start: at + node.raw.length - node.content.length, end: at + node.raw.length }
  }
  const end = at + 2 + first
  if (end > limit || (tag !== undefined && bytes[at] !== tag)) wrongTag()
  return { start: at + 2, end }
}

/** The shape of a time without making a Date: a garbled entry must not pass because nobody asked for it. */
function isTimeAt(bytes: Uint8Array, at: number, { start, end }: { start: number; end: number }): boolean {
  const digits = bytes[at] === TAG.utcTime ? 12 : bytes[at] === TAG.generalizedTime ? 14 : -1
  if (end - start !== digits + 1 || bytes[end - 1] !== 0x5a) return false
  for (let i = start; i < end - 1; i++) {
    const byte = bytes[i] ?? 0
    if (byte < 0x30 || byte > 0x39) return false
  }
  return true
}

function wrongTag(): never {
  throw new CodedError('INPUT_MALFORMED', 'CRL: entry is not of the form of RFC 5280 §5.1')
}
