/** Writes time-stamp requests, TSTInfo and responses (RFC 3161 §2.4). */
import {
  boolean,
  explicit,
  integer,
  namedBits,
  nullValue,
  octetString,
  oid,
  sequence,
  tlv,
  unsignedInteger,
  utf8String,
} from '../asn1/writer.ts'
import { TAG, context } from '../asn1/tags.ts'
import { type HashName, getHash } from '../algorithms/hashes.ts'
import { type Certificate } from './certificate.ts'
import { PKI_FAILURE, type PkiFailure } from './tsp.ts'

/** What is asked of a TSA. */
export interface TimeStampRequestFields {
  readonly hash: HashName
  readonly digest: Uint8Array
  /** Unsigned octets; left out for none. */
  readonly nonce?: Uint8Array
  readonly certReq: boolean
  readonly policy?: string
}

/** TimeStampReq; the hash carries NULL parameters, which every TSA in the field accepts. */
export const encodeTimeStampRequest = (fields: TimeStampRequestFields): Uint8Array =>
  sequence(
    integer(1),
    sequence(sequence(oid(getHash(fields.hash).oid), nullValue()), octetString(fields.digest)),
    ...(fields.policy === undefined ? [] : [oid(fields.policy)]),
    ...(fields.nonce ? [unsignedInteger(fields.nonce)] : []),
    ...(fields.certReq ? [boolean(true)] : []),
  )

/** What a token says. */
export interface TstInfoFields {
  readonly policy: string
  /** MessageImprint exactly as it was asked. */
  readonly messageImprintRaw: Uint8Array
  /** Unsigned octets. */
  readonly serial: Uint8Array
  /** Microseconds since 1970. */
  readonly genTimeMicros: bigint
  readonly accuracyMs: number
  /** Content octets of the nonce INTEGER, as asked. */
  readonly nonce: Uint8Array | undefined
  readonly tsa: Certificate
}

const encoder = new TextEncoder()

/** GeneralizedTime with up to six decimals, no trailing zeros (RFC 3161 §2.4.2). */
function encodeMicros(micros: bigint): Uint8Array {
  const milliseconds = new Date(Number(micros / 1000n))
  const seconds = milliseconds.toISOString().replace(/[-:T]/g, '').slice(0, 14)
  const fraction = String(micros % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return tlv(TAG.generalizedTime, encoder.encode(`${seconds}${fraction ? `.${fraction}` : ''}Z`))
}

/** Accuracy in whole seconds and milliseconds; zero parts are left out. */
function encodeAccuracy(accuracyMs: number): Uint8Array {
  const seconds = Math.floor(accuracyMs / 1000)
  const millis = accuracyMs % 1000
  return sequence(
    ...(seconds > 0 ? [integer(seconds)] : []),
    ...(millis > 0 ? [tlv(context(0), integer(millis).subarray(2))] : []),
  )
}

/** TSTInfo; ordering FALSE is the default and not written. */
export const encodeTstInfo = (fields: TstInfoFields): Uint8Array =>
  sequence(
    integer(1),
    oid(fields.policy),
    fields.messageImprintRaw,
    unsignedInteger(fields.serial),
    encodeMicros(fields.genTimeMicros),
    encodeAccuracy(fields.accuracyMs),
    ...(fields.nonce ? [tlv(TAG.integer, fields.nonce)] : []),
    explicit(0, explicit(4, fields.tsa.subject.raw)),
  )

/** TimeStampResp that grants a token. */
export const encodeTimeStampResponse = (tokenDer: Uint8Array): Uint8Array =>
  sequence(sequence(integer(0)), tokenDer)

/** TimeStampResp that refuses, with the reason for machines and for people. */
export const encodeTimeStampRefusal = (failure: PkiFailure, text: string): Uint8Array =>
  sequence(sequence(integer(2), sequence(utf8String(text)), namedBits([PKI_FAILURE[failure]])))
