/**
 * Builds, explains, signs and publishes the next CRL of a scope: an issuer's full list, or one shard of it.
 *
 * Nothing is published that the status database does not explain: a list that lost an entry would make a
 * revoked certificate good again for everyone at once (boulder#6456).
 */
import { sha256Hex, startHash } from './algorithms/hashes.ts'
import { startVerification } from './algorithms/signatures.ts'
import { type Issuer, type IssuingCore, getIssuer, signAsIssuer } from './core.ts'
import { findUnexplained, floorToSecond } from './crl-explain.ts'
import { differencesOf, recordManyChanges, storeCrlParts } from './crl-parts.ts'
import { CodedError, isCoded } from './errors.ts'
import { type StreamedMessage, startMessage } from './keys/sign.ts'
import type { CrlRow, CrlScope, Json, RecordDraft } from './ports.ts'
import { fillUrl } from './template.ts'
import { type CrlContent, type CrlPart, collect, releaseOctets, streamCrlParts } from './x509/crl-content.ts'
import { type CrlFrame, type CrlTemplate, buildCrlFrame, buildTbsFrame } from './x509/crl-writer.ts'

/** Seven days: a week-end and two working days to repair a publisher before lists expire; at most ten (check 26). */
const CRL_VALIDITY_MS = 7 * 24 * 3600_000

interface Draft {
  readonly scope: CrlScope
  readonly issuer: Issuer
  readonly last: CrlRow | undefined
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly entryCount: number
  readonly parts: readonly CrlPart[]
  /** TBSCertList around the parts. */
  readonly tbs: CrlFrame
  /** Null for all entries of a first list. */
  readonly added: readonly string[] | null
  readonly removed: readonly string[]
  readonly unexplained: readonly string[]
}

/**
 * Publishes the next CRL of a scope.
 *
 * @param validityMs from thisUpdate to nextUpdate, at most to the end of the issuer
 * @throws {ISSUER_UNKNOWN} for an issuer or shard that does not exist
 * @throws {CLOCK_WENT_BACK} when now lies before the last list
 * @throws {CRL_UNEXPLAINED_CHANGE} when entries came or went without a status change or expiry; nothing is published
 * @throws {REVOCATION_CONFLICT} when another process published first; nothing is lost, its list is newer
 * @throws {KEY_UNAVAILABLE} {ISSUANCE_MISMATCH} {STORE_UNAVAILABLE}
 */
export async function publishCrl(
  core: IssuingCore,
  scope: CrlScope,
  validityMs = CRL_VALIDITY_MS,
): Promise<CrlRow> {
  const issuer = getIssuer(core, scope.issuerId)
  if (
    scope.shard !== null &&
    !(Number.isInteger(scope.shard) && scope.shard >= 0 && scope.shard < issuer.shards)
  )
    throw new CodedError('ISSUER_UNKNOWN', 'issuer has no such CRL shard')
  let draft = await draftCrl(core, issuer, scope, validityMs)
  // A status may change between reading the entries and explaining them: the second reading sees it whole.
  if (draft.unexplained.length > 0) draft = await draftCrl(core, issuer, scope, validityMs)
  if (draft.unexplained.length > 0) await refuse(core, draft)
  const { message, tbsSha256 } = await readMessage(core, draft)
  await core.ports.store.record([record(core, 'crl.intent', intentData(draft, tbsSha256))])
  try {
    return await signAndPublish(core, draft, message)
  } catch (error) {
    // Every intent has an outcome; where even that cannot be stored, the open intent tells of it.
    const code = isCoded(error) ? error.code : 'KEY_UNAVAILABLE'
    const closing = record(core, 'crl.refused', { ...scopeData(draft), code })
    await core.ports.store.record([closing]).catch(() => undefined)
    throw error
  }
}

