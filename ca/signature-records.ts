/**
 * The records of signatures: an intent first, then exactly one outcome that repeats its `intentId`.
 *
 * The intent names every key that will be used, that of the time-stamping authority too. The use of a one-time key is
 * in the record of its destruction: it has no other life.
 */
import { randomUUID } from 'node:crypto'
import { digest } from './algorithms/hashes.ts'
import { toHex } from './asn1/values.ts'
import type { Core } from './core.ts'
import type { TokenDraft } from './document-signature.ts'
import { isCoded } from './errors.ts'
import type { ProviderKey } from './keys/provider.ts'
import type { Actor, Json, RecordDraft } from './ports.ts'
import { tokenRecord } from './timestamp.ts'

/** Facts of one signature that its records share. */
export interface Operation extends Actor {
  readonly intentId: string
  readonly keyId: string
  readonly digestHex: string
  readonly format: string
  /** Key of the TSA, where the signature is time-stamped. */
  readonly timestampKeyId: string | null
}

/** What is asked, as far as records tell it. */
interface Asked extends Actor {
  readonly format: string
  readonly withTimestamp: boolean
}

/** The facts of a request to sign this digest with this key. */
export const operationOf = (
  core: Pick<Core, 'tsa'>,
  { actor, tenant, format, withTimestamp }: Asked,
  keyId: string,
  digestHex: string,
): Operation => ({
  actor,
  tenant,
  intentId: randomUUID(),
  keyId,
  digestHex,
  format,
  timestampKeyId: withTimestamp ? core.tsa.keyId : null,
})

type Clock = Pick<Core, 'ports'>

/** A record of whoever asked. */
export const outcome = (
  core: Clock,
  { actor, tenant }: Actor,
  type: string,
  data: Record<string, Json>,
): RecordDraft => ({ type, at: core.ports.now(), actor, tenant, data })

/** A one-time key was made. */
export const oneTimeKeyCreated = (core: Clock, by: Actor, key: ProviderKey): RecordDraft =>
  outcome(core, by, 'key.created', {
    keyId: key.keyId,
    algorithm: key.algorithm,
    spkiSha256: toHex(digest('SHA-256', key.spkiDer)),
    oneTime: true,
  })

/** A one-time key is gone. @param wasUsed whether it was handed over for signing */
export const oneTimeKeyDestroyed = (core: Clock, by: Actor, keyId: string, wasUsed: boolean): RecordDraft =>
  outcome(core, by, 'key.destroyed', { keyId, wasUsed })

/** What is about to be signed. @param more the certificate, or what the signer agreed to */
export const signatureIntent = (
  core: Clock,
  operation: Operation,
  more: Readonly<Record<string, Json>> = {},
): RecordDraft => {
  const { intentId, keyId, digestHex, format, timestampKeyId } = operation
  return outcome(core, operation, 'signature.intent', {
    intentId,
    keyId,
    digestAlg: 'SHA-256',
    digestHex,
    format,
    ...(timestampKeyId === null ? {} : { timestampKeyId }),
    ...more,
  })
}

/** What came of an intent: the signature, and the time-stamp over it. */
export const createdRecords = (
  core: Pick<Core, 'ports' | 'tsa'>,
  operation: Operation,
  signatureValue: Uint8Array,
  { serialHex, issuerId }: { readonly serialHex: string; readonly issuerId: string },
  token: TokenDraft | undefined,
): RecordDraft[] => {
  const { intentId } = operation
  const signatureSha256 = toHex(digest('SHA-256', signatureValue))
  const created = { intentId, signatureSha256, serialHex, issuerId }
  return [
    outcome(core, operation, 'signature.created', created),
    ...(token ? [tokenRecord(core, operation, token.slot, 'SHA-256', token.tstInfo, { intentId })] : []),
  ]
}

/** A held key was used. */
export const heldKeyUsed = (core: Clock, operation: Operation): RecordDraft =>
  outcome(core, operation, 'key.used', {
    keyId: operation.keyId,
    purpose: 'signature',
    intentId: operation.intentId,
  })

/** Code of any error, for records. */
export const codeOf = (error: unknown): string => (isCoded(error) ? error.code : 'KEY_UNAVAILABLE')

/** An intent that came to nothing. */
export const signatureRefused = (core: Clock, operation: Operation, error: unknown): RecordDraft =>
  outcome(core, operation, 'signature.refused', { intentId: operation.intentId, code: codeOf(error) })
