/**
 * The time-stamping authority (RFC 3161, EN 319 421): a token says that a digest existed at an instant.
 *
 * One record per token, `timestamp.issued`, durable before the key is touched: it holds the hash of the very
 * TSTInfo that is signed next, so it is intent and outcome at once. A crash in between leaves a record of a
 * token that nobody has, which is harmless; a token without its record cannot be. A token over a signature of this
 * house has its intent in that of the signature, and is recorded with it (`reserve`).
 *
 * genTime grows strictly within one instance (microseconds below the clock's milliseconds, far inside the
 * stated accuracy). `ordering` stays FALSE: several instances may share the key, and their clocks differ.
 */
import { type HashName, digest, getHash } from './algorithms/hashes.ts'
import { toHex } from './asn1/values.ts'
import { concat } from './asn1/writer.ts'
import { type Core, getIssuer } from './core.ts'
import { CodedError, isCoded } from './errors.ts'
import { checkIssuerStands } from './issuer-status.ts'
import { joinCalls } from './joined.ts'
import type { Actor, Json, RecordDraft } from './ports.ts'
import { stamperOf } from './stamper.ts'
import { type Stamped, type TokenSlot, TSA_ACCURACY_MS, buildTstInfo } from './timestamp-token.ts'
import { certificatePoliciesOf } from './x509/extensions.ts'
import { type PkiFailure, type TimeStampRequest, parseTimeStampRequest } from './x509/tsp.ts'
import { encodeTimeStampRefusal, encodeTimeStampResponse } from './x509/tsp-writer.ts'

/** Hashes that are stamped: none that is broken or about to be (EN 319 422 §5.1.2, TS 119 312). */
const ACCEPTED: ReadonlySet<HashName> = new Set([
  'SHA-256',
  'SHA-384',
  'SHA-512',
  'SHA3-256',
  'SHA3-384',
  'SHA3-512',
])

/** The open authority. */
export interface TimestampAuthority {
  /** TimeStampReq in, TimeStampResp out; refusals are answers too. */
  respond(requestDer: Uint8Array): Promise<Uint8Array>
  /** Policy under which tokens are made. */
  readonly policy: string
  /**
   * Places for tokens over signatures that this house makes; an intent that names the key of the TSA is durable.
   *
   * @throws {ISSUER_REVOKED} {CLOCK_WENT_BACK} {KEY_UNAVAILABLE} {STORE_UNAVAILABLE}
   */
  reserve(count: number): Promise<readonly TokenSlot[]>
  /** Tells the genTime of tokens that were made in reserved places, microseconds: later ones come after it. */
  passed(micros: bigint): void
}

interface State {
  readonly core: Core
  readonly policy: string
  /** Microseconds of the newest token; before the first one, what the records say. */
  lastMicros: bigint | undefined
}

/** Groups of requests: each has one commit, and they do not wait for each other. */
const JOINED = { atMost: 256, underWay: 16, waiting: 20_000, overloaded: 'CA_OVERLOADED' } as const

/** Opens the TSA of the core. @throws {CEREMONY_INVALID} when its certificate names no policy */
export function openTimestampAuthority(core: Core): TimestampAuthority {
  const policy = certificatePoliciesOf(core.tsa.certificate)?.[0]?.policy
  if (policy === undefined)
    throw new CodedError('CEREMONY_INVALID', 'certificate of the TSA names no certificate policy')
  const state: State = { core, policy, lastMicros: undefined }
  const makeToken = joinCalls((requests: readonly TimeStampRequest[]) => makeTokens(state, requests), JOINED)
  return {
    respond: (requestDer) => respond(state, makeToken, requestDer),
    policy,
    reserve: (count) => takeSlots(state, state.core, count),
    passed(micros) {
      if (state.lastMicros === undefined || micros > state.lastMicros) state.lastMicros = micros
    },
  }
}

/**
 * The record of a token. It holds the hash of TSTInfo, not the imprint: the log says that we stamped, not what
 * (design decision 6).
 *
 * @param core whose TSA stamps
 * @param more what ties it to an intent
 */
export const tokenRecord = (
  core: Pick<Core, 'tsa'>,
  by: Actor,
  slot: TokenSlot,
  hashAlg: string | null,
  tstInfo: Uint8Array,
  more: Readonly<Record<string, Json>> = {},
): RecordDraft => {
  const at = new Date(Number(slot.genTimeMicros / 1000n))
  return {
    type: 'timestamp.issued',
    at,
    actor: by.actor,
    tenant: by.tenant,
    data: {
      serialHex: toHex(slot.serial),
      keyId: core.tsa.keyId,
      policy: slot.policy,
      genTime: at.toISOString(),
      hashAlg,
      tstInfoSha256: toHex(digest('SHA-256', tstInfo)),
      ...more,
    },
  }
}