async function signAndPublish(core: IssuingCore, draft: Draft, message: StreamedMessage): Promise<CrlRow> {
  const content = await sign(core, draft, message)
  const row: CrlRow = {
    issuerId: draft.scope.issuerId,
    shard: draft.scope.shard,
    number: String(draft.number),
    thisUpdate: draft.thisUpdate,
    nextUpdate: draft.nextUpdate,
    entryCount: draft.entryCount,
    content,
  }
  const changes = await recordManyChanges(core.ports.store, draft, (data) =>
    record(core, 'crl.changes', { ...scopeData(draft), ...data }),
  )
  const closing = record(core, 'crl.published', { ...scopeData(draft), ...changes, ...closingData(row) })
  await core.ports.store.publishCrl(row, draft.last?.number ?? null, [closing])
  return row
}

async function draftCrl(
  core: IssuingCore,
  issuer: Issuer,
  scope: CrlScope,
  validityMs: number,
): Promise<Draft> {
  const { store, now } = core.ports
  const last = await store.lastCrl(scope)
  const at = now()
  if (last && at < last.thisUpdate)
    throw new CodedError('CLOCK_WENT_BACK', 'clock is behind the last CRL of this scope')
  const thisUpdate = floorToSecond(at)
  const { parts, entryCount, byteLength } = await storeCrlParts(store, store.crlEntries(scope, at), last, at)
  // A first list has nothing before it: all of it is new, and nothing is to be explained.
  const differences = last ? await collect(differencesOf(store, last, parts)) : []
  const nextUpdate = new Date(
    Math.min(thisUpdate.getTime() + validityMs, issuer.certificate.notAfter.getTime()),
  )
  const number = nextNumber(last, at)
  const fields = { number, thisUpdate, nextUpdate }
  return {
    ...{ scope, issuer, last, ...fields, entryCount, parts },
    tbs: buildTbsFrame(templateOf(core, issuer, scope), fields, byteLength),
    added: last ? differences.filter((d) => !d.before).map((d) => d.serialHex) : null,
    removed: differences.filter((d) => !d.after).map((d) => d.serialHex),
    unexplained: last ? await findUnexplained(core, scope, last, differences) : [],
  }
}

/**
 * The message to sign, out of the store: what is signed is what will be served.
 *
 * @throws {STORE_UNAVAILABLE} when a part is not what was written
 */
async function readMessage(
  { ports: { store } }: IssuingCore,
  { issuer, parts, tbs }: Draft,
): Promise<{ message: StreamedMessage; tbsSha256: string }> {
  const message = startMessage(issuer.signatureAlgorithm)
  const hash = startHash('SHA-256')
  const update = (octets: Uint8Array): void => {
    message.update(octets)
    hash.update(octets)
  }
  update(tbs.head)
  for (const part of parts) {
    const bytes = await store.readCrlPart(part.id)
    if (sha256Hex(bytes) !== part.sha256)
      throw new CodedError('STORE_UNAVAILABLE', 'a stored part of the CRL is not what was written')
    update(bytes)
    releaseOctets(bytes)
  }
  update(tbs.tail)
  return { message, tbsSha256: hash.digest('hex') }
}

/**
 * Milliseconds since 1970, or one more than the last where that is higher: a database restored from a backup
 * has forgotten the last numbers, and must not repeat them (RFC 5280 §5.2.3).
 */
function nextNumber(last: CrlRow | undefined, at: Date): bigint {
  const byClock = BigInt(at.getTime())
  const byCount = last ? BigInt(last.number) + 1n : 1n
  return byClock > byCount ? byClock : byCount
}

function templateOf(core: IssuingCore, issuer: Issuer, scope: CrlScope): CrlTemplate {
  const base = {
    issuerNameDer: issuer.certificate.subject.raw,
    authorityKeyIdentifier: issuer.subjectKeyIdentifier,
    algorithmDer: issuer.signatureAlgorithm.identifierDer,
  }
  // The full list is complete for its issuer: without a distribution point it serves every certificate.
  if (scope.shard === null) return base
  return {
    ...base,
    distributionPoint: {
      uris: crlUrls(core, issuer, scope.shard),
      // An issuing CA certifies no CA below it (pathLenConstraint 0).
      onlyContainsUserCerts: issuer.role === 'issuing',
    },
  }
}

