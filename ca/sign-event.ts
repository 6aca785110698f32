/**
 * Event signatures: for each signer a key made for the digests at hand, certified, used and destroyed.
 *
 * Two durable commits for all signers of a batch: the intents before any key is used, and everything that was done
 * after it, before anybody sees it. A crash in between leaves the intents, and with them serials that are spent and
 * keys that are gone.
 */
import { toHex } from './asn1/values.ts'
import { digest } from './algorithms/hashes.ts'
import type { Core } from './core.ts'
import { CodedError } from './errors.ts'
import type { Draft } from './drafts.ts'
import { type Certified, type CertifyInput, failureOf } from './event-signature.ts'
import { type Redeemed, redeemMany } from './issue.ts'
import type { ProviderKey } from './keys/provider.ts'
import type {
  EventSignatureRequest,
  EventSignatures,
  IssuanceToken,
  IssueRequest,
  RecordDraft,
} from './ports.ts'
import { prepareMany } from './prepare.ts'
import { getProfile } from './profiles.ts'
import {
  type Operation,
  codeOf,
  createdRecords,
  oneTimeKeyCreated,
  oneTimeKeyDestroyed,
  operationOf,
  outcome,
  signatureIntent,
  signatureRefused,
} from './signature-records.ts'
import type { TimestampAuthority } from './timestamp.ts'
import { monotonicNow } from './timestamp-token.ts'

/** As many as the records of one certificate hold (CPS 6.1). */
const MAX_DIGESTS = 100

type Stamps = Pick<TimestampAuthority, 'reserve' | 'passed'>

/** One event on its way. */
interface Event {
  readonly request: EventSignatureRequest
  readonly issueRequest: IssueRequest
  readonly key: ProviderKey
  readonly recordSalt: Uint8Array
  /** One per digest, in their order. */
  readonly operations: readonly Operation[]
}

/** An event whose certificate was signed, and how far its signatures got. */
interface Signing {
  readonly event: Event
  readonly redeemed: Redeemed
  readonly signatures: Certified['signatures']
}

/** An event that came to nothing before there was a certificate. */
interface Refused {
  readonly event: Event
  /** The serial that it took, if it took one. */
  readonly token: IssuanceToken | undefined
  readonly error: CodedError
}

/**
 * Signs for many signers at once.
 *
 * @returns one outcome per request, in their order; a refused one does not hold up the others
 * @throws {STORE_UNAVAILABLE} {CA_OVERLOADED} {CLOCK_WENT_BACK} when nobody got anything
 */
export async function signEvents(
  core: Core,
  authority: Stamps,
  requests: readonly EventSignatureRequest[],
): Promise<(EventSignatures | CodedError)[]> {
  const begun = requests.map((request) => begin(core, request))
  const events = begun.filter((one): one is Event => !(one instanceof CodedError))
  try {
    const overload = begun.find((one) => one instanceof CodedError && one.code === 'CA_OVERLOADED')
    if (overload instanceof CodedError) throw overload
    const outcomes = await signBegun(core, authority, events)
    return begun.map((one) =>
      one instanceof CodedError
        ? one
        : (outcomes.get(one) ?? new CodedError('KEY_UNAVAILABLE', 'nothing was signed')),
    )
  } finally {
    // Nothing survives this call, whichever way it ends.
    for (const { key } of events) core.oneTimeKeys.destroy(key.keyId)
  }
}

/** The digests in hexadecimal. @throws {INPUT_MALFORMED} {PROFILE_UNKNOWN} {PROFILE_VIOLATION} */
function checkAsked(core: Core, { event, contentsSha256 }: EventSignatureRequest): string[] {
  const digests = contentsSha256.map(toHex)
  if (contentsSha256.some(({ length }) => length !== 32))
    throw new CodedError('INPUT_MALFORMED', 'a digest is not 32 octets')
  if (digests.length === 0 || digests.length > MAX_DIGESTS || new Set(digests).size !== digests.length)
    throw new CodedError('INPUT_MALFORMED', `digests: 1 to ${MAX_DIGESTS}, each once`)
  if (getProfile(core.profiles, event.profile).class !== 'event')
    throw new CodedError('PROFILE_VIOLATION', 'profile: a one-time key needs an event profile (CPS 6.1)')
  return digests
}

