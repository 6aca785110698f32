/**
 * Writes TBSCertList (RFC 5280 §5.1) from a stream of entries into one growing buffer: no object and no
 * array per entry survives, so that a list costs little more memory than its own size.
 */
import { CodedError } from '../errors.ts'
import {
  bitString,
  boolean,
  concat,
  enumerated,
  explicit,
  generalizedTime,
  integer,
  lengthOctets,
  sequence,
  time,
  tlv,
} from '../asn1/writer.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { CRL_REASONS, type CrlReason } from './crl-entries.ts'
import { encodeAuthorityKeyIdentifier, encodeExtension, encodeUri } from './encode-extensions.ts'
import { EXT } from './oids.ts'

/** One revoked certificate to write. */
export interface CrlEntryFields {
  readonly serialHex: string
  readonly revokedAt: Date
  readonly reason: CrlReason
  readonly invalidityDate: Date | null
}

/** What is the same in every list of one scope. */
export interface CrlTemplate {
  /** Subject of the CA certificate, byte for byte. */
  readonly issuerNameDer: Uint8Array
  readonly authorityKeyIdentifier: Uint8Array
  /** Complete AlgorithmIdentifier. */
  readonly algorithmDer: Uint8Array
  /** Present for a part of the issuer's certificates: the names in their CRL distribution points. */
  readonly distributionPoint?: { readonly uris: readonly string[]; readonly onlyContainsUserCerts: boolean }
}

/** What differs from list to list. */
export interface CrlFields {
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

/** RFC 5280 §5.2.3: up to 20 octets, hence below 2^159 as a positive INTEGER. */
export const MAX_CRL_NUMBER = (1n << 159n) - 1n

// RFC 5280 §5.3.1: unspecified is said by leaving the extension out.
const reasonExtensions = new Map<CrlReason, Uint8Array>(
  CRL_REASONS.flatMap((reason, number) =>
    reason === undefined || reason === 'unspecified'
      ? []
      : [[reason, encodeExtension(EXT.reasonCode, false, enumerated(number))] as const],
  ),
)

/** Longer than any entry: 20 octets of serial, two times and two extensions. */
const MAX_ENTRY_BYTES = 127

/**
 * Writes one entry at `at` of a buffer that has room for it; everything in it is short, so that each length is
 * one octet.
 *
 * @returns the offset behind it
 * @throws {INPUT_MALFORMED} for a serial that is not hexadecimal, or the reason removeFromCRL in a full list
 */
function writeEntry(out: Uint8Array, at: number, entry: CrlEntryFields): number {
  const { reason, invalidityDate } = entry
  // RFC 5280 §5.3.1: removeFromCRL appears in delta CRLs only.
  if (reason === 'removeFromCRL') throw new CodedError('INPUT_MALFORMED', 'CRL: removeFromCRL in a full list')
  let end = writeSerial(out, at + 2, entry.serialHex)
  end = writeOctets(out, end, encodeSecond(entry.revokedAt))
  const reasonExtension = reasonExtensions.get(reason)
  if (reasonExtension || invalidityDate) {
    const list = end
    end += 2
    if (reasonExtension) end = writeOctets(out, end, reasonExtension)
    if (invalidityDate) end = writeOctets(out, end, encodeInvalidityDate(invalidityDate))
    out[list] = TAG.sequence
    out[list + 1] = end - list - 2
  }
  out[at] = TAG.sequence
  out[at + 1] = end - at - 2
  return end
}

function writeOctets(out: Uint8Array, at: number, octets: Uint8Array): number {
  out.set(octets, at)
  return at + octets.length
}

const encodeInvalidityDate = (date: Date): Uint8Array =>
  encodeExtension(EXT.invalidityDate, false, generalizedTime(date))

let lastSecond: { readonly at: number; readonly der: Uint8Array } | undefined

/** Bulk revocations share their second: keep the encoding last used. */
function encodeSecond(date: Date): Uint8Array {
  const at = date.getTime()
  if (lastSecond?.at !== at) lastSecond = { at, der: time(date) }
  return lastSecond.der
}

/** INTEGER from hexadecimal; a first octet of 80 or more gets the sign octet (X.690 §8.3.3). */
function writeSerial(out: Uint8Array, at: number, serialHex: string): number {
  const octets = serialHex.length >> 1
  if (serialHex.length % 2 !== 0 || octets === 0 || octets > 20)
    throw new CodedError('INPUT_MALFORMED', 'CRL: serial is not 1 to 20 octets of hexadecimal')
  const sign = digitOf(serialHex.charCodeAt(0)) >= 8 ? 1 : 0
  out[at] = TAG.integer
  out[at + 1] = octets + sign
  out[at + 2] = 0
  const start = at + 2 + sign
  for (let i = 0; i < octets; i++)
    out[start + i] = (digitOf(serialHex.charCodeAt(2 * i)) << 4) | digitOf(serialHex.charCodeAt(2 * i + 1))
  // Our serials start with the instance octet; a leading zero octet would not be minimal.
  if (out[start] === 0) throw new CodedError('INPUT_MALFORMED', 'CRL: serial starts with a zero octet')
  return start + octets
}

function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  if (code >= 97 && code <= 102) return code - 87
  throw new CodedError('INPUT_MALFORMED', 'CRL: serial is not lower-case hexadecimal')
}

