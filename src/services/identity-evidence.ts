/**
 * Identity evidence (Electronic Signature Law art. 20): who was checked, how, by whom, with what result.
 *
 * The subject stays here as salted hashes, one of the whole and one of each attribute and alternative name: enough to
 * tell whether a certificate names the same one and says nothing else, and nothing that an erasure would have to find.
 */
import { CodedError } from '../../ca/errors.ts'
import type { SubjectAttribute } from '../../ca/formats.ts'
import type { IssueRequest } from '../../ca/ports.ts'
import { encodeCanonicalText } from '../lib/canonical-json.ts'
import { toHex } from '../lib/bytes.ts'
import { sha256Hex } from '../lib/sha256.ts'
import type { IdentityEvidence } from '../store/identity-evidence.ts'
import { type PageView, pageOf, type Paging } from './paging.ts'
import type { ServiceDeps } from './deps.ts'
import { actorOf, type Caller } from './tenancy.ts'

/** One alternative name, as a request for a certificate gives it. */
type AltName = NonNullable<IssueRequest['subjectAltNames']>[number]

export interface EvidenceInput {
  readonly subject: readonly SubjectAttribute[]
  /** Alternative names that were checked too. */
  readonly subjectAltNames?: readonly AltName[]
  readonly method: string
  readonly source: string
  readonly result: 'passed' | 'failed'
  readonly checkedAt: Date
  readonly operator: string
  readonly materialSha256: readonly string[]
}

export interface EvidenceView {
  readonly id: string
  readonly method: string
  readonly source: string
  readonly result: 'passed' | 'failed'
  readonly checkedAt: string
  readonly operator: string
  readonly materialSha256: readonly string[]
  readonly createdAt: string
}

/**
 * Attributes that tell one subject from another: a certificate has exactly those that were checked, or it would name
 * somebody else. Of the others it may leave some out, and adds none.
 */
const IDENTIFYING = new Set(['CN', 'O', 'SN', 'GN', 'serialNumber', 'organizationIdentifier', 'pseudonym'])

/** Evidence older than this does not support a new certificate: what was true then may not be now. */
const MAX_AGE_MS = 366 * 24 * 3_600_000

/** Salted hash of the identifying attributes, in an order that does not matter. */
export function hashSubject(subject: readonly SubjectAttribute[], saltHex: string): string {
  const parts = subject
    .filter(({ type }) => IDENTIFYING.has(type))
    .map(({ type, value }) => `${type}=${value.normalize('NFC').trim()}`)
    .sort()
  return sha256Hex(`${saltHex}\n${encodeCanonicalText(parts)}`)
}

/** Salted hash of one attribute or alternative name; `kind` keeps an `email` of one from passing for the other. */
const hashName = (kind: 'subject' | 'altName', { type, value }: NameValue, saltHex: string): string =>
  sha256Hex(`${saltHex}\n${encodeCanonicalText([kind, type, value.normalize('NFC').trim()])}`)

interface NameValue {
  readonly type: string
  readonly value: string
}

const isRequired = (deps: ServiceDeps, profile: string): boolean =>
  deps.ca.profiles.find((candidate) => candidate.name === profile)?.identityEvidence === 'required'

const SOURCE = 'Electronic Signature Law art. 20'

/** What was refused, each with its place in the request; values are personal data and stand in none. */
const mismatch = (...errors: readonly { readonly pointer: string; readonly rule: string }[]): CodedError =>
  new CodedError(
    'IDENTITY_EVIDENCE_MISMATCH',
    errors.map(({ pointer, rule }) => `${pointer.slice(2)}: ${rule}`).join('; '),
    { extra: { errors: errors.map((error) => ({ ...error, source: SOURCE })) } },
  )

interface Wanted {
  readonly profile: string
  readonly subject: readonly SubjectAttribute[]
  readonly subjectAltNames?: readonly AltName[]
  readonly identityEvidenceId?: string
}

/** Attributes and alternative names that the entry does not hold. */
function unbacked(wanted: Wanted, saltHex: string, attributeHashes: readonly string[], at: string) {
  const held = new Set(attributeHashes)
  const missing = (kind: 'subject' | 'altName', field: string, names: readonly NameValue[]) =>
    names.flatMap((name, index) =>
      held.has(hashName(kind, name, saltHex))
        ? []
        : [
            {
              pointer: `${at}/${field}/${index}`,
              rule: `${name.type} is not backed by identityEvidenceId: it was not checked with this value`,
            },
          ],
    )
  return [
    ...missing('subject', 'subject', wanted.subject),
    ...missing('altName', 'subjectAltNames', wanted.subjectAltNames ?? []),
  ]
}

/** @throws {CodedError} IDENTITY_EVIDENCE_MISMATCH */
function checkNames(wanted: Wanted, entry: IdentityEvidence, at: string): void {
  const pointer = `${at}/identityEvidenceId`
  const { subjectHash, subjectSalt, attributeHashes } = entry
  if (subjectHash === null || subjectSalt === null)
    throw mismatch({ pointer, rule: 'whom it is about was erased' })
  if (hashSubject(wanted.subject, subjectSalt) !== subjectHash)
    throw mismatch({ pointer, rule: 'it is about another subject' })
  if (attributeHashes === null)
    throw mismatch({ pointer, rule: 'it does not say which attributes were checked; record the check again' })
  const errors = unbacked(wanted, subjectSalt, attributeHashes, at)
  if (errors.length > 0) throw mismatch(...errors)
}

