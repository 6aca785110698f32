/**
 * Builds, explains, signs and publishes the next CRL of a scope: an issuer's full list, or one shard of it.
 *
 * Nothing is published that the status database does not explain: a list that lost an entry would make a
 * revoked certificate good again for everyone at once (boulder#6456).
 */
import { digest } from './algorithms/hashes.ts'
import { verifySignature } from './algorithms/signatures.ts'
import { toHex } from './asn1/values.ts'
import { type Issuer, type IssuingCore, getIssuer, signAsIssuer } from './core.ts'
import { type CrlDifference, diffCrlEntries } from './crl-diff.ts'
import { CodedError, isCoded } from './errors.ts'
import type { CertificateStatus, CrlEntryRow, CrlRow, CrlScope, Json, RecordDraft } from './ports.ts'
import { fillUrl } from './template.ts'
import { parseCrl } from './x509/crl.ts'
import { type CrlEntry } from './x509/crl-entries.ts'
import { type CrlTemplate, buildTbsCertList, encodeCrl, encodeCrlEntries } from './x509/crl-writer.ts'

/** Seven days: a week-end and two working days to repair a publisher before lists expire; at most ten (check 26). */
const CRL_VALIDITY_MS = 7 * 24 * 3600_000

/** Serials in one record, so that a record stays below the largest leaf of the log. */
const SERIALS_PER_RECORD = 1000

/** Entries that are expected to come beyond a sixteenth of the last list. */
const SPARE_ENTRIES = 1000

/** Statuses asked for at once while a difference is explained. */
const LOOKUPS_AT_ONCE = 200

interface Draft {
  readonly scope: CrlScope
  readonly issuer: Issuer
  readonly last: CrlRow | undefined
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly entryCount: number
  readonly tbsDer: Uint8Array
  readonly added: readonly string[]
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
  await core.ports.store.record([record(core, 'crl.intent', intentData(draft))])
  try {
    return await signAndPublish(core, draft)
  } catch (error) {
    // Every intent has an outcome; where even that cannot be stored, the open intent tells of it.
    const code = isCoded(error) ? error.code : 'KEY_UNAVAILABLE'
    const closing = record(core, 'crl.refused', { ...scopeData(draft), code })
    await core.ports.store.record([closing]).catch(() => undefined)
    throw error
  }
}

async function signAndPublish(core: IssuingCore, draft: Draft): Promise<CrlRow> {
  const crlDer = await sign(core, draft)
  const row: CrlRow = {
    issuerId: draft.scope.issuerId,
    shard: draft.scope.shard,
    number: String(draft.number),
    thisUpdate: draft.thisUpdate,
    nextUpdate: draft.nextUpdate,
    entryCount: draft.entryCount,
    crlDer,
  }
  await core.ports.store.publishCrl(row, draft.last?.number ?? null, publicationRecords(core, draft, crlDer))
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
  const serials: string[] = []
  const entries = await encodeCrlEntries(
    last ? store.crlEntries(scope, at) : tap(store.crlEntries(scope, at), serials),
    last && last.entryCount + (last.entryCount >> 4) + SPARE_ENTRIES,
  )
  // A first list has nothing before it: all of it is new, and nothing is to be explained.
  const differences = last ? [...diffCrlEntries(parseCrl(last.crlDer).entries, entries.bytes)] : []
  const nextUpdate = new Date(
    Math.min(thisUpdate.getTime() + validityMs, issuer.certificate.notAfter.getTime()),
  )
  const number = nextNumber(last, at)
  return {
    scope,
    issuer,
    last,
    number,
    thisUpdate,
    nextUpdate,
    entryCount: entries.count,
    tbsDer: buildTbsCertList(templateOf(core, issuer, scope), { number, thisUpdate, nextUpdate }, entries),
    added: last ? differences.filter((d) => !d.before).map((d) => d.serialHex) : serials,
    removed: differences.filter((d) => !d.after).map((d) => d.serialHex),
    unexplained: last ? await findUnexplained(core, scope, last, differences) : [],
  }
}

