/**
 * From a request to a one-time token, in this order: profile, issuer, serial; then, on whichever thread, limits, proof
 * of possession, key checks, TBSCertificate and lint; then what the store knows of the key, durable intent, token.
 *
 * Nothing signs before the intents of the batch are durable; whatever fails leaves a record.
 */
import { concat } from './asn1/writer.ts'
import { type IssuingCore, type Issuer, getIssuer } from './core.ts'
import type { Draft, DraftInput } from './drafts.ts'
import { CodedError, isDone } from './errors.ts'
import { refuseRevokedIssuers } from './issuer-status.ts'
import type { CertificateStatus, IntentRow, IssuanceToken, IssueRequest, Json, RecordDraft } from './ports.ts'
import { type Profile, getProfile } from './profiles.ts'
import { type PreparedIssuance, makeToken } from './token.ts'

const SERIAL_RANDOM_OCTETS = 11

/**
 * Instance octet, second of issuance since 1970 and 88 random bits (RFC 5280 §4.1.2.2; BR §7.1 asks for 64). Serials
 * of one month stand side by side in every index, and two of different seconds can never be the same.
 */
export function makeSerial(
  instanceByte: number,
  at: Date,
  randomBytes: (count: number) => Uint8Array,
): Uint8Array {
  const head = new Uint8Array(5)
  head[0] = instanceByte
  new DataView(head.buffer).setUint32(1, Math.floor(at.getTime() / 1000))
  return concat(head, randomBytes(SERIAL_RANDOM_OCTETS))
}

/** The CA that signs a profile: the one asked for, or the first of its kind. */
function issuerFor(core: IssuingCore, profile: Profile, request: IssueRequest): Issuer {
  const role = profile.issuedBy.value
  if (request.issuerId !== undefined) {
    const issuer = getIssuer(core, request.issuerId)
    if (issuer.role !== role)
      throw new CodedError(
        'PROFILE_VIOLATION',
        `issuerId: profile ${profile.name} is not signed by this CA (${profile.issuedBy.source})`,
      )
    return issuer
  }
  for (const issuer of core.issuers.values()) if (issuer.role === role) return issuer
  throw new CodedError('ISSUER_UNKNOWN', `there is no CA that signs profile ${profile.name}`)
}

/** The key of another business looks like one that is not there. @throws {KEY_NOT_FOUND} */
function heldSpki(core: IssuingCore, { key, tenant }: IssueRequest): Uint8Array | null {
  if (!('keyId' in key)) return null
  const provider = core.oneTimeKeys.has(key.keyId) ? core.oneTimeKeys : core.keys
  const info = provider.publicKey(key.keyId)
  if (info.tenant !== tenant) throw new CodedError('KEY_NOT_FOUND', 'key is not there')
  return info.spkiDer
}

function inputOf(core: IssuingCore, request: IssueRequest, at: Date): DraftInput {
  const issuer = issuerFor(core, getProfile(core.profiles, request.profile), request)
  return {
    request,
    issuerId: issuer.issuerId,
    heldSpkiDer: heldSpki(core, request),
    serial: makeSerial(core.instanceByte, at, core.ports.randomBytes),
    at,
  }
}

/** Inputs of a batch; those of a CA that its root revoked are refused. */
async function inputsOf(
  core: IssuingCore,
  requests: readonly IssueRequest[],
): Promise<(DraftInput | CodedError)[]> {
  const at = core.ports.now()
  const inputs = requests.map((request) => orRefusal(() => inputOf(core, request, at)))
  return refuseRevokedIssuers(core, inputs, ({ issuerId }) => issuerId, refusalOf)
}

/** Keys between the look at what they have already and the durable intent, by the store that has the intents. */
const keysUnderWay = new WeakMap<IssuingCore['ports']['store'], Set<string>>()

function underWay({ ports: { store } }: IssuingCore): Set<string> {
  const keys = keysUnderWay.get(store) ?? new Set()
  keysUnderWay.set(store, keys)
  return keys
}

/**
 * Takes a key that may have one certificate only, until the intents of this batch are durable: the store cannot show
 * a request that came at the same moment.
 *
 * @param mine what this batch has taken
 */
