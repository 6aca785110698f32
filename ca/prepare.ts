/**
 * From a request to a one-time token, in this order: profile, limits, proof of possession, key checks,
 * serial, TBSCertificate, lint under a throw-away key, durable intent, token.
 *
 * Nothing signs before the intents of the batch are durable; whatever fails leaves a record.
 */
import { hash } from 'node:crypto'
import { toHex } from './asn1/values.ts'
import { bitString, concat, sequence } from './asn1/writer.ts'
import { type IssuingCore, type Issuer, getIssuer, shardOf } from './core.ts'
import { CodedError } from './errors.ts'
import { checkIssuerStands } from './issuer-status.ts'
import { readAndLint } from './lint/index.ts'
import { lintContext } from './lint-context.ts'
import type { IntentRow, IssuanceToken, IssueRequest, Json, RecordDraft } from './ports.ts'
import { type Profile, getProfile } from './profiles.ts'
import {
  checkEventDigests,
  checkEvidence,
  checkedAltNames,
  checkedSubject,
  checkedValidity,
} from './request-checks.ts'
import { subjectKeyIdentifierFor } from './template.ts'
import { type PreparedIssuance, makeToken } from './token.ts'
import type { Certificate } from './x509/certificate.ts'
import { checkKeyUse, subjectKeyOf } from './subject-key.ts'

const sha256Hex = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex')

/** Instance octet and 120 random bits (RFC 5280 §4.1.2.2; BR §7.1 asks for 64). */
export const makeSerial = (instanceByte: number, randomBytes: (count: number) => Uint8Array): Uint8Array =>
  concat(Uint8Array.of(instanceByte), randomBytes(15))

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
  const [first] = [...core.issuers.values()].filter((issuer) => issuer.role === role)
  if (!first) throw new CodedError('ISSUER_UNKNOWN', `there is no CA that signs profile ${profile.name}`)
  return first
}