function begin(core: Core, request: EventSignatureRequest): Event | CodedError {
  try {
    return eventOf(core, request)
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

function eventOf(core: Core, request: EventSignatureRequest): Event {
  const { actor, tenant, event } = request
  const digests = checkAsked(core, request)
  const key = core.oneTimeKeys.generate(tenant, digests)
  const recordSalt = core.ports.randomBytes(16)
  return {
    request,
    key,
    recordSalt,
    operations: digests.map((digestHex) => operationOf(core, request, key.keyId, digestHex)),
    issueRequest: {
      ...event,
      actor,
      tenant,
      key: { keyId: key.keyId },
      eventDigests: digests.map((digestHex) => ({ alg: 'SHA-256', digestHex })),
      recordSalt,
    },
  }
}

function intentRecords(core: Core, { request, key, recordSalt, operations }: Event): RecordDraft[] {
  const { agreedSha256 } = request
  const agreed = agreedSha256 ? { agreedHash: toHex(digest('SHA-256', recordSalt, agreedSha256)) } : {}
  return [
    oneTimeKeyCreated(core, request, key),
    ...operations.map((operation) => signatureIntent(core, operation, agreed)),
  ]
}

async function signBegun(
  core: Core,
  authority: Stamps,
  events: readonly Event[],
): Promise<Map<Event, EventSignatures | CodedError>> {
  if (events.length === 0) return new Map()
  const outcomes = await prepareMany(
    core,
    events.map(({ issueRequest }) => issueRequest),
    events.flatMap((event) => intentRecords(core, event)),
  )
  const refused: Refused[] = []
  const prepared: Prepared[] = []
  for (const [index, event] of events.entries()) {
    const token = outcomes[index]
    if (token === undefined || token instanceof CodedError)
      refused.push({ event, token: undefined, error: token ?? noToken() })
    else prepared.push({ event, token })
  }
  const { signed, failed } = await certifyAndSign(core, authority, prepared)
  return close(core, signed, [...refused, ...failed])
}

interface Prepared {
  readonly event: Event
  readonly token: IssuanceToken
}

/** Intents are open by now: whatever happens, they get their outcome. */
async function certifyAndSign(
  core: Core,
  authority: Stamps,
  prepared: readonly Prepared[],
): Promise<{ signed: Signing[]; failed: Refused[] }> {
  const made = new Map<string, Certified['signatures']>()
  const bySerial = new Map(prepared.map(({ event, token }) => [token.serialHex, event]))
  const tokens = prepared.map(({ token }) => token)
  const redeemed = await redeemMany(core, tokens, async (drafts) => {
    const inputs = await certifyInputs(core, authority, drafts, bySerial)
    const outcomes = await core.work.certified(core, inputs)
    return outcomes.map((outcome, index) => {
      if (outcome instanceof CodedError) return outcome
      made.set(drafts[index]?.serialHex ?? '', outcome.signatures)
      return outcome.signed
    })
  }).catch((error: unknown) => tokens.map(() => failureOf(error)))
  const signed: Signing[] = []
  const failed: Refused[] = []
  for (const [index, { event, token }] of prepared.entries()) {
    const one = redeemed[index] ?? noToken()
    if (one instanceof CodedError) failed.push({ event, token, error: one })
    else signed.push({ event, redeemed: one, signatures: made.get(token.serialHex) ?? noToken() })
  }
  tellTimes(authority, signed)
  return { signed, failed }
}

/** What the drafts of these events need to be signed and to sign; their keys leave their keeper here. */
async function certifyInputs(
  core: Core,
  authority: Stamps,
  drafts: readonly Draft[],
  bySerial: ReadonlyMap<string, Event>,
): Promise<CertifyInput[]> {
  const events = drafts.flatMap(({ serialHex }) => bySerial.get(serialHex) ?? [])
  const wanted = events.map(({ request: { withTimestamp, contentsSha256 } }) =>
    withTimestamp ? contentsSha256.length : 0,
  )
  const total = wanted.reduce((sum, count) => sum + count, 0)
  const slots = total === 0 ? [] : [...(await authority.reserve(total))]
  const slotsTakenAt = monotonicNow()
  const at = core.ports.now()
  return events.map(({ request, key }, index) => {
    const { contentsSha256, format, commitment } = request
    return {
      sign: drafts[index] as Draft,
      event: {
        key: core.oneTimeKeys.take(key.keyId),
        contents: contentsSha256.map((contentSha256) => ({ contentSha256, format, commitment })),
        at,
        slots: slots.splice(0, wanted[index]),
        slotsTakenAt,
      },
    }
  })
}

/** Tokens of the future come after the last of these. */
function tellTimes(authority: Stamps, signed: readonly Signing[]): void {
  for (const { signatures } of signed)
    if (!(signatures instanceof CodedError))
      for (const { token } of signatures) if (token) authority.passed(token.slot.genTimeMicros)
}

const noToken = (): CodedError => new CodedError('TOKEN_REJECTED', 'no token')

/** What was done, as records; the outcome that the caller gets is read off the ids that the store gives them. */
function doneRecords(core: Core, { event, redeemed, signatures }: Signing): RecordDraft[] {
  const { operations, request, key } = event
  if (signatures instanceof CodedError)
    return [
      ...redeemed.records,
      ...operations.map((operation) => signatureRefused(core, operation, signatures)),
      oneTimeKeyDestroyed(core, request, key.keyId, true),
    ]
  return [
    ...redeemed.records,
    ...operations.flatMap((operation, index) => {
      const made = signatures[index]
      return made
        ? createdRecords(core, operation, made.signatureValue, redeemed.certificate, made.token)
        : []
    }),
    oneTimeKeyDestroyed(core, request, key.keyId, true),
  ]
}

function refusedRecords(core: Core, { event, token, error }: Refused): RecordDraft[] {
  const { operations, request, key } = event
  const spent = token ? { serialHex: token.serialHex, issuerId: token.issuerId } : undefined
  return [
    ...(spent ? [outcome(core, request, 'certificate.refused', { ...spent, code: codeOf(error) })] : []),
    ...operations.map((operation) => signatureRefused(core, operation, error)),
    oneTimeKeyDestroyed(core, request, key.keyId, false),
  ]
}

/** The second commit. @throws {STORE_UNAVAILABLE} when nobody gets anything */
async function close(
  core: Core,
  signed: readonly Signing[],
  refused: readonly Refused[],
): Promise<Map<Event, EventSignatures | CodedError>> {
  const { store } = core.ports
  const closing = refused.flatMap((one) => refusedRecords(core, one))
  const outcomes = new Map<Event, EventSignatures | CodedError>(
    refused.map(({ event, error }) => [event, error]),
  )
  if (signed.length === 0) {
    // Where even that cannot be stored, the open intents tell of it.
    await store.record(closing).catch(() => undefined)
    return outcomes
  }
  const drafts = signed.map((one) => doneRecords(core, one))
  const ids = await store
    .recordIssued(
      signed.map(({ redeemed }) => redeemed.row),
      [...drafts.flat(), ...closing],
    )
    .catch(async (error: unknown) => {
      await closeUndelivered(core, signed, closing, error)
      throw error
    })
  let start = 0
  for (const [index, one] of signed.entries()) {
    const count = drafts[index]?.length ?? 0
    outcomes.set(one.event, deliver(one, ids.slice(start, start + count)))
    start += count
  }
  return outcomes
}

/**
 * Nobody gets the signatures of this batch. A certificate that was signed exists all the same: it is stored as issued,
 * where the store takes it now, so that no valid certificate is unknown to us.
 */
async function closeUndelivered(
  core: Core,
  signed: readonly Signing[],
  closing: readonly RecordDraft[],
  error: unknown,
): Promise<void> {
  const refusal = new CodedError(codeOf(error), 'the signatures could not be recorded')
  const records = signed.flatMap((one) => doneRecords(core, { ...one, signatures: refusal }))
  await core.ports.store
    .recordIssued(
      signed.map(({ redeemed }) => redeemed.row),
      [...records, ...closing],
    )
    .catch(() => undefined)
}

function deliver(
  { event, redeemed, signatures }: Signing,
  ids: readonly string[],
): EventSignatures | CodedError {
  if (signatures instanceof CodedError) return signatures
  const each = event.request.withTimestamp ? 2 : 1
  return {
    certificate: redeemed.certificate,
    signatures: signatures.map(({ cmsDer, signatureValue, signingTime, token }, index) => ({
      cmsDer,
      signatureValue,
      signingTime,
      recordId: ids[redeemed.records.length + each * index] ?? '',
      timestampedAt: token ? new Date(Number(token.slot.genTimeMicros / 1000n)) : null,
    })),
    recordSalt: event.recordSalt,
    issuedRecordId: ids[0] ?? '',
    destroyedRecordId: ids.at(-1) ?? '',
  }
}
