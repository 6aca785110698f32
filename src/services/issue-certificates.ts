/**
 * Issues certificates, one or a thousand, by the same path: identity evidence, then the core, which shares its commits
 * among all that are under way.
 */
import { CodedError } from '../../ca/errors.ts'
import { type SubjectAttribute, findAttribute, parseCertificate } from '../../ca/formats.ts'
import type { IssuanceToken, IssuedCertificate, IssuedRow, IssueRequest } from '../../ca/ports.ts'
import { fromBase64 } from '../lib/bytes.ts'
import { joinCalls } from '../../ca/joined.ts'
import type { ServiceDeps } from './deps.ts'
import { openEvidence } from './identity-evidence.ts'
import { actorOf, type Caller } from './tenancy.ts'

export interface IssueInput {
  readonly profile: string
  readonly issuerId?: string
  readonly subject: readonly SubjectAttribute[]
  readonly csr?: string
  readonly keyId?: string
  readonly validitySeconds?: number
  readonly subjectAltNames?: NonNullable<IssueRequest['subjectAltNames']>
  readonly identityEvidenceId?: string
}

/** A certificate, and whether an earlier request had it issued. */
export interface Issued {
  readonly certificate: IssuedCertificate
  readonly isRepeat: boolean
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** PKCS#10 as PEM or bare Base64. @throws {CodedError} REQUEST_INVALID */
function decodeCsr(text: string): Uint8Array {
  if (BASE64.test(text)) return fromBase64(text)
  const body = text.replace(/-----(BEGIN|END) (NEW )?CERTIFICATE REQUEST-----/g, '').replace(/\s+/g, '')
  if (!BASE64.test(body)) throw new CodedError('REQUEST_INVALID', '#/csr is neither PEM nor Base64')
  return fromBase64(body)
}

function keyOf(input: IssueInput): IssueRequest['key'] {
  if ((input.csr === undefined) === (input.keyId === undefined))
    throw new CodedError('REQUEST_INVALID', 'exactly one of #/csr and #/keyId must be given')
  return input.csr === undefined ? { keyId: input.keyId ?? '' } : { csrDer: decodeCsr(input.csr) }
}

function requestOf(
  caller: Caller,
  input: IssueInput,
  evidenceOf: (input: IssueInput) => string | null,
): IssueRequest {
  return {
    ...actorOf(caller),
    profile: input.profile,
    ...(input.issuerId === undefined ? {} : { issuerId: input.issuerId }),
    subject: input.subject,
    key: keyOf(input),
    ...(input.validitySeconds === undefined ? {} : { validitySeconds: input.validitySeconds }),
    ...(input.subjectAltNames ? { subjectAltNames: input.subjectAltNames } : {}),
    identityEvidenceId: evidenceOf(input),
  }
}

/** Requests to the core, or why one is refused. @throws what concerns all of them */
async function requestsOf(
  deps: ServiceDeps,
  caller: Caller,
  inputs: readonly IssueInput[],
): Promise<(IssueRequest | CodedError)[]> {
  const evidenceOf = await openEvidence(deps, caller, inputs)
  const refused = new Map<IssueInput, CodedError>()
  for (const input of inputs) {
    if (input.keyId === undefined) continue
    await deps
      .checkKeyOwner(caller, input.keyId)
      .catch((error: unknown) => refused.set(input, refusalOf(error)))
  }
  return inputs.map((input) => {
    try {
      return refused.get(input) ?? requestOf(caller, input, evidenceOf)
    } catch (error) {
      return refusalOf(error)
    }
  })
}

/** Concern the whole batch: whoever sent it tries again later. */
const CONCERNS_ALL = new Set(['STORE_UNAVAILABLE', 'STORE_OVERLOADED', 'STORE_CLOSED', 'CA_OVERLOADED'])

/** The refusal of one item. @throws what concerns the whole batch */
export function refusalOf(error: unknown): CodedError {
  if (error instanceof CodedError && !CONCERNS_ALL.has(error.code)) return error
  throw error
}

/**
 * One certificate.
 *
 * @param mayRepeat whether the request can be the repeat of one whose answer was lost: where its key has the same
 *   certificate already, that one is the answer
 * @throws {CodedError} the codes of the core; IDENTITY_EVIDENCE_REQUIRED, IDENTITY_EVIDENCE_MISMATCH
 */
export type IssueOne = (caller: Caller, input: IssueInput, mayRepeat: boolean) => Promise<IssuedCertificate>

/** Groups of single requests: while one waits for the disk, another is drafted or signed. */
const JOINED = { atMost: 200, underWay: 2, waiting: 5_000, overloaded: 'CA_OVERLOADED' } as const

/** Single certificates: whatever is asked for at the same time shares commits, messages to the workers and look-ups. */
export function createIssueOne(deps: ServiceDeps): IssueOne {
  const issue = joinCalls((requests: readonly IssueRequest[]) => prepareAndIssue(deps, requests), JOINED)
  return async (caller, input, mayRepeat) => {
    const [request] = await requestsOf(deps, caller, [input])
    if (request === undefined || request instanceof CodedError)
      throw request ?? new CodedError('REQUEST_INVALID', 'there is no request')
    const outcome = await issue(request)
    if (!(outcome instanceof CodedError)) return outcome
    const earlier = mayRepeat ? await findEarlier(deps, request, outcome) : undefined
    if (earlier) return earlier
    throw outcome
  }
}

/**
 * Many certificates. A request whose key has the same certificate already is answered with that one: so a batch that was
 * cut off can be sent again as it is.
 *
 * @returns one outcome per input, in their order
 * @throws {CodedError} what concerns all of them: STORE_UNAVAILABLE, CA_OVERLOADED
 */
export async function issueMany(
  deps: ServiceDeps,
  caller: Caller,
  inputs: readonly IssueInput[],
): Promise<(Issued | CodedError)[]> {
  const requests = await requestsOf(deps, caller, inputs)
  const outcomes = await prepareAndIssue(
    deps,
    requests.filter((request): request is IssueRequest => !(request instanceof CodedError)),
  )
  let next = 0
  return Promise.all(
    requests.map(async (request) => {
      if (request instanceof CodedError) return request
      const outcome = outcomes[next++] ?? new CodedError('KEY_UNAVAILABLE', 'nothing was issued')
      if (!(outcome instanceof CodedError)) return { certificate: outcome, isRepeat: false }
      const earlier = await findEarlier(deps, request, outcome)
      return earlier ? { certificate: earlier, isRepeat: true } : outcome
    }),
  )
}

async function prepareAndIssue(
  { ca }: ServiceDeps,
  requests: readonly IssueRequest[],
): Promise<(IssuedCertificate | CodedError)[]> {
  const tokens = await ca.prepareMany(requests)
  const good = tokens.filter((token): token is IssuanceToken => !(token instanceof CodedError))
  const issued = (await ca.issueMany(good)).values()
  return tokens.map((token) =>
    token instanceof CodedError
      ? token
      : (issued.next().value ?? new CodedError('TOKEN_REJECTED', 'no token')),
  )
}

/** Whether a certificate says what the request asks for; alternative names are not compared, so with them it does not. */
function saysTheSame(request: IssueRequest, { certDer, notBefore, notAfter }: IssuedRow): boolean {
  const { subject } = parseCertificate(certDer)
  const seconds = (notAfter.getTime() - notBefore.getTime()) / 1000 + 1
  return (
    (request.subjectAltNames ?? []).length === 0 &&
    (request.validitySeconds ?? seconds) === seconds &&
    subject.rdns.length === request.subject.length &&
    request.subject.every(({ type, value }) => findAttribute(subject, type) === value)
  )
}

/** The live certificate that the key of a refused request has, where it is what the request asks for. */
async function findEarlier(
  { ca, store }: ServiceDeps,
  request: IssueRequest,
  refusal: CodedError,
): Promise<IssuedCertificate | undefined> {
  const { keyInUse } = refusal.extra
  if (typeof keyInUse !== 'string') return undefined
  const withKey = (await store.ca.certificatesWithKeys([keyInUse])).get(keyInUse) ?? []
  const live = withKey.filter(({ state }) => state === 'valid')
  const [status] = live
  if (status === undefined || live.length > 1) return undefined
  const row = await store.ca.findIssued(status.issuerId, status.serialHex)
  const issuer = ca.issuers.find(({ issuerId }) => issuerId === status.issuerId)
  const isSame =
    row?.tenant === request.tenant &&
    row.profile === request.profile &&
    row.identityEvidenceId === request.identityEvidenceId &&
    saysTheSame(request, row)
  if (!row || !issuer || !isSame) return undefined
  return { ...row, chainDer: [issuer.certDer, ...issuer.chainDer] }
}
