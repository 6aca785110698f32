/** The records of one document signature: an intent first, then exactly one outcome that repeats its `intentId`. */
import { randomUUID } from 'node:crypto'
import { digest } from './algorithms/hashes.ts'
import { toHex } from './asn1/values.ts'
import type { Core } from './core.ts'
import { isCoded } from './errors.ts'
import type { ProviderKey } from './keys/provider.ts'
import type { Actor, Json, RecordDraft, SignDigestRequest, SignedDigest } from './ports.ts'

/** Facts of one operation that its records share. */
export interface Operation extends Actor {
  readonly intentId: string
  readonly keyId: string
  readonly digestHex: string
  readonly format: string
}

/** The facts of a request to sign. */
export const operationOf = (request: SignDigestRequest, keyId: string): Operation => ({
  actor: request.actor,
  tenant: request.tenant,
  intentId: randomUUID(),
  keyId,
  digestHex: toHex(request.contentSha256),
  format: request.format,
})

/** A record of whoever asked. */
export const outcome = (
  core: Core,
  { actor, tenant }: Actor,
  type: string,
  data: Record<string, Json>,
): RecordDraft => ({ type, at: core.ports.now(), actor, tenant, data })

/** A one-time key was made. */
export const keyCreated = (core: Core, operation: Operation, key: ProviderKey): RecordDraft =>
  outcome(core, operation, 'key.created', {
    keyId: key.keyId,
    algorithm: key.algorithm,
    spkiSha256: toHex(digest('SHA-256', key.spkiDer)),
    oneTime: true,
  })

/** What is about to be signed. */
export const signatureIntent = (
  core: Core,
  operation: Operation,
  signer?: { readonly issuerId: string; readonly serialHex: string },
): RecordDraft => {
  const { intentId, keyId, digestHex, format } = operation
  return outcome(core, operation, 'signature.intent', {
    intentId,
    keyId,
    digestAlg: 'SHA-256',
    digestHex,
    format,
    ...(signer ? { issuerId: signer.issuerId, serialHex: signer.serialHex } : {}),
  })
}

/** The key was used, and what came of it. */
export function signatureCreated(core: Core, operation: Operation, signed: SignedDigest): RecordDraft[] {
  const { intentId, keyId } = operation
  const { serialHex, issuerId } = signed.certificate
  const signatureSha256 = toHex(digest('SHA-256', signed.signatureValue))
  return [
    outcome(core, operation, 'key.used', { keyId, purpose: 'signature', intentId }),
    outcome(core, operation, 'signature.created', { intentId, signatureSha256, serialHex, issuerId }),
  ]
}

/** Code of any error, for records. */
export const codeOf = (error: unknown): string => (isCoded(error) ? error.code : 'KEY_UNAVAILABLE')

/** How far a key got in an operation that failed. */
export interface KeyFate {
  readonly wasUsed: boolean
  readonly isDestroyed: boolean
}

/** The outcome of an intent that came to nothing. */
export function failureRecords(
  core: Core,
  operation: Operation,
  error: unknown,
  fate: KeyFate,
): RecordDraft[] {
  const { intentId, keyId } = operation
  return [
    ...(fate.wasUsed
      ? [outcome(core, operation, 'key.used', { keyId, purpose: 'signature', intentId })]
      : []),
    outcome(core, operation, 'signature.refused', { intentId, code: codeOf(error) }),
    ...(fate.isDestroyed ? [outcome(core, operation, 'key.destroyed', { keyId })] : []),
  ]
}

/** Stores the outcome of a failure; where even that cannot be stored, the open intent tells of it. */
export async function closeFailed(
  core: Core,
  operation: Operation,
  error: unknown,
  fate: KeyFate,
): Promise<void> {
  await core.ports.store.record(failureRecords(core, operation, error, fate)).catch(() => undefined)
}