function claimKey(core: IssuingCore, profile: Profile, spkiSha256: string, mine: Set<string>): void {
  if (!profile.keys.unique.value) return
  if (mine.has(spkiSha256)) throw new CodedError('PROFILE_VIOLATION', 'key: it occurs twice in one batch')
  const keys = underWay(core)
  if (keys.has(spkiSha256))
    throw new CodedError('PROFILE_VIOLATION', 'key: another request for it is under way')
  keys.add(spkiSha256)
  mine.add(spkiSha256)
}

/** What the store knows of the keys of a batch. */
interface KeyHistory {
  readonly blocked: ReadonlySet<string>
  readonly live: ReadonlyMap<string, readonly CertificateStatus[]>
}

/** Asked for after the keys were claimed: what came before is in the store, what comes later waits. */
async function historyOf(
  { ports: { store } }: IssuingCore,
  claimed: readonly ClaimedDraft[],
): Promise<KeyHistory> {
  const spkis = claimed.map(({ draft }) => draft.spkiSha256)
  const unique = claimed
    .filter(({ profile }) => profile.keys.unique.value)
    .map(({ draft }) => draft.spkiSha256)
  const [blocked, live] = await Promise.all([
    store.findBlockedKeys(spkis),
    unique.length > 0 ? store.certificatesWithKeys(unique) : new Map<string, readonly CertificateStatus[]>(),
  ])
  return { blocked, live }
}

/**
 * Refuses a key for what was done with it before.
 *
 * @throws {KEY_BLOCKED} {PROFILE_VIOLATION} when the key has a live certificate and the profile wants it unique
 */
function checkKeyHistory(profile: Profile, spkiSha256: string, history: KeyHistory): void {
  if (history.blocked.has(spkiSha256))
    throw new CodedError(
      'KEY_BLOCKED',
      'key: it was reported compromised and is blocked for ever (RFC 5280 §5.3.1)',
    )
  const live = history.live.get(spkiSha256) ?? []
  // Check 19: its certificate may have been signed just before a crash, though nobody got it.
  if (live.length > 0 && live.every(({ state }) => state === 'intent'))
    throw new CodedError(
      'PROFILE_VIOLATION',
      `key: a serial was taken for it and its certificate was not stored; ask again with a new key (${profile.keys.unique.source})`,
      { extra: { pointer: '#/csr', rule: 'key-lost' } },
    )
  if (live.length > 0)
    throw new CodedError(
      'PROFILE_VIOLATION',
      `key: it has a live certificate already (${profile.keys.unique.source})`,
      { extra: { keyInUse: spkiSha256 } },
    )
}

const intentOf = ({ actor, tenant }: IssueRequest, at: Date, draft: Draft): IntentRow => ({
  actor,
  tenant,
  issuerId: draft.issuerId,
  serialHex: draft.serialHex,
  profile: draft.profile,
  class: draft.class,
  tbsSha256: draft.tbsSha256,
  spkiSha256: draft.spkiSha256,
  shard: draft.shard,
  at,
})

/** A draft whose key nobody else gets meanwhile. */
interface ClaimedDraft {
  readonly input: DraftInput
  readonly request: IssueRequest
  readonly draft: Draft
  readonly profile: Profile
}

function claim(
  core: IssuingCore,
  input: DraftInput,
  request: IssueRequest,
  draft: Draft,
  mine: Set<string>,
): ClaimedDraft {
  const profile = getProfile(core.profiles, draft.profile)
  claimKey(core, profile, draft.spkiSha256, mine)
  return { input, request, draft, profile }
}

function admit({ input, request, draft, profile }: ClaimedDraft, history: KeyHistory): PreparedIssuance {
  checkKeyHistory(profile, draft.spkiSha256, history)
  const keyId = 'keyId' in request.key ? request.key.keyId : null
  return { intent: intentOf(request, input.at, draft), request, draft, keyId }
}

/** The record of an intent: written in the transaction that takes the serial. */
export function intentRecord({ intent, draft }: PreparedIssuance): RecordDraft {
  const { serialHex, issuerId, profile, tbsSha256 } = intent
  return {
    type: 'certificate.intent',
    at: intent.at,
    actor: intent.actor,
    tenant: intent.tenant,
    data: { serialHex, issuerId, profile, profileSha256: draft.profileSha256, tbsSha256 },
  }
}