/**
 * The addresses that certificates of a shard name, made by the same function from the same profiles: a verifier
 * compares them octet by octet (RFC 5280 §6.3.3 (b)(2)(i)).
 *
 * @throws {PROFILE_VIOLATION} when no profile of this issuer names a shard
 */
export function crlUrls(
  core: Pick<IssuingCore, 'profiles' | 'baseUrl' | 'policyArc'>,
  issuer: Pick<Issuer, 'issuerId' | 'role'>,
  shard: number,
): string[] {
  const templates = [...core.profiles.values()]
    .filter((profile) => profile.issuedBy.value === issuer.role)
    .flatMap((profile) => profile.extensions.crlDistributionPoints?.value ?? [])
    .filter((template) => template.includes('{shard}'))
  const urls = new Set(templates.map((template) => fillUrl(template, core, issuer.issuerId, shard)))
  if (urls.size === 0)
    throw new CodedError('PROFILE_VIOLATION', 'no profile of this issuer names a CRL shard')
  return [...urls].sort()
}

/** Signs, then reads the whole list again as it will be served. */
async function sign(core: IssuingCore, draft: Draft, message: StreamedMessage): Promise<CrlContent> {
  const { issuer, tbs, parts } = draft
  const { signatureAlgorithm, publicKey } = issuer
  const signature = await signAsIssuer(core, issuer, message)
  const { head, tail } = buildCrlFrame(tbs, signatureAlgorithm.identifierDer, signature)
  const verification = startVerification(signatureAlgorithm, publicKey)
  const hash = startHash('SHA-256').update(head)
  verification.update(tbs.head)
  for await (const bytes of streamCrlParts(core.ports.store, parts)) {
    verification.update(bytes)
    hash.update(bytes)
    releaseOctets(bytes)
  }
  verification.update(tbs.tail)
  // A fault in the key store must not reach relying parties: they would refuse every certificate.
  if (!verification.isBy(signature))
    throw new CodedError(
      'ISSUANCE_MISMATCH',
      'signature of the CRL does not verify with the key of the issuer',
    )
  return { headDer: head, parts, tailDer: tail, sha256: hash.update(tail).digest('hex') }
}

const record = (core: IssuingCore, type: string, data: Record<string, Json>): RecordDraft => ({
  type,
  at: core.ports.now(),
  actor: 'system',
  tenant: null,
  data,
})

const scopeData = (draft: Draft): Record<string, Json> => ({
  issuerId: draft.scope.issuerId,
  shard: draft.scope.shard,
  crlNumber: String(draft.number),
})

const closingData = (row: CrlRow): Record<string, Json> => ({
  thisUpdate: row.thisUpdate.toISOString(),
  nextUpdate: row.nextUpdate.toISOString(),
  entryCount: row.entryCount,
  crlSha256: row.content.sha256,
})

const intentData = (draft: Draft, tbsSha256: string): Record<string, Json> => ({
  ...scopeData(draft),
  thisUpdate: draft.thisUpdate.toISOString(),
  nextUpdate: draft.nextUpdate.toISOString(),
  entryCount: draft.entryCount,
  tbsSha256,
})

async function refuse(core: IssuingCore, draft: Draft): Promise<never> {
  const { unexplained } = draft
  const data = { ...scopeData(draft), code: 'CRL_UNEXPLAINED_CHANGE', serials: unexplained.slice(0, 100) }
  await core.ports.store.record([record(core, 'crl.refused', data)])
  throw new CodedError(
    'CRL_UNEXPLAINED_CHANGE',
    `${unexplained.length} CRL entries came, went or changed without a status change; nothing was published`,
    { extra: { serials: unexplained.slice(0, 100) } },
  )
}
