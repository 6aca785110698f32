/** Many certificates in one request. */
import { Type } from 'typebox'
import { CodedError } from '../../../ca/errors.ts'
import { toPem } from '../../lib/pem.ts'
import type { Issued, IssueInput } from '../../services/issue-certificates.ts'
import type { Services } from '../../services/services.ts'
import { itemProblem } from '../problem.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed, Instant, SerialHex } from '../schemas.ts'
import { checkShape } from '../validate.ts'
import { ISSUE_ERRORS, issueFields } from './certificates.ts'

const MAX_ITEMS = 1_000
/** A thousand requests for RSA-4096 keys in PEM, with names. */
const BATCH_BYTES = 4_194_304

const Ref = Type.Optional(
  Type.String({ maxLength: 128, description: 'Name of the caller for this item, given back' }),
)

const BatchItem = Type.Object({ ...issueFields, ref: Ref }, closed)

const BatchBody = Type.Object(
  {
    items: Type.Array(
      // Each item is checked by itself: what is wrong with one must not cost the others.
      Type.Union([BatchItem, Type.Unknown()]),
      { minItems: 1, maxItems: MAX_ITEMS },
    ),
  },
  closed,
)

const Problem = Type.Object(
  {
    code: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ pointer: Type.String(), rule: Type.String() }))),
  },
  closed,
)

const place = { index: Type.Integer({ description: 'Place in the request, from 0' }), ref: Ref }

const Outcome = Type.Union([
  Type.Object(
    {
      ...place,
      outcome: Type.Enum(['issued', 'repeated'], {
        description: '`repeated`: an earlier request had this certificate issued for this key',
      }),
      issuerId: Type.String(),
      serialHex: SerialHex,
      notBefore: Instant,
      notAfter: Instant,
      certificatePem: Type.String(),
    },
    closed,
  ),
  Type.Object({ ...place, outcome: Type.Literal('refused'), problem: Problem }, closed),
])

const BatchAnswer = Type.Object(
  {
    issued: Type.Integer(),
    repeated: Type.Integer(),
    refused: Type.Integer(),
    items: Type.Array(Outcome, { description: 'One outcome per item, in their order' }),
    chains: Type.Record(Type.String(), Type.Array(Type.String()), {
      description: 'Chain in PEM by `issuerId`: issuing CA first, root last',
    }),
  },
  closed,
)

type Item = IssueInput & { readonly ref?: string }

function checkedItem(value: unknown, index: number): Item | CodedError {
  try {
    checkShape(BatchItem, value, `#/items/${index}`)
    return value as Item
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

const refOf = (value: unknown): { ref?: string } => {
  const ref = (value as { ref?: unknown } | null)?.ref
  return typeof ref === 'string' && ref.length <= 128 ? { ref } : {}
}

function outcomeOf(result: Issued | CodedError, index: number, value: unknown) {
  const at = { index, ...refOf(value) }
  if (result instanceof CodedError)
    return { ...at, outcome: 'refused' as const, problem: itemProblem(result) }
  const { certificate, isRepeat } = result
  return {
    ...at,
    outcome: isRepeat ? ('repeated' as const) : ('issued' as const),
    issuerId: certificate.issuerId,
    serialHex: certificate.serialHex,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    certificatePem: toPem('CERTIFICATE', certificate.certDer),
  }
}

function chainsOf(results: readonly (Issued | CodedError)[]): Record<string, string[]> {
  const chains = new Map<string, string[]>()
  for (const result of results) {
    if (result instanceof CodedError || chains.has(result.certificate.issuerId)) continue
    const { issuerId, chainDer } = result.certificate
    chains.set(
      issuerId,
      chainDer.map((der) => toPem('CERTIFICATE', der)),
    )
  }
  return Object.fromEntries(chains)
}

/** `POST /v1/certificates/batch`. */
export const certificateBatchRoutes = (services: Services): readonly RouteDefinition[] => [
  route({
    method: 'POST',
    path: '/v1/certificates/batch',
    operationId: 'issueCertificates',
    tag: 'Certificates',
    summary: 'Issue up to 1,000 certificates',
    description:
      'Each item succeeds or fails by itself. A batch whose answer was lost may be sent again: with the same `Idempotency-Key` it gets the same answer, and after a crash in the middle the certificates that were issued come back as `repeated`, for profiles that certify a key once.',
    permission: 'certificate.issue',
    creates: true,
    body: BatchBody,
    jsonBytes: BATCH_BYTES,
    responses: { 200: { description: 'One outcome per item', schema: BatchAnswer } },
    errors: [...ISSUE_ERRORS, 'CA_OVERLOADED', 'STORE_OVERLOADED'],
    handler: async ({ body, caller }) => {
      const checked = body.items.map(checkedItem)
      const issued = await services.issueMany(
        caller,
        checked.filter((item): item is Item => !(item instanceof CodedError)),
      )
      let next = 0
      const results = checked.map((item) =>
        item instanceof CodedError
          ? item
          : (issued[next++] ?? new CodedError('KEY_UNAVAILABLE', 'nothing was issued')),
      )
      const items = results.map((result, index) => outcomeOf(result, index, body.items[index]))
      const count = (outcome: string): number => items.filter((item) => item.outcome === outcome).length
      return {
        status: 200,
        json: {
          issued: count('issued'),
          repeated: count('repeated'),
          refused: count('refused'),
          items,
          chains: chainsOf(results),
        },
      }
    },
  }),
]
