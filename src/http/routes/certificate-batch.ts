/** Many certificates in one request. */
import { Type } from 'typebox'
import { CodedError } from '../../../ca/errors.ts'
import { toPem } from '../../lib/pem.ts'
import type { Issued, IssueInput } from '../../services/issue-certificates.ts'
import type { Services } from '../../services/services.ts'
import {
  Chains,
  chainsOf,
  checkItem,
  itemsOf,
  outcomesOf,
  place,
  placeOf,
  Ref,
  Refused,
  refusedItem,
} from '../batch.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed, Instant, SerialHex } from '../schemas.ts'
import { ISSUE_ERRORS, issueFields } from './certificates.ts'

const MAX_ITEMS = 1_000
/** A thousand requests for RSA-4096 keys in PEM, with names. */
const BATCH_BYTES = 4_194_304

/** One request of many. */
export const BatchItem = Type.Object({ ...issueFields, ref: Ref }, closed)

const BatchBody = Type.Object({ items: itemsOf(BatchItem, MAX_ITEMS) }, closed)

const Done = Type.Object(
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
)

const BatchAnswer = Type.Object(
  {
    issued: Type.Integer(),
    repeated: Type.Integer(),
    refused: Type.Integer(),
    items: Type.Array(Type.Union([Done, Refused]), { description: 'One outcome per item, in their order' }),
    chains: Chains,
  },
  closed,
)

/** What came of one of many. */
export function outcomeOf(result: Issued | CodedError, index: number, value: unknown) {
  if (result instanceof CodedError) return refusedItem(result, value, index)
  const { certificate, isRepeat } = result
  return {
    ...placeOf(value, index),
    outcome: isRepeat ? ('repeated' as const) : ('issued' as const),
    issuerId: certificate.issuerId,
    serialHex: certificate.serialHex,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    certificatePem: toPem('CERTIFICATE', certificate.certDer),
  }
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
      const checked = body.items.map((item, index) =>
        checkItem<IssueInput>(BatchItem, item, `#/items/${index}`),
      )
      const results = await outcomesOf(checked, (items) => services.issueMany(caller, items))
      const items = results.map((result, index) => outcomeOf(result, index, body.items[index]))
      const count = (outcome: string): number => items.filter((item) => item.outcome === outcome).length
      return {
        status: 200,
        json: {
          issued: count('issued'),
          repeated: count('repeated'),
          refused: count('refused'),
          items,
          chains: chainsOf(results.flatMap((one) => (one instanceof CodedError ? [] : [one.certificate]))),
        },
      }
    },
  }),
]