/** notBefore is dated back by what the profile allows, but not to before its issuer; notAfter is the last second that counts. */
function validityOf(
  profile: Profile,
  issuer: Issuer,
  seconds: number,
  now: Date,
): { notBefore: Date; notAfter: Date } {
  const second = Math.floor(now.getTime() / 1000) * 1000
  const start = Math.max(
    second - profile.validity.backdateSeconds.value * 1000,
    issuer.certificate.notBefore.getTime(),
  )
  const notAfter = new Date(start + (seconds - 1) * 1000)
  if (notAfter > issuer.certificate.notAfter)
    throw new CodedError(
      'PROFILE_VIOLATION',
      'validitySeconds: certificate would outlive its issuer (RFC 5280 §6.1.3)',
    )
  return { notBefore: new Date(start), notAfter }
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

async function draft(core: IssuingCore, request: IssueRequest, mine: Set<string>): Promise<PreparedIssuance> {
  const now = core.ports.now()
  const profile = getProfile(core.profiles, request.profile)
  const issuer = issuerFor(core, profile, request)
  await checkIssuerStands(core, issuer)
  const seconds = checkedValidity(profile, request)
  const subjectDer = checkedSubject(profile, request)
  const subjectAltName = checkedAltNames(profile, request)
  checkEvidence(profile, request)
  checkEventDigests(profile, request)
  const key = subjectKeyOf(core, profile, request)
  const spkiSha256 = sha256Hex(key.spkiDer)
  claimKey(core, profile, spkiSha256, mine)
  await checkKeyUse(core, profile, spkiSha256)
  const { notBefore, notAfter } = validityOf(profile, issuer, seconds, now)
  const serial = makeSerial(core.instanceByte, core.ports.randomBytes)
  const serialHex = toHex(serial)
  const shard = shardOf(serialHex, issuer.shards)
  const tbsDer = core.template(
    profile,
    issuer,
  )({
    serial,
    notBefore,
    notAfter,
    subjectDer,
    spkiDer: key.spkiDer,
    subjectKeyIdentifier: subjectKeyIdentifierFor(key.keyBits),
    shard,
    ...(subjectAltName ? { subjectAltName } : {}),
  })
  const { subject } = lint(core, profile, issuer, tbsDer, now)
  const intent: IntentRow = {
    actor: request.actor,
    tenant: request.tenant,
    issuerId: issuer.issuerId,
    serialHex,
    profile: profile.name,
    class: profile.class,
    tbsSha256: sha256Hex(tbsDer),
    spkiSha256,
    shard,
    at: now,
  }
  const { sha256: profileSha256 } = profile
  return {
    intent,
    request,
    profileSha256,
    tbsDer,
    spkiDer: key.spkiDer,
    notBefore,
    notAfter,
    subjectDer,
    subject,
    keyId: key.keyId,
  }
}

/**
 * Lints a TBSCertificate under a throw-away signature.
 *
 * @returns it as read: the bytes that will be signed, not what was meant to be in them
 * @throws {LINT_FAILED} with the findings: rule, clause and message, no personal data
 */
function lint(
  core: IssuingCore,
  profile: Profile,
  issuer: Issuer,
  tbsDer: Uint8Array,
  now: Date,
): Certificate {
  const { signatureAlgorithm } = issuer
  const signature = core.throwAway.signature(signatureAlgorithm)
  const { findings, certificate } = readAndLint(
    sequence(tbsDer, signatureAlgorithm.identifierDer, bitString(signature)),
    lintContext(core, profile, issuer, now),
  )
  const [first] = findings
  if (first || !certificate)
    throw new CodedError(
      'LINT_FAILED',
      first
        ? `certificate would break ${first.rule}: ${first.message} (${first.source})`
        : 'certificate cannot be read',
      {
        extra: { findings },
      },
    )
  return certificate
}

/** The record of an intent: written in the transaction that takes the serial. */
export function intentRecord({ intent, profileSha256 }: PreparedIssuance): RecordDraft {
  const { serialHex, issuerId, profile, tbsSha256 } = intent
  return {
    type: 'certificate.intent',
    at: intent.at,
    actor: intent.actor,
    tenant: intent.tenant,
    data: { serialHex, issuerId, profile, profileSha256, tbsSha256 },
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

/** Requests whose look-ups run together; after them other work of the process gets its turn. */
const TURN = 32

/** The draft or the refusal of one request. @throws {STORE_UNAVAILABLE} {CLOCK_WENT_BACK} which concern all */
async function draftOrRefuse(
  core: IssuingCore,
  request: IssueRequest,
  mine: Set<string>,
): Promise<PreparedIssuance | CodedError> {
  try {
    return await draft(core, request, mine)
  } catch (error) {
    if (
      !(error instanceof CodedError) ||
      error.code === 'STORE_UNAVAILABLE' ||
      error.code === 'CLOCK_WENT_BACK'
    )
      throw error
    return error
  }
}

async function draftAll(
  core: IssuingCore,
  requests: readonly IssueRequest[],
  mine: Set<string>,
): Promise<(PreparedIssuance | CodedError)[]> {
  const outcomes: (PreparedIssuance | CodedError)[] = []
  for (let start = 0; start < requests.length; start += TURN) {
    if (start > 0) await new Promise(setImmediate)
    const turn = requests.slice(start, start + TURN)
    outcomes.push(...(await Promise.all(turn.map((request) => draftOrRefuse(core, request, mine)))))
  }
  return outcomes
}

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
  const outcomes = await draftAll(core, requests, mine)
  const drafts = outcomes.filter((outcome): outcome is PreparedIssuance => !(outcome instanceof CodedError))
  const records = outcomes.flatMap((outcome, index) => {
    const request = requests[index]
    if (!(outcome instanceof CodedError)) return [intentRecord(outcome)]
    return request ? [refusalRecord(core, request, outcome)] : []
  })
  const all = [...records, ...alongside]
  if (drafts.length > 0)
    await core.ports.store.recordIntents(
      drafts.map((one) => one.intent),
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
