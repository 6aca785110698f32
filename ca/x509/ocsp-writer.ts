/** Writes OCSP responses (RFC 6960 §4.2): fixed parts are encoded once per responder, the rest per answer. */
import {
  bitString,
  enumerated,
  explicit,
  generalizedTime,
  octetString,
  oid,
  sequence,
  tlv,
} from '../asn1/writer.ts'
import { TAG, context, contextConstructed } from '../asn1/tags.ts'
import { digest } from '../algorithms/hashes.ts'
import { parseSpki } from '../algorithms/keys.ts'
import { type Certificate } from './certificate.ts'
import { CRL_REASONS } from './crl-entries.ts'
import { encodeExtension } from './encode-extensions.ts'
import { EXT } from './oids.ts'
import { OCSP_BASIC, OCSP_STATUS, type OcspCertStatus, type OcspResponseStatus } from './ocsp.ts'

/** byKey: SHA-1 of the subjectPublicKey octets, whatever hash the rest uses (RFC 6960 §4.2.1). */
export const encodeResponderIdByKey = (responder: Certificate): Uint8Array =>
  explicit(2, octetString(digest('SHA-1', parseSpki(responder.spkiDer).keyBits)))

/** What is said about one certificate. */
export interface SingleResponseFields {
  /** CertID exactly as it was asked. */
  readonly certIdRaw: Uint8Array
  readonly status: OcspCertStatus
  /** Whole seconds are written. */
  readonly thisUpdate: Date
  readonly nextUpdate?: Date
}

const GOOD = tlv(context(0))
const UNKNOWN = tlv(context(2))

function encodeStatus(status: OcspCertStatus): Uint8Array {
  if (status.kind === 'good') return GOOD
  if (status.kind === 'unknown') return UNKNOWN
  const { revokedAt, reason } = status
  // As in a CRL, unspecified is said by saying nothing (RFC 5280 §5.3.1, which RFC 6960 §4.2.1 takes its type from).
  const hasReason = reason !== undefined && reason !== 'unspecified'
  return tlv(
    contextConstructed(1),
    generalizedTime(revokedAt),
    ...(hasReason ? [explicit(0, enumerated(CRL_REASONS.indexOf(reason)))] : []),
  )
}

/** SingleResponse; no singleExtensions, and above all no reasonCode there (RFC 6960 §4.4.5). */
export const encodeSingleResponse = (fields: SingleResponseFields): Uint8Array =>
  sequence(
    fields.certIdRaw,
    encodeStatus(fields.status),
    generalizedTime(fields.thisUpdate),
    ...(fields.nextUpdate ? [explicit(0, generalizedTime(fields.nextUpdate))] : []),
  )

/** ResponseData; version 1 is the default and therefore not written. */
export const buildResponseData = (
  responderIdDer: Uint8Array,
  producedAt: Date,
  singles: readonly Uint8Array[],
  nonce: Uint8Array | undefined,
): Uint8Array =>
  sequence(
    responderIdDer,
    generalizedTime(producedAt),
    sequence(...singles),
    ...(nonce ? [explicit(1, sequence(encodeExtension(EXT.ocspNonce, false, octetString(nonce))))] : []),
  )

const BASIC = oid(OCSP_BASIC)
const SUCCESSFUL = enumerated(OCSP_STATUS.successful)

/** OCSPResponse with a BasicOCSPResponse and the certificates that verify it. */
export const encodeOcspResponse = (
  responseData: Uint8Array,
  algorithmDer: Uint8Array,
  signature: Uint8Array,
  certificatesDer: readonly Uint8Array[],
): Uint8Array => {
  const certificates = certificatesDer.length > 0 ? [explicit(0, tlv(TAG.sequence, ...certificatesDer))] : []
  const basic = sequence(responseData, algorithmDer, bitString(signature), ...certificates)
  return sequence(SUCCESSFUL, explicit(0, sequence(BASIC, octetString(basic))))
}

/** Unsigned refusal (RFC 6960 §2.3). */
export const encodeOcspError = (status: Exclude<OcspResponseStatus, 'successful'>): Uint8Array =>
  sequence(enumerated(OCSP_STATUS[status]))