/** Entries of a list, one encoding after the other. */
export interface EncodedEntries {
  readonly bytes: Uint8Array
  readonly count: number
}

/**
 * Encodes entries as they arrive.
 *
 * @throws {INPUT_MALFORMED} also when serials do not ascend: a serial twice would have two states
 */
export async function encodeCrlEntries(
  entries: AsyncIterable<CrlEntryFields> | Iterable<CrlEntryFields>,
): Promise<EncodedEntries> {
  let bytes = new Uint8Array(64 * 1024)
  let used = 0
  let count = 0
  let before = ''
  for await (const entry of entries) {
    if (!isAscending(before, entry.serialHex))
      throw new CodedError('INPUT_MALFORMED', 'CRL: entries do not ascend by serial')
    before = entry.serialHex
    if (used + MAX_ENTRY_BYTES > bytes.length) {
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes.subarray(0, used))
      bytes = larger
    }
    used = writeEntry(bytes, used, entry)
    count++
  }
  return { bytes: bytes.subarray(0, used), count }
}

const isAscending = (before: string, next: string): boolean =>
  before.length === next.length ? before < next : before.length < next.length

/**
 * TBSCertList around encoded entries; an empty list is left out (RFC 5280 §5.1.2.6).
 *
 * @throws {INPUT_MALFORMED} when the number does not fit 20 octets
 */
export function buildTbsCertList(
  template: CrlTemplate,
  fields: CrlFields,
  entries: EncodedEntries,
): Uint8Array {
  if (fields.number < 0n || fields.number > MAX_CRL_NUMBER)
    throw new CodedError('INPUT_MALFORMED', 'CRL: number is not below 2^159 (RFC 5280 §5.2.3)')
  const head = concat(
    integer(1),
    template.algorithmDer,
    template.issuerNameDer,
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    ...(entries.count > 0 ? [Uint8Array.of(TAG.sequence), lengthOctets(entries.bytes.length)] : []),
  )
  const extensions = explicit(0, sequence(...crlExtensions(template, fields.number)))
  const list = entries.count > 0 ? entries.bytes : new Uint8Array(0)
  const length = lengthOctets(head.length + list.length + extensions.length)
  return concat(Uint8Array.of(TAG.sequence), length, head, list, extensions)
}

function crlExtensions(template: CrlTemplate, number: bigint): Uint8Array[] {
  const { authorityKeyIdentifier, distributionPoint } = template
  return [
    encodeExtension(EXT.authorityKeyIdentifier, false, encodeAuthorityKeyIdentifier(authorityKeyIdentifier)),
    encodeExtension(EXT.crlNumber, false, integer(number)),
    ...(distributionPoint
      ? [encodeExtension(EXT.issuingDistributionPoint, true, encodeDistributionPoint(distributionPoint))]
      : []),
  ]
}

/** IssuingDistributionPoint; critical, so that a part is never taken for the whole (RFC 5280 §5.2.5). */
function encodeDistributionPoint(point: NonNullable<CrlTemplate['distributionPoint']>): Uint8Array {
  const names = tlv(contextConstructed(0), ...point.uris.map(encodeUri))
  return sequence(
    explicit(0, names),
    ...(point.onlyContainsUserCerts ? [tlv(context(1), boolean(true).subarray(2))] : []),
  )
}

/** CertificateList from its three parts. */
export const encodeCrl = (tbsDer: Uint8Array, algorithmDer: Uint8Array, signature: Uint8Array): Uint8Array =>
  sequence(tbsDer, algorithmDer, bitString(signature))