/**
 * The id of the evidence behind a certificate, checked against everything that the certificate will say of its subject.
 *
 * @param at - JSON pointer of the part of the request that names the subject, `#` for the whole
 * @returns null when the profile needs none and none was given
 * @throws {CodedError} IDENTITY_EVIDENCE_REQUIRED, IDENTITY_EVIDENCE_MISMATCH
 */
export async function requireEvidence(
  deps: ServiceDeps,
  caller: Caller,
  wanted: Wanted,
  at = '#',
): Promise<string | null> {
  return (await openEvidence(deps, caller, [wanted]))(wanted, at)
}

/**
 * The same for many: their entries are looked up together, and what is asked twice is worked out once.
 *
 * @returns what {@link requireEvidence} does for one of them
 */
export async function openEvidence(
  deps: ServiceDeps,
  caller: Caller,
  all: readonly Wanted[],
): Promise<(wanted: Wanted, at?: string) => string | null> {
  const ids = [...new Set(all.flatMap(({ identityEvidenceId }) => identityEvidenceId ?? []))]
  // Of the tenant that the certificate will belong to, also for staff who see all: one business's evidence is not another's.
  const entries = await deps.store.identityEvidence.findMany(ids, caller.tenant)
  const backed = new Set<string>()
  return (wanted, at = '#') => {
    const { identityEvidenceId, profile, subject, subjectAltNames } = wanted
    if (identityEvidenceId === undefined) {
      if (!isRequired(deps, profile)) return null
      throw new CodedError(
        'IDENTITY_EVIDENCE_REQUIRED',
        `profile ${profile} needs identityEvidenceId (${SOURCE})`,
      )
    }
    const key = JSON.stringify([identityEvidenceId, subject, subjectAltNames])
    if (backed.has(key)) return identityEvidenceId
    checkEntry(deps, wanted, entries.get(identityEvidenceId), at)
    backed.add(key)
    return identityEvidenceId
  }
}

/** @throws {CodedError} IDENTITY_EVIDENCE_MISMATCH */
function checkEntry(
  deps: ServiceDeps,
  wanted: Wanted,
  entry: IdentityEvidence | undefined,
  at: string,
): void {
  const refuse = (rule: string): CodedError => mismatch({ pointer: `${at}/identityEvidenceId`, rule })
  if (!entry) throw refuse('there is no such entry in this tenant')
  if (entry.result !== 'passed') throw refuse('the check did not pass')
  if (deps.now().getTime() - entry.checkedAt.getTime() > MAX_AGE_MS)
    throw refuse('the check is more than a year old')
  checkNames(wanted, entry, at)
}

export function createIdentityEvidence(deps: ServiceDeps) {
  const { store, now, randomBytes } = deps
  return {
    async add(caller: Caller, input: EvidenceInput): Promise<EvidenceView> {
      const at = now()
      if (input.checkedAt > at) throw new CodedError('REQUEST_INVALID', '#/checkedAt is in the future')
      const subjectSalt = toHex(randomBytes(16))
      const subjectHash = hashSubject(input.subject, subjectSalt)
      const attributeHashes = [
        ...input.subject.map((name) => hashName('subject', name, subjectSalt)),
        ...(input.subjectAltNames ?? []).map((name) => hashName('altName', name, subjectSalt)),
      ]
      const id = `ev_${toHex(randomBytes(12))}`
      const row = {
        id,
        tenant: caller.tenant,
        method: input.method,
        source: input.source,
        result: input.result,
        checkedAt: input.checkedAt,
        operator: input.operator,
        subjectHash,
        subjectSalt,
        attributeHashes,
        materialSha256: input.materialSha256,
        createdAt: at,
      }
      await store.identityEvidence.add(row, [
        {
          ...actorOf(caller),
          type: 'identity.evidence_added',
          at,
          data: {
            id,
            method: input.method,
            result: input.result,
            subjectHash,
            materialSha256: [...input.materialSha256],
          },
        },
      ])
      return evidenceView(row)
    },

    /** @throws {CodedError} NOT_FOUND */
    async get(caller: Caller, id: string): Promise<EvidenceView> {
      const row = await store.identityEvidence.find(id, caller.scope)
      if (!row) throw new CodedError('NOT_FOUND', 'no identity evidence of this tenant has this id')
      return evidenceView(row)
    },

    list: async (caller: Caller, paging: Paging): Promise<PageView<EvidenceView>> =>
      pageOf(await store.identityEvidence.list(caller.scope, paging), evidenceView),
  }
}

interface EvidenceRow {
  readonly id: string
  readonly method: string
  readonly source: string
  readonly result: 'passed' | 'failed'
  readonly checkedAt: Date
  readonly operator: string
  readonly materialSha256: readonly string[]
  readonly createdAt: Date
}

const evidenceView = (row: EvidenceRow): EvidenceView => ({
  id: row.id,
  method: row.method,
  source: row.source,
  result: row.result,
  checkedAt: row.checkedAt.toISOString(),
  operator: row.operator,
  materialSha256: row.materialSha256,
  createdAt: row.createdAt.toISOString(),
})