async function respond(
  state: State,
  makeToken: (request: TimeStampRequest) => Promise<Stamped | CodedError>,
  requestDer: Uint8Array,
): Promise<Uint8Array> {
  try {
    const request = parse(requestDer)
    checkRequest(state, request)
    const made = await makeToken(request)
    if (made instanceof CodedError) throw made
    return encodeTimeStampResponse(made.tokenDer)
  } catch (error) {
    if (!isCoded(error)) throw error
    const failure = error.extra['pkiFailure'] as PkiFailure | undefined
    if (failure !== undefined) return encodeTimeStampRefusal(failure, error.message)
    if (error.code === 'CLOCK_WENT_BACK')
      return encodeTimeStampRefusal('timeNotAvailable', 'the clock went back')
    // The store or the key failed: no token, and the client may try again.
    return encodeTimeStampRefusal('systemFailure', 'the time stamp could not be made')
  }
}

/** Refuses with a PKIFailureInfo bit. */
function refuse(pkiFailure: PkiFailure, text: string): never {
  throw new CodedError('INPUT_MALFORMED', text, { extra: { pkiFailure } })
}

function parse(requestDer: Uint8Array): TimeStampRequest {
  try {
    return parseTimeStampRequest(requestDer)
  } catch (error) {
    if (isCoded(error)) return refuse('badDataFormat', 'request is not a TimeStampReq')
    throw error
  }
}

function checkRequest(state: State, request: TimeStampRequest): void {
  const { hash, digest: imprint } = request.messageImprint
  if (request.version !== 1) refuse('badRequest', 'version is not 1')
  if (hash === undefined || !ACCEPTED.has(hash)) refuse('badAlg', 'hash algorithm is not accepted')
  if (imprint.length !== getHash(hash).size)
    refuse('badDataFormat', 'digest has another length than its algorithm')
  if (request.policy !== undefined && request.policy !== state.policy)
    refuse('unacceptedPolicy', 'policy is not offered')
  // RFC 3161 §2.4.1: whatever we do not understand is refused, critical or not.
  if (request.extensions.size > 0) refuse('unacceptedExtension', 'extensions are not supported')
}

/** Before the first token the records say what came last. */
async function learnLast(state: State): Promise<void> {
  if (state.lastMicros !== undefined) return
  const recorded = await state.core.ports.store.lastRecordTime()
  // Another may have asked at the same time, and stamped since.
  state.lastMicros ??= BigInt(recorded?.getTime() ?? 0) * 1000n
}

/** The next instants, ascending. @throws {CLOCK_WENT_BACK} when the clock is behind what was stamped or recorded */
function instantsAfter(last: bigint, now: Date, count: number): bigint[] {
  const byClock = BigInt(now.getTime()) * 1000n
  let newest = last
  return Array.from({ length: count }, () => {
    // Up to its accuracy a token may be ahead of a clock that stands still; beyond that it would lie.
    if (byClock < newest - BigInt(TSA_ACCURACY_MS) * 1000n)
      throw new CodedError('CLOCK_WENT_BACK', 'the clock is behind the last time stamp')
    newest = byClock > newest ? byClock : newest + 1n
    return newest
  })
}

/** Instance, time and randomness: unique without asking anyone, and ascending within an instance. */
function serialOf(state: State, micros: bigint): Uint8Array {
  const time = new Uint8Array(8)
  new DataView(time.buffer).setBigUint64(0, micros)
  return concat(Uint8Array.of(state.core.instanceByte), time, state.core.ports.randomBytes(8))
}

/** Takes the next places. @throws {ISSUER_REVOKED} {CLOCK_WENT_BACK} {KEY_UNAVAILABLE} {STORE_UNAVAILABLE} */
async function takeSlots(state: State, { tsa, ...core }: Core, count: number): Promise<TokenSlot[]> {
  await checkIssuerStands(core, getIssuer(core, tsa.issuerId))
  await learnLast(state)
  const now = core.ports.now()
  // Read and moved on in one step: no other call gets the same instants.
  const last = state.lastMicros ?? 0n
  const instants = instantsAfter(last, now, count)
  state.lastMicros = instants.at(-1) ?? last
  const { notBefore, notAfter } = tsa.certificate
  if (now < notBefore || now > notAfter)
    throw new CodedError('KEY_UNAVAILABLE', 'certificate of the TSA is not valid now')
  return instants.map((micros) => ({
    policy: state.policy,
    serial: serialOf(state, micros),
    genTimeMicros: micros,
  }))
}

/** Tokens for requests that came together: one durable commit of their records, then the signatures. */
async function makeTokens(
  state: State,
  requests: readonly TimeStampRequest[],
): Promise<(Stamped | CodedError)[]> {
  // With the TSA of now from beginning to end: the record names its key.
  const core = { ...state.core }
  const stamper = stamperOf(core)
  const by = { actor: 'system', tenant: null }
  const slots = await takeSlots(state, core, requests.length)
  const drafts = requests.map(({ messageImprint, nonce, certReq }, index) => {
    const slot = slots[index] as TokenSlot
    const tstInfo = buildTstInfo(stamper, slot, { messageImprintRaw: messageImprint.raw, nonce })
    return { tstInfo, certReq, record: tokenRecord(core, by, slot, messageImprint.hash ?? null, tstInfo) }
  })
  await core.ports.store.record(drafts.map(({ record }) => record))
  return core.work.stamped(core, drafts)
}
