/**
 * Identity evidence (Electronic Signature Law art. 20): who was checked, how, by whom, with what result.
 *
 * The subject stays here as a salted hash: enough to tell whether a certificate names the same one, and nothing that
 * an erasure would have to find.
 */
import { CodedError } from '../../ca/errors.ts'
import type { SubjectAttribute } from '../../ca/formats.ts'
import { encodeCanonicalJson } from '../lib/canonical-json.ts'
import { toHex } from '../lib/bytes.ts'
import { sha256Hex } from '../lib/sha256.ts'
import { type PageView, pageOf, type Paging } from './paging.ts'
import type { ServiceDeps } from './deps.ts'
import { actorOf, type Caller } from './tenancy.ts'

export interface EvidenceInput {
  readonly subject: readonly SubjectAttribute[]
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

/** Attributes that say who somebody is; the others (country, title, unit) may differ from what was checked. */
const IDENTIFYING = new Set(['CN', 'O', 'SN', 'GN', 'serialNumber', 'organizationIdentifier', 'pseudonym'])

/** Evidence older than this does not support a new certificate: what was true then may not be now. */
const MAX_AGE_MS = 366 * 24 * 3_600_000

/** Salted hash of the identifying attributes, in an order that does not matter. */
export function hashSubject(subject: readonly SubjectAttribute[], saltHex: string): string {
  const parts = subject
    .filter(({ type }) => IDENTIFYING.has(type))
    .map(({ type, value }) => `${type}=${value.normalize('NFC').trim()}`)
    .sort()
  return sha256Hex(`${saltHex}\n`, encodeCanonicalJson(parts))
}

const isRequired = (deps: ServiceDeps, profile: string): boolean =>
  deps.ca.profiles.find((candidate) => candidate.name === profile)?.identityEvidence === 'required'

/**
 * The id of the evidence behind a certificate, checked against its subject.
 *
 * @returns null when the profile needs none and none was given
 * @throws {CodedError} IDENTITY_EVIDENCE_REQUIRED, IDENTITY_EVIDENCE_MISMATCH
 */
export async function requireEvidence(
  deps: ServiceDeps,
  caller: Caller,
  wanted: {
    readonly profile: string
    readonly subject: readonly SubjectAttribute[]
    readonly identityEvidenceId?: string
  },
): Promise<string | null> {
  const { identityEvidenceId } = wanted
  if (identityEvidenceId === undefined) {
    if (!isRequired(deps, wanted.profile)) return null
    throw new CodedError(
      'IDENTITY_EVIDENCE_REQUIRED',
      `profile ${wanted.profile} needs identityEvidenceId (Electronic Signature Law art. 20)`,
    )
  }
  // Of the tenant that the certificate will belong to, also for staff who see all: one business's evidence is not another's.
  const entry = await deps.store.identityEvidence.find(identityEvidenceId, caller.tenant)
  const mismatch = (rule: string): CodedError =>
    new CodedError('IDENTITY_EVIDENCE_MISMATCH', `identityEvidenceId: ${rule}`, {
      extra: { errors: [{ pointer: '#/identityEvidenceId', rule }] },
    })
  if (!entry) throw mismatch('there is no such entry in this tenant')
  if (entry.result !== 'passed') throw mismatch('the check did not pass')
  if (deps.now().getTime() - entry.checkedAt.getTime() > MAX_AGE_MS)
    throw mismatch('the check is more than a year old')
  const { subjectHash, subjectSalt } = entry
  if (
    subjectHash === null ||
    subjectSalt === null ||
    hashSubject(wanted.subject, subjectSalt) !== subjectHash
  )
    throw mismatch('it is about another subject')
  return identityEvidenceId
}

export function createIdentityEvidence(deps: ServiceDeps) {
  const { store, now, randomBytes } = deps
  return {
    async add(caller: Caller, input: EvidenceInput): Promise<EvidenceView> {
      const at = now()
      if (input.checkedAt > at) throw new CodedError('REQUEST_INVALID', '#/checkedAt is in the future')
      const subjectSalt = toHex(randomBytes(16))
      const subjectHash = hashSubject(input.subject, subjectSalt)
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
