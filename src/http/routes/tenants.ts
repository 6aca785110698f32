/** Tenants and their API keys. */
import { Type } from 'typebox'
import type { Services } from '../../services/services.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed, Identifier, Instant, Paging } from '../schemas.ts'

const TenantSchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    createdAt: Instant,
    disabledAt: Type.Union([Instant, Type.Null()]),
  },
  closed,
)

const Role = Type.Enum(['admin', 'operator', 'signer', 'auditor', 'regulator'])

const ApiKeySchema = Type.Object(
  {
    id: Type.String(),
    tenant: Type.Union([Type.String(), Type.Null()]),
    roles: Type.Array(Role),
    label: Type.Union([Type.String(), Type.Null()]),
    createdAt: Instant,
    expiresAt: Type.Union([Instant, Type.Null()]),
    revokedAt: Type.Union([Instant, Type.Null()]),
    lastUsedAt: Type.Union([Instant, Type.Null()]),
    key: Type.Optional(Type.String({ description: 'The key itself; shown once, when it is made' })),
    keyWithheld: Type.Optional(
      Type.Literal(true, {
        description: 'This is the answer to a repeat: `key` was in the first answer, and is stored nowhere',
      }),
    ),
  },
  closed,
)

const tenantRoutesOnly = (services: Services): RouteDefinition[] => [
  route({
    method: 'POST',
    path: '/v1/tenants',
    operationId: 'createTenant',
    tag: 'Tenants',
    summary: 'Make a tenant',
    permission: 'tenant.manage',
    creates: true,
    body: Type.Object({ id: Identifier, name: Type.String({ minLength: 1, maxLength: 200 }) }, closed),
    responses: { 201: { description: 'The tenant', schema: TenantSchema } },
    errors: ['TENANT_EXISTS'],
    handler: async ({ body, caller }) => ({
      status: 201,
      json: await services.tenants.create(caller, body),
    }),
  }),
  route({
    method: 'GET',
    path: '/v1/tenants',
    operationId: 'listTenants',
    tag: 'Tenants',
    summary: 'All tenants',
    permission: 'tenant.manage',
    query: Type.Object(Paging, closed),
    responses: {
      200: {
        description: 'One page',
        schema: Type.Object({ items: Type.Array(TenantSchema), next: Type.Optional(Type.String()) }, closed),
      },
    },
    errors: [],
    handler: async ({ query, caller }) => ({
      status: 200,
      json: await services.tenants.list(caller, query),
    }),
  }),
]

export const tenantRoutes = (services: Services): readonly RouteDefinition[] => [
  ...tenantRoutesOnly(services),
  route({
    method: 'POST',
    path: '/v1/api-keys',
    operationId: 'createApiKey',
    tag: 'API keys',
    summary: 'Make an API key; it is shown once and stored hashed',
    description:
      'A repeat with the same Idempotency-Key makes no second key and is answered 200 with `keyWithheld` instead of ' +
      '`key`. Where the first answer was lost, revoke that key and make another with a new Idempotency-Key.',
    permission: 'apikey.manage',
    creates: true,
    body: Type.Object(
      {
        tenant: Type.Union([Identifier, Type.Null()], { description: 'null: the institution itself' }),
        roles: Type.Array(Role, { minItems: 1, maxItems: 5, uniqueItems: true }),
        label: Type.Optional(Type.String({ maxLength: 100 })),
        expiresAt: Type.Optional(Instant),
      },
      closed,
    ),
    responses: {
      200: { description: 'A repeat: what was made, without the key itself', schema: ApiKeySchema },
      201: { description: 'The key', schema: ApiKeySchema },
    },
    errors: ['TENANT_NOT_FOUND'],
    handler: async ({ body, caller }) => {
      const made = await services.apiKeys.create(caller, body)
      const { key: _shownOnce, ...kept } = made
      return { status: 201, json: made, kept: { status: 200, json: { ...kept, keyWithheld: true } } }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/api-keys',
    operationId: 'listApiKeys',
    tag: 'API keys',
    summary: 'API keys, without their secrets',
    permission: 'apikey.manage',
    query: Type.Object(Paging, closed),
    responses: {
      200: {
        description: 'One page',
        schema: Type.Object({ items: Type.Array(ApiKeySchema), next: Type.Optional(Type.String()) }, closed),
      },
    },
    errors: [],
    handler: async ({ query, caller }) => ({
      status: 200,
      json: await services.apiKeys.list(caller, query),
    }),
  }),
  route({
    method: 'DELETE',
    path: '/v1/api-keys/{id}',
    operationId: 'revokeApiKey',
    tag: 'API keys',
    summary: 'Revoke an API key at once',
    permission: 'apikey.manage',
    params: Type.Object({ id: Type.String({ maxLength: 80 }) }, closed),
    responses: { 204: { description: 'Revoked' } },
    errors: ['API_KEY_NOT_FOUND'],
    handler: async ({ params, caller }) => {
      await services.apiKeys.revoke(caller, params.id)
      return { status: 204 }
    },
  }),
]
