/** Identity evidence: who a certificate names, and how that was checked (Electronic Signature Law art. 20). */
import { Type } from 'typebox'
import type { Services } from '../../services/services.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed, Instant, Paging, Sha256Hex, SubjectAltNames, SubjectAttributes } from '../schemas.ts'

const checked = {
  method: Type.String({
    minLength: 1,
    maxLength: 80,
    description: 'For example `counter`, `video`, `bank-card-4`, `business-licence`',
  }),
  source: Type.String({ minLength: 1, maxLength: 200, description: 'Who confirmed it' }),
  result: Type.Enum(['passed', 'failed']),
  checkedAt: Instant,
  operator: Type.String({ minLength: 1, maxLength: 100 }),
}

const EvidenceSchema = Type.Object(
  { id: Type.String(), ...checked, materialSha256: Type.Array(Sha256Hex), createdAt: Instant },
  closed,
)

const EvidenceBody = Type.Object(
  {
    subject: SubjectAttributes,
    subjectAltNames: Type.Optional(SubjectAltNames),
    ...checked,
    materialSha256: Type.Array(Sha256Hex, {
      minItems: 1,
      maxItems: 50,
      description: 'SHA-256 of each piece of material, which stays with you',
    }),
  },
  closed,
)

const tag = 'Identity evidence'

export const identityEvidenceRoutes = (services: Services): readonly RouteDefinition[] => [
  route({
    method: 'POST',
    path: '/v1/identity-evidence',
    operationId: 'addIdentityEvidence',
    tag,
    summary: 'Record that an identity was checked',
    description:
      'Give every attribute and alternative name that was checked; they are kept as salted hashes only. A certificate ' +
      'that uses this evidence names the same subject and says nothing of it that is not here.',
    permission: 'identity.write',
    creates: true,
    body: EvidenceBody,
    responses: { 201: { description: 'The entry', schema: EvidenceSchema } },
    errors: ['REQUEST_INVALID'],
    handler: async ({ body, caller }) => {
      const entry = await services.identityEvidence.add(caller, {
        ...body,
        checkedAt: new Date(body.checkedAt),
      })
      return { status: 201, json: entry, headers: { Location: `/v1/identity-evidence/${entry.id}` } }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/identity-evidence',
    operationId: 'listIdentityEvidence',
    tag,
    summary: 'Entries of this tenant, newest first',
    permission: 'identity.read',
    query: Type.Object(Paging, closed),
    responses: {
      200: {
        description: 'One page',
        schema: Type.Object(
          { items: Type.Array(EvidenceSchema), next: Type.Optional(Type.String()) },
          closed,
        ),
      },
    },
    errors: [],
    handler: async ({ query, caller }) => ({
      status: 200,
      json: await services.identityEvidence.list(caller, query),
    }),
  }),
  route({
    method: 'GET',
    path: '/v1/identity-evidence/{id}',
    operationId: 'getIdentityEvidence',
    tag,
    summary: 'One entry',
    permission: 'identity.read',
    params: Type.Object({ id: Type.String({ maxLength: 80 }) }, closed),
    responses: { 200: { description: 'The entry', schema: EvidenceSchema } },
    errors: ['NOT_FOUND'],
    handler: async ({ params, caller }) => ({
      status: 200,
      json: await services.identityEvidence.get(caller, params.id),
    }),
  }),
]
