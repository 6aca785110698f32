/** Certificates: issue with identity evidence, look up, search, export, revoke, receipt. */
import { CodedError } from '../../ca/errors.ts'
import type { LegalGround, RevocationReason, RevokeRequest } from '../../ca/ports.ts'
import { toPem } from '../lib/pem.ts'
import type { CertificateListing, CertificateQuery } from '../store/certificates-search.ts'
import { createIssueOne, type IssueInput } from './issue-certificates.ts'
import { type PageView, pageOf } from './paging.ts'
import type { ServiceDeps } from './deps.ts'
import { actorOf, type Caller, narrow, reachOf } from './tenancy.ts'

export interface RevokeInput {
  readonly reason: RevocationReason
  readonly legalGround: LegalGround
  readonly invalidityDate?: string
}

export interface SearchInput {
  readonly subject?: string
  readonly serialHex?: string
  readonly state?: 'intent' | 'valid' | 'held' | 'revoked' | 'expired'
  readonly profile?: string
  readonly spkiSha256?: string
  readonly issuedFrom?: string
  readonly issuedTo?: string
  readonly tenant?: string
  readonly cursor?: string
  readonly limit?: number
}

/** A certificate as shown to its tenant. */
export interface CertificateView {
  readonly issuerId: string
  readonly serialHex: string
  readonly profile: string
  readonly class: string
  readonly state: string
  readonly subject: string | null
  readonly algorithm: string | null
  readonly notBefore: string | null
  readonly notAfter: string | null
  readonly issuedAt: string | null
  readonly certSha256: string | null
  readonly spkiSha256: string
  readonly keyId: string | null
  readonly identityEvidenceId: string | null
  readonly revokedAt: string | null
  readonly reason: string | null
  readonly legalGround: string | null
  readonly invalidityDate: string | null
  readonly certificatePem?: string
  readonly chainPem?: readonly string[]
}

/** What is shown of a certificate. */
type Shown = Omit<CertificateListing, 'intendedAt' | 'recordId'>

const notFound = (): CodedError =>
  new CodedError('CERT_NOT_FOUND', 'no certificate of this tenant has this issuer and serial')

const iso = (date: Date | null): string | null => date?.toISOString() ?? null

/** The status of a certificate that nobody has revoked yet. */
const JUST_ISSUED = {
  state: 'valid',
  revokedAt: null,
  reason: null,
  legalGround: null,
  invalidityDate: null,
} as const

/** A certificate as shown: what is stored, and what its status is now. */
export function viewOf(row: Shown, now: Date): CertificateView {
  const isOver = row.notAfter !== null && row.notAfter < now && row.state !== 'revoked'
  return {
    issuerId: row.issuerId,
    serialHex: row.serialHex,
    profile: row.profile,
    class: row.class,
    state: isOver ? 'expired' : row.state,
    subject: row.subject,
    algorithm: row.algorithm,
    notBefore: iso(row.notBefore),
    notAfter: iso(row.notAfter),
    issuedAt: iso(row.issuedAt),
    certSha256: row.certSha256,
    spkiSha256: row.spkiSha256,
    keyId: row.keyId,
    identityEvidenceId: row.identityEvidenceId,
    revokedAt: iso(row.revokedAt),
    reason: row.reason,
    legalGround: row.legalGround,
    invalidityDate: iso(row.invalidityDate),
  }
}

function withPem(
  view: CertificateView,
  ca: ServiceDeps['ca'],
  certDer: Uint8Array | undefined,
): CertificateView {
  const issuer = ca.issuers.find((candidate) => candidate.issuerId === view.issuerId)
  if (!certDer || !issuer) return view
  const chain = [issuer.certDer, ...issuer.chainDer]
  return {
    ...view,
    certificatePem: toPem('CERTIFICATE', certDer),
    chainPem: chain.map((der) => toPem('CERTIFICATE', der)),
  }
}

/** The same answer for a foreign certificate as for none: its existence is nobody else's business. */
async function findFor(
  { store }: ServiceDeps,
  caller: Caller,
  key: { readonly issuerId: string; readonly serialHex: string },
  reading?: 'may-lag',
): Promise<CertificateListing> {
  const row = await store.certificates.find(key, caller.scope, reading)
  if (!row) throw notFound()
  return row
}

