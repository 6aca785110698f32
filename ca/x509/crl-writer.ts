/**
 * Writes a CertificateList (RFC 5280 §5.1) from a stream of entries into one buffer: no object and no array per entry
 * survives, and nothing is copied afterwards, so that a list costs little more memory than its own size.
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
/** Serial, time and reason. */
const USUAL_ENTRY_BYTES = 52
/** Identifier and length of the whole list. */
const OUTER_HEAD_BYTES = 8

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

/** Entries of a list, one encoding after the other, with room around them for the rest of the list. */
export interface EncodedEntries {
  readonly bytes: Uint8Array
  readonly count: number
  /** What holds `bytes`, from `MAX_HEAD_BYTES` on, and at least `MAX_TAIL_BYTES` behind them. */
  readonly room: Uint8Array
}

/** Larger than what stands before the entries: lengths, algorithm, name of the issuer, times. */
const MAX_HEAD_BYTES = 16_384
/** Larger than what stands behind them: extensions, algorithm, signature. */
const MAX_TAIL_BYTES = 65_536

/**
 * Encodes entries as they arrive, into the buffer that becomes the list: a million entries are never copied.
 *
 * @param expected number of entries, about; more of them cost a copy
 * @throws {INPUT_MALFORMED} also when serials do not ascend: a serial twice would have two states
 */
export async function encodeCrlEntries(
  entries: AsyncIterable<CrlEntryFields> | Iterable<CrlEntryFields>,
  expected = 1000,
): Promise<EncodedEntries> {
  let room = new Uint8Array(MAX_HEAD_BYTES + expected * USUAL_ENTRY_BYTES + MAX_TAIL_BYTES)
  let used = MAX_HEAD_BYTES
  let count = 0
  let before = ''
  for await (const entry of entries) {
    if (!isAscending(before, entry.serialHex))
      throw new CodedError('INPUT_MALFORMED', 'CRL: entries do not ascend by serial')
    before = entry.serialHex
    if (used + MAX_ENTRY_BYTES + MAX_TAIL_BYTES > room.length) {
      const larger = new Uint8Array(Math.ceil(room.length * 1.5))
      larger.set(room.subarray(0, used))
      room = larger
    }
    used = writeEntry(room, used, entry)
    count++
  }
  return { bytes: room.subarray(MAX_HEAD_BYTES, used), count, room }
}

const isAscending = (before: string, next: string): boolean =>
  before.length === next.length ? before < next : before.length < next.length

/**
 * TBSCertList around encoded entries, in their own buffer; an empty list is left out (RFC 5280 §5.1.2.6).
 *
 * @throws {INPUT_MALFORMED} when the number does not fit 20 octets, or the name of the issuer its room
 */
export function buildTbsCertList(
  template: CrlTemplate,
  fields: CrlFields,
  entries: EncodedEntries,
): Uint8Array {
  if (fields.number < 0n || fields.number > MAX_CRL_NUMBER)
    throw new CodedError('INPUT_MALFORMED', 'CRL: number is not below 2^159 (RFC 5280 §5.2.3)')
  const { bytes, room } = entries
  const head = concat(
    integer(1),
    template.algorithmDer,
    template.issuerNameDer,
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    ...(entries.count > 0 ? [Uint8Array.of(TAG.sequence), lengthOctets(bytes.length)] : []),
  )
  const extensions = explicit(0, sequence(...crlExtensions(template, fields.number)))
  const length = lengthOctets(head.length + bytes.length + extensions.length)
  const start = MAX_HEAD_BYTES - head.length - length.length - 1
  if (start < OUTER_HEAD_BYTES || extensions.length > MAX_TAIL_BYTES / 2)
    throw new CodedError('INPUT_MALFORMED', 'CRL: name of the issuer or extensions are too long')
  room[start] = TAG.sequence
  room.set(length, start + 1)
  room.set(head, MAX_HEAD_BYTES - head.length)
  const end = MAX_HEAD_BYTES + bytes.length
  room.set(extensions, end)
  return room.subarray(start, end + extensions.length)
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

/**
 * CertificateList, written around what `buildTbsCertList` returned, in the same buffer.
 *
 * @throws {INPUT_MALFORMED} for a signature that is larger than its room
 */
export function encodeCrl(tbsDer: Uint8Array, algorithmDer: Uint8Array, signature: Uint8Array): Uint8Array {
  const tail = concat(algorithmDer, bitString(signature))
  if (tail.length > MAX_TAIL_BYTES / 2)
    throw new CodedError('INPUT_MALFORMED', 'CRL: signature is larger than its room')
  const head = concat(Uint8Array.of(TAG.sequence), lengthOctets(tbsDer.length + tail.length))
  const whole = new Uint8Array(
    tbsDer.buffer,
    tbsDer.byteOffset - head.length,
    head.length + tbsDer.length + tail.length,
  )
  whole.set(head)
  whole.set(tail, head.length + tbsDer.length)
  return whole
}