/** Only names of our own go into the record: what a stranger typed could be anything. */
function refusalRecord(core: IssuingCore, request: IssueRequest, error: CodedError): RecordDraft {
  const data: Record<string, Json> = {
    profile: core.profiles.has(request.profile) ? request.profile : null,
    issuerId: request.issuerId !== undefined && core.issuers.has(request.issuerId) ? request.issuerId : null,
    code: error.code,
  }
  return {
    type: 'certificate.refused',
    at: core.ports.now(),
    actor: request.actor,
    tenant: request.tenant,
    data,
  }
}

/** Concern all requests of a batch, not the one that met them first. */
const CONCERNS_ALL = new Set(['STORE_UNAVAILABLE', 'CLOCK_WENT_BACK'])

/** The refusal of one request. @throws what concerns all */
function refusalOf(error: unknown): CodedError {
  if (!(error instanceof CodedError) || CONCERNS_ALL.has(error.code)) throw error
  return error
}

/** What one request comes to. @throws what concerns all */
function orRefusal<T>(work: () => T): T | CodedError {
  try {
    return work()
  } catch (error) {
    return refusalOf(error)
  }
}

async function prepareAll(
  core: IssuingCore,
  requests: readonly IssueRequest[],
  mine: Set<string>,
): Promise<(PreparedIssuance | CodedError)[]> {
  const inputs = await inputsOf(core, requests)
  const sound = inputs.filter(isDone)
  const drafts = (await core.work.drafts(core, sound)).values()
  const claimed = requests.map((request, index) => {
    const input = inputs[index] ?? noOutcome()
    if (input instanceof CodedError) return input
    const draft = drafts.next().value ?? noOutcome()
    return draft instanceof CodedError ? draft : orRefusal(() => claim(core, input, request, draft, mine))
  })
  const history = await historyOf(core, claimed.filter(isDone))
  return claimed.map((one) => (one instanceof CodedError ? one : orRefusal(() => admit(one, history))))
}

const noOutcome = (): CodedError => new CodedError('KEY_UNAVAILABLE', 'nothing was drafted')

/**
 * Prepares many certificates with one durable commit.
 *
 * @param alongside records to write in the same transaction (an intent to sign a document with it)
 * @returns one outcome per request, in their order
 * @throws {SERIAL_COLLISION} {STORE_UNAVAILABLE} {CLOCK_WENT_BACK} when nothing was recorded
 */
export async function prepareMany(
  core: IssuingCore,
  requests: readonly IssueRequest[],
  alongside: readonly RecordDraft[] = [],
): Promise<(IssuanceToken | CodedError)[]> {
  const mine = new Set<string>()
  try {
    return await prepareClaimed(core, requests, alongside, mine)
  } finally {
    for (const key of mine) underWay(core).delete(key)
  }
}

async function prepareClaimed(
  core: IssuingCore,
  requests: readonly IssueRequest[],
  alongside: readonly RecordDraft[],
  mine: Set<string>,
): Promise<(IssuanceToken | CodedError)[]> {
  const outcomes = await prepareAll(core, requests, mine)
  const prepared = outcomes.filter(isDone)
  const records = outcomes.flatMap((outcome, index) => {
    const request = requests[index]
    if (!(outcome instanceof CodedError)) return [intentRecord(outcome)]
    return request ? [refusalRecord(core, request, outcome)] : []
  })
  const all = [...records, ...alongside]
  if (prepared.length > 0)
    await core.ports.store.recordIntents(
      prepared.map((one) => one.intent),
      all,
    )
  else if (all.length > 0) await core.ports.store.record(all)
  return outcomes.map((outcome) => (outcome instanceof CodedError ? outcome : makeToken(outcome)))
}

/**
 * Prepares one certificate.
 *
 * @throws {PROFILE_UNKNOWN} {PROFILE_VIOLATION} {CSR_PROOF_OF_POSSESSION} {KEY_WEAK} {KEY_BLOCKED} {LINT_FAILED} and others
 */
export async function prepare(core: IssuingCore, request: IssueRequest): Promise<IssuanceToken> {
  const [outcome] = await prepareMany(core, [request])
  if (outcome === undefined || outcome instanceof CodedError)
    throw outcome ?? new CodedError('INPUT_MALFORMED', 'no request')
  return outcome
}