export function createCertificates(deps: ServiceDeps) {
  const { ca, store, now } = deps
  const issueOne = createIssueOne(deps)

  const find = (caller: Caller, issuerId: string, serialHex: string): Promise<CertificateListing> =>
    findFor(deps, caller, { issuerId, serialHex })

  const show = (row: Shown, certDer: Uint8Array | undefined): CertificateView =>
    withPem(viewOf(row, now()), ca, certDer)

  async function get(caller: Caller, issuerId: string, serialHex: string): Promise<CertificateView> {
    const [row, stored] = await Promise.all([
      findFor(deps, caller, { issuerId, serialHex }, 'may-lag'),
      store.ca.findIssued(issuerId, serialHex, 'may-lag'),
    ])
    return show(row, stored?.certDer)
  }

  return {
    get,

    /** @throws {CodedError} the codes of the core; IDENTITY_EVIDENCE_REQUIRED, IDENTITY_EVIDENCE_MISMATCH */
    async issue(caller: Caller, input: IssueInput, mayRepeat = false): Promise<CertificateView> {
      const certificate = await issueOne(caller, input, mayRepeat)
      return show({ ...certificate, ...JUST_ISSUED, issuedAt: certificate.at }, certificate.certDer)
    },

    async search(caller: Caller, input: SearchInput): Promise<PageView<CertificateView>> {
      const page = await store.certificates.search(queryOf(caller, input), now())
      return pageOf(page, (row) => viewOf(row, now()))
    },

    /** NDJSON lines; the export is recorded before its first line leaves. */
    async export(caller: Caller, input: SearchInput): Promise<AsyncIterable<string>> {
      const query = queryOf(caller, input)
      await store.ca.record([
        { ...actorOf(caller), type: 'export.done', at: now(), data: { what: 'certificates' } },
      ])
      return exportLines(deps, query)
    },

    revoke: async (
      caller: Caller,
      issuerId: string,
      serialHex: string,
      input: RevokeInput,
    ): Promise<CertificateView> => {
      await find(caller, issuerId, serialHex)
      await ca.revoke(revokeRequest(caller, issuerId, serialHex, input))
      return get(caller, issuerId, serialHex)
    },

    receipt: async (caller: Caller, issuerId: string, serialHex: string): Promise<string> =>
      receiptOf(deps, await find(caller, issuerId, serialHex)),
  }
}

/** tlog-proof of the `certificate.issued` record. @throws {CodedError} NOT_FOUND, LOG_RANGE */
function receiptOf(deps: ServiceDeps, { recordId }: CertificateListing): Promise<string> {
  if (recordId === null) throw new CodedError('NOT_FOUND', 'no certificate was issued for this serial')
  return deps.receipt(recordId)
}

function queryOf(caller: Caller, input: SearchInput): CertificateQuery {
  return {
    tenant: narrow(caller, input.tenant),
    commonName: input.subject,
    serialHex: input.serialHex,
    state: input.state,
    profile: input.profile,
    spkiSha256: input.spkiSha256,
    from: input.issuedFrom === undefined ? undefined : new Date(input.issuedFrom),
    to: input.issuedTo === undefined ? undefined : new Date(input.issuedTo),
    cursor: input.cursor,
    limit: input.limit,
  }
}

async function* exportLines({ store, now }: ServiceDeps, query: CertificateQuery): AsyncGenerator<string> {
  for await (const row of store.certificates.stream(query, now()))
    yield `${JSON.stringify(viewOf(row, now()))}\n`
}

const revokeRequest = (
  caller: Caller,
  issuerId: string,
  serialHex: string,
  input: RevokeInput,
): RevokeRequest => ({
  ...reachOf(caller),
  issuerId,
  serialHex,
  reason: input.reason,
  legalGround: input.legalGround,
  ...(input.invalidityDate === undefined ? {} : { invalidityDate: new Date(input.invalidityDate) }),
})
