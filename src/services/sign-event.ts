/**
 * Event signatures over digests: identity evidence of each signer, then the core, which makes, certifies, uses and
 * destroys a key for each of them. The documents themselves never come here.
 */
import { CodedError, isDone } from '../../ca/errors.ts'
import type { SubjectAttribute } from '../../ca/formats.ts'
import type { EventSignatureRequest, EventSignatures } from '../../ca/ports.ts'
import { fromHex } from '../lib/bytes.ts'
import { sha256Hex } from '../lib/sha256.ts'
import type { ServiceDeps } from './deps.ts'
import { openEvidence } from './identity-evidence.ts'
import { refusalOf } from './issue-certificates.ts'
import { actorOf, type Caller } from './tenancy.ts'

/** One signer and what is signed in their name. */
export interface EventInput {
  readonly signer: {
    readonly profile?: string
    readonly issuerId?: string
    readonly subject: readonly SubjectAttribute[]
    readonly identityEvidenceId?: string
    readonly validitySeconds?: number
  }
  /** What the signer agreed to: its text, or the SHA-256 of it. */
  readonly intent: { readonly text: string } | { readonly sha256: string }
  readonly digests: readonly string[]
  readonly format?: 'cades' | 'pades'
  readonly level?: 'B-B' | 'B-T'
  readonly commitment?: NonNullable<EventSignatureRequest['commitment']>
}

/** An event of a request, with its JSON pointer there. */
export interface EventItem {
  readonly input: EventInput
  readonly at: string
}

const agreedOf = (intent: EventInput['intent']): Uint8Array =>
  fromHex('text' in intent ? sha256Hex(new TextEncoder().encode(intent.text)) : intent.sha256)

const wantedOf = ({ input: { signer } }: EventItem) => ({ ...signer, profile: signer.profile ?? 'event' })

type EvidenceOf = Awaited<ReturnType<typeof openEvidence>>

function requestOf(caller: Caller, item: EventItem, evidenceOf: EvidenceOf): EventSignatureRequest {
  const { intent, digests, format, level, commitment } = item.input
  const wanted = wantedOf(item)
  const { profile, subject, issuerId, validitySeconds } = wanted
  return {
    ...actorOf(caller),
    event: {
      profile,
      subject,
      identityEvidenceId: evidenceOf(wanted, `${item.at}/signer`),
      ...(issuerId === undefined ? {} : { issuerId }),
      ...(validitySeconds === undefined ? {} : { validitySeconds }),
    },
    contentsSha256: digests.map(fromHex),
    format: format ?? 'cades',
    withTimestamp: level !== 'B-B',
    agreedSha256: agreedOf(intent),
    ...(commitment === undefined ? {} : { commitment }),
  }
}

/**
 * Signs for many signers at once.
 *
 * @returns one outcome per input, in their order
 * @throws {CodedError} what concerns all of them
 */
async function signEvents(
  deps: ServiceDeps,
  caller: Caller,
  inputs: readonly EventItem[],
): Promise<(EventSignatures | CodedError)[]> {
  const evidenceOf = await openEvidence(deps, caller, inputs.map(wantedOf))
  const requests = inputs.map((item) => {
    try {
      return requestOf(caller, item, evidenceOf)
    } catch (error) {
      return refusalOf(error)
    }
  })
  const good = requests.filter(isDone)
  const outcomes = (good.length === 0 ? [] : await deps.ca.signEvents(good)).values()
  return requests.map((one) =>
    one instanceof CodedError
      ? one
      : (outcomes.next().value ?? new CodedError('KEY_UNAVAILABLE', 'nothing was signed')),
  )
}

/** Signers under way, some seconds of work: more are turned away at once, before anything is looked up for them. */
const MAX_UNDER_WAY = 4_000

/** The use case. It throws what concerns all items: STORE_UNAVAILABLE, CA_OVERLOADED. */
export function createSignEvents(deps: ServiceDeps) {
  let underWay = 0
  return async (caller: Caller, inputs: readonly EventItem[]): Promise<(EventSignatures | CodedError)[]> => {
    if (underWay > 0 && underWay + inputs.length > MAX_UNDER_WAY)
      throw new CodedError('CA_OVERLOADED', `more than ${MAX_UNDER_WAY} signers are under way; try again`)
    underWay += inputs.length
    try {
      return await signEvents(deps, caller, inputs)
    } finally {
      underWay -= inputs.length
    }
  }
}
