/** Writes time-stamp requests, TSTInfo and responses (RFC 3161 §2.4). */
import { type Nested, encodeNested, nested } from '../asn1/nested.ts'
import {
  boolean,
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
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
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

const ZERO = 48

function putDigits(out: Uint8Array, at: number, count: number, value: number): void {
  let rest = value
  for (let place = at + count - 1; place >= at; place--) {
    out[place] = ZERO + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}

/** GeneralizedTime with up to six decimals, no trailing zeros (RFC 3161 §2.4.2). */
function encodeMicros(micros: bigint): Uint8Array {
  const total = Number(micros)
  const date = new Date(Math.floor(total / 1000))
  let fraction = total % 1_000_000
  let decimals = 6
  for (; decimals > 0 && fraction % 10 === 0; decimals--) fraction /= 10
  const length = 15 + (decimals > 0 ? decimals + 1 : 0)
  const out = new Uint8Array(2 + length)
  out[0] = TAG.generalizedTime
  out[1] = length
  putDigits(out, 2, 4, date.getUTCFullYear())
  putDigits(out, 6, 2, date.getUTCMonth() + 1)
  putDigits(out, 8, 2, date.getUTCDate())
  putDigits(out, 10, 2, date.getUTCHours())
  putDigits(out, 12, 2, date.getUTCMinutes())
  putDigits(out, 14, 2, date.getUTCSeconds())
  if (decimals > 0) {
    out[16] = 46 // .
    putDigits(out, 17, decimals, fraction)
  }
  out[1 + length] = 90 // Z
  return out
}

/** Accuracy in whole seconds and milliseconds; zero parts are left out. */
function accuracyOf(accuracyMs: number): Nested {
  const seconds = Math.floor(accuracyMs / 1000)
  const millis = accuracyMs % 1000
  return nested(
    TAG.sequence,
    ...(seconds > 0 ? [integer(seconds)] : []),
    ...(millis > 0 ? [tlv(context(0), integer(millis).subarray(2))] : []),
  )
}

const VERSION_1 = integer(1)

/** TSTInfo; ordering FALSE is the default and not written. */
export const encodeTstInfo = (fields: TstInfoFields): Uint8Array =>
  encodeNested(
    nested(
      TAG.sequence,
      VERSION_1,
      oid(fields.policy),
      fields.messageImprintRaw,
      unsignedInteger(fields.serial),
      encodeMicros(fields.genTimeMicros),
      accuracyOf(fields.accuracyMs),
      ...(fields.nonce ? [nested(TAG.integer, fields.nonce)] : []),
      nested(contextConstructed(0), nested(contextConstructed(4), fields.tsa.subject.raw)),
    ),
  )

const GRANTED = sequence(integer(0))

/** TimeStampResp that grants a token. */
export const encodeTimeStampResponse = (tokenDer: Uint8Array): Uint8Array =>
  tlv(TAG.sequence, GRANTED, tokenDer)

/** TimeStampResp that refuses, with the reason for machines and for people. */
export const encodeTimeStampRefusal = (failure: PkiFailure, text: string): Uint8Array =>
  sequence(sequence(integer(2), sequence(utf8String(text)), namedBits([PKI_FAILURE[failure]])))