async function* tap(entries: AsyncIterable<CrlEntryRow>, serials: string[]): AsyncGenerator<CrlEntryRow> {
  for await (const entry of entries) {
    serials.push(entry.serialHex)
    yield entry
  }
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

async function findUnexplained(
  core: IssuingCore,
  scope: CrlScope,
  last: CrlRow,
  differences: readonly CrlDifference[],
): Promise<string[]> {
  const unexplained: string[] = []
  for (let from = 0; from < differences.length; from += LOOKUPS_AT_ONCE) {
    const part = differences.slice(from, from + LOOKUPS_AT_ONCE)
    const statuses = await Promise.all(
      part.map((d) => core.ports.store.findStatus(scope.issuerId, d.serialHex)),
    )
    for (const [index, difference] of part.entries())
      if (!isExplained(difference, statuses[index], scope, last)) unexplained.push(difference.serialHex)
  }
  return unexplained
}

function isExplained(
  { before, after }: CrlDifference,
  status: CertificateStatus | undefined,
  scope: CrlScope,
  last: CrlRow,
): boolean {
  if (!status || (scope.shard !== null && status.shard !== scope.shard)) return false
  if (!after) return isRemovalExplained(before, status, last)
  // A final revocation does not change any more, except that its key turns out to be compromised.
  const mayChange = !before || before.reason === 'certificateHold' || after.reason === 'keyCompromise'
  return mayChange && isAsInStatus(after, status)
}

function isRemovalExplained(before: CrlEntry | undefined, status: CertificateStatus, last: CrlRow): boolean {
  // RFC 5280 §3.3: an entry may go after it was on one list whose time lies after the end of the certificate.
  const hasExpired = status.notAfter !== null && status.notAfter < last.thisUpdate
  return hasExpired || (status.state === 'valid' && before?.reason === 'certificateHold')
}

function isAsInStatus(entry: CrlEntry, status: CertificateStatus): boolean {
  const { state, revokedAt } = status
  return (
    (state === 'revoked' || state === 'held') &&
    (entry.reason ?? 'unspecified') === (status.reason ?? 'unspecified') &&
    revokedAt !== null &&
    floorToSecond(revokedAt).getTime() === entry.revocationDate.getTime()
  )
}

const floorToSecond = (date: Date): Date => new Date(Math.floor(date.getTime() / 1000) * 1000)

async function sign(core: IssuingCore, draft: Draft): Promise<Uint8Array> {
  const { issuer, tbsDer } = draft
  const signature = await signAsIssuer(core, issuer, tbsDer)
  // A fault in the key store must not reach relying parties: they would refuse every certificate.
  if (!verifySignature(issuer.signatureAlgorithm, issuer.publicKey, tbsDer, signature))
    throw new CodedError(
      'ISSUANCE_MISMATCH',
      'signature of the CRL does not verify with the key of the issuer',
    )
  return encodeCrl(tbsDer, issuer.signatureAlgorithm.identifierDer, signature)
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

const intentData = (draft: Draft): Record<string, Json> => ({
  ...scopeData(draft),
  thisUpdate: draft.thisUpdate.toISOString(),
  nextUpdate: draft.nextUpdate.toISOString(),
  entryCount: draft.entryCount,
  tbsSha256: toHex(digest('SHA-256', draft.tbsDer)),
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

/** Serials that enter or leave stand in records of at most a thousand, before the one that closes the list. */
function publicationRecords(core: IssuingCore, draft: Draft, crlDer: Uint8Array): RecordDraft[] {
  const { added, removed } = draft
  const isSmall = added.length + removed.length <= SERIALS_PER_RECORD
  const parts: RecordDraft[] = []
  for (
    let from = 0;
    !isSmall && from < Math.max(added.length, removed.length);
    from += SERIALS_PER_RECORD / 2
  )
    parts.push(
      record(core, 'crl.changes', {
        ...scopeData(draft),
        added: added.slice(from, from + SERIALS_PER_RECORD / 2),
        removed: removed.slice(from, from + SERIALS_PER_RECORD / 2),
      }),
    )
  const closing = record(core, 'crl.published', {
    ...scopeData(draft),
    added: isSmall ? added : [],
    removed: isSmall ? removed : [],
    thisUpdate: draft.thisUpdate.toISOString(),
    nextUpdate: draft.nextUpdate.toISOString(),
    entryCount: draft.entryCount,
    crlSha256: toHex(digest('SHA-256', crlDer)),
  })
  return [...parts, closing]
}
