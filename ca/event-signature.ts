/** Signs all digests of one event with its one-time key, each with its time-stamp. Needs no store: it runs in any thread. */
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { publicKeyObject } from './algorithms/keys.ts'
import { toHex } from './asn1/values.ts'
import {
  type SignatureContent,
  type TokenDraft,
  assembleSignature,
  checkSignatureValue,
  draftSignature,
  stamp,
} from './document-signature.ts'
import type { Signed, SignInput } from './drafts.ts'
import { CodedError } from './errors.ts'
import { type OneTimeKey, signOnceWith } from './keys/one-time.ts'
import { type SigningStamper, type TokenSlot, slotNow } from './timestamp-token.ts'
import { readReference } from './x509/certificate.ts'

/** One-time keys are P-256. */
const EVENT_KEY = getKeyAlgorithm('P-256')

/** A certified one-time key and what it signs. */
export interface EventInput {
  readonly key: OneTimeKey
  readonly certDer: Uint8Array
  /** Issuing CA first, root last. */
  readonly chainDer: readonly Uint8Array[]
  readonly contents: readonly SignatureContent[]
  readonly at: Date
  /** One per content, or none where nothing is time-stamped. */
  readonly slots: readonly TokenSlot[]
  /** When the slots were taken: {@link monotonicNow}. */
  readonly slotsTakenAt: bigint
}

/** A certificate for a one-time key, and what the key then signs. */
export interface CertifyInput {
  readonly sign: SignInput
  readonly event: Omit<EventInput, 'certDer' | 'chainDer'>
}

/** The certificate exists, also where its key could not sign. */
export interface Certified {
  readonly signed: Signed
  readonly signatures: readonly EventSignature[] | CodedError
}

/** One signature of an event. */
export interface EventSignature {
  readonly cmsDer: Uint8Array
  readonly signatureValue: Uint8Array
  readonly signingTime: Date
  /** What the time-stamp says. */
  readonly token?: TokenDraft
}

/**
 * Signs.
 *
 * @returns one signature per content, in their order; the key is gone, whichever way it ends
 * @throws {DIGEST_NOT_AUTHORISED} {ISSUANCE_MISMATCH} {KEY_UNAVAILABLE}
 */
export async function signEvent(input: EventInput, tsa: SigningStamper): Promise<EventSignature[]> {
  const { certDer, chainDer, at } = input
  const certificate = readReference(certDer)
  const publicKey = publicKeyObject(certificate.spkiDer)
  const { signature: algorithm } = EVENT_KEY
  const sign = signOnceWith(input.key, algorithm)
  const signatures: EventSignature[] = []
  for (const [index, content] of input.contents.entries()) {
    const draft = draftSignature(content, certificate, at)
    const signatureValue = sign(toHex(content.contentSha256), draft.signedAttributesDer)
    const parts = { draft, algorithm, signatureValue, certDer, chainDer }
    checkSignatureValue(publicKey, parts)
    const slot = input.slots[index]
    const token = await stamp(tsa, slot && slotNow(slot, input.slotsTakenAt), signatureValue)
    signatures.push({
      cmsDer: assembleSignature({ ...parts, tokenDer: token?.tokenDer }),
      signatureValue,
      signingTime: draft.signingTime,
      ...(token ? { token: token.draft } : {}),
    })
  }
  return signatures
}

/** The same; an error is an outcome, since the certificate exists by then. */
export async function signCertified(
  input: EventInput,
  tsa: SigningStamper,
): Promise<EventSignature[] | CodedError> {
  try {
    return await signEvent(input, tsa)
  } catch (error) {
    return failureOf(error)
  }
}

/** An error as an outcome. */
export const failureOf = (error: unknown): CodedError =>
  error instanceof CodedError
    ? error
    : new CodedError('KEY_UNAVAILABLE', 'a key could not be used', { cause: error })
