/** Keys that the service holds for a tenant: the private part never leaves the core. */
import { Type } from 'typebox'
import type { Services } from '../../services/services.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed, Instant, Paging, SubjectAttributes } from '../schemas.ts'

const KeySchema = Type.Object(
  {
    keyId: Type.String(),
    algorithm: Type.String(),
    publicKeyPem: Type.String(),
    createdAt: Instant,
    destroyedAt: Type.Union([Instant, Type.Null()]),
    certificatesPem: Type.Optional(Type.Array(Type.String())),
  },
  closed,
)

const params = Type.Object({ keyId: Type.String({ maxLength: 80 }) }, closed)
const tag = 'Keys'

const createRoutes = (services: Services): RouteDefinition[] => [
  route({
    method: 'POST',
    path: '/v1/keys',
    operationId: 'createKey',
    tag,
    summary: 'Make a key pair that the service holds',
    permission: 'key.create',
    creates: true,
    body: Type.Object(
      { algorithm: Type.Optional(Type.String({ maxLength: 20, description: 'P-256 when left out' })) },
      closed,
    ),
    responses: { 201: { description: 'The key', schema: KeySchema } },
    errors: ['ALGORITHM_UNSUPPORTED'],
    handler: async ({ body, caller }) => ({
      status: 201,
      json: await services.keys.create(caller, body.algorithm ?? 'P-256'),
    }),
  }),
  route({
    method: 'POST',
    path: '/v1/keys/import',
    operationId: 'importKey',
    tag,
    summary: 'Bring a key and its certificates in a PKCS#12 file',
    permission: 'key.create',
    creates: true,
    body: Type.Object({ passphrase: Type.String({ maxLength: 200 }) }, closed),
    upload: { parts: ['document'], required: ['document'] },
    responses: { 201: { description: 'The key', schema: KeySchema } },
    errors: ['INPUT_MALFORMED', 'KEY_WEAK', 'KEY_BLOCKED', 'ALGORITHM_UNSUPPORTED'],
    handler: async ({ body, uploads, caller }) => ({
      status: 201,
      json: await services.keys.import(
        caller,
        uploads.get('document')?.bytes ?? new Uint8Array(),
        body.passphrase,
      ),
    }),
  }),
  route({
    method: 'POST',
    path: '/v1/keys/{keyId}/csr',
    operationId: 'createCsr',
    tag,
    summary: 'A PKCS#10 request signed by a held key',
    permission: 'key.create',
    params,
    body: Type.Object({ subject: SubjectAttributes }, closed),
    responses: {
      200: { description: 'The request', schema: Type.Object({ csrPem: Type.String() }, closed) },
    },
    errors: ['KEY_NOT_FOUND', 'KEY_DESTROYED'],
    handler: async ({ params: { keyId }, body, caller }) => ({
      status: 200,
      json: await services.keys.csr(caller, keyId, body.subject),
    }),
  }),
]

export const keyRoutes = (services: Services): readonly RouteDefinition[] => [
  ...createRoutes(services),
  route({
    method: 'GET',
    path: '/v1/keys',
    operationId: 'listKeys',
    tag,
    summary: 'Keys of this tenant',
    permission: 'key.read',
    query: Type.Object(Paging, closed),
    responses: {
      200: {
        description: 'One page',
        schema: Type.Object({ items: Type.Array(KeySchema), next: Type.Optional(Type.String()) }, closed),
      },
    },
    errors: [],
    handler: async ({ query, caller }) => ({
      status: 200,
      json: await services.keys.list(caller, query),
    }),
  }),
  route({
    method: 'DELETE',
    path: '/v1/keys/{keyId}',
    operationId: 'destroyKey',
    tag,
    summary: 'Destroy a key for ever; the destruction is recorded',
    permission: 'key.destroy',
    params,
    responses: { 204: { description: 'Destroyed' } },
    errors: ['KEY_NOT_FOUND', 'KEY_DESTROYED'],
    handler: async ({ params: { keyId }, caller }) => {
      await services.keys.destroy(caller, keyId)
      return { status: 204 }
    },
  }),
]
