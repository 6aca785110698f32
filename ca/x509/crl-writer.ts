/**
 * Writes a CertificateList (RFC 5280 §5.1) of a stream of entries: entries in runs, and what stands before and behind
 * them once their length is known. No list is in memory as a whole.
 */
import { CodedError } from '../errors.ts'
import {
  bitString,
  boolean,
  concat,
  enumerated,
  explicit,
  generalizedTime,
  headOf,
  integer,
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
/** Largest run of entries. */
const MAX_RUN_BYTES = 1_048_576

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

/** A run of entries, one encoding after the other. */
export interface EncodedEntries {
  readonly bytes: Uint8Array
  readonly count: number
}

/** One entry in so many ends a run. */
const RUN_ENTRIES = 4096
/** Hexadecimal digits of a serial that decide it: random, and none of those that choose the shard. */
const RUN_DIGITS = { start: -10, end: -6 } as const

/**
 * Whether a run ends behind this serial. That depends on the serial alone, so that an entry that comes or goes changes
 * the one run that it is in, and the next list shares all others with the last.
 */
const endsRun = (serialHex: string): boolean =>
  serialHex.length > 10 &&
  Number.parseInt(serialHex.slice(RUN_DIGITS.start, RUN_DIGITS.end), 16) % RUN_ENTRIES === 0

/**
 * Encodes entries as they arrive, in runs of some two hundred kilobytes: no list is ever whole in memory.
 *
 * @throws {INPUT_MALFORMED} also when serials do not ascend: a serial twice would have two states
 */
export async function* encodeCrlEntries(
  entries: AsyncIterable<CrlEntryFields> | Iterable<CrlEntryFields>,
): AsyncGenerator<EncodedEntries> {
  const room = new Uint8Array(MAX_RUN_BYTES)
  let used = 0
  let count = 0
  let before = ''
  for await (const entry of entries) {
    if (!isAscending(before, entry.serialHex))
      throw new CodedError('INPUT_MALFORMED', 'CRL: entries do not ascend by serial')
    before = entry.serialHex
    used = writeEntry(room, used, entry)
    count++
    if (endsRun(before) || used + MAX_ENTRY_BYTES > room.length) {
      yield { bytes: room.slice(0, used), count }
      used = 0
      count = 0
    }
  }
  if (count > 0) yield { bytes: room.slice(0, used), count }
}

const isAscending = (before: string, next: string): boolean =>
  before.length === next.length ? before < next : before.length < next.length

/** What stands before and behind the entries; they are as many octets as it was made for. */
export interface CrlFrame {
  readonly head: Uint8Array
  readonly tail: Uint8Array
  readonly entriesByteLength: number
}

/**
 * TBSCertList around entries of this length; an empty list of them is left out (RFC 5280 §5.1.2.6).
 *
 * @throws {INPUT_MALFORMED} when the number does not fit 20 octets
 */
export function buildTbsFrame(template: CrlTemplate, fields: CrlFields, entriesByteLength: number): CrlFrame {
  if (fields.number < 0n || fields.number > MAX_CRL_NUMBER)
    throw new CodedError('INPUT_MALFORMED', 'CRL: number is not below 2^159 (RFC 5280 §5.2.3)')
  const fixed = concat(
    integer(1),
    template.algorithmDer,
    template.issuerNameDer,
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    ...(entriesByteLength > 0 ? [headOf(TAG.sequence, entriesByteLength)] : []),
  )
  const tail = explicit(0, sequence(...crlExtensions(template, fields.number)))
  const head = concat(headOf(TAG.sequence, fixed.length + entriesByteLength + tail.length), fixed)
  return { head, tail, entriesByteLength }
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

/** CertificateList around a TBSCertList that was signed. */
export function buildCrlFrame(tbs: CrlFrame, algorithmDer: Uint8Array, signature: Uint8Array): CrlFrame {
  const { entriesByteLength } = tbs
  const tail = concat(tbs.tail, algorithmDer, bitString(signature))
  const head = concat(headOf(TAG.sequence, tbs.head.length + entriesByteLength + tail.length), tbs.head)
  return { head, tail, entriesByteLength }
}
