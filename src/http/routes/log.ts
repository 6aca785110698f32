/** The log as outsiders read it (c2sp.org/tlog-tiles): checkpoint, tiles, proofs. Static, public, cacheable. */
import { Type } from 'typebox'
import type { Services } from '../../services/services.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed, Identifier } from '../schemas.ts'

const encoder = new TextEncoder()
const TEXT = 'text/plain; charset=utf-8'
const Size = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

export const logRoutes = (services: Services): readonly RouteDefinition[] => [
  route({
    method: 'GET',
    path: '/log/checkpoint',
    operationId: 'logCheckpoint',
    tag: 'Log',
    summary: 'Signed checkpoint of the log',
    permission: 'public',
    responses: { 200: { description: 'Signed note', contentType: TEXT } },
    errors: ['LOG_CHECKPOINT_MISSING'],
    handler: async () => ({
      status: 200,
      bytes: [encoder.encode(await services.log.checkpoint())],
      contentType: TEXT,
      headers: { 'Cache-Control': 'public, max-age=5' },
    }),
  }),
  route({
    method: 'GET',
    path: '/log/key',
    operationId: 'logKey',
    tag: 'Log',
    summary: 'Verifier key of the log (c2sp.org/signed-note)',
    permission: 'public',
    responses: { 200: { description: 'vkey text', contentType: TEXT } },
    errors: [],
    handler: async () => ({
      status: 200,
      bytes: [encoder.encode(`${services.log.verifierKey}\n`)],
      contentType: TEXT,
    }),
  }),
  route({
    method: 'GET',
    path: '/log/tile/{rest}',
    operationId: 'logTile',
    tag: 'Log',
    summary: 'Tile of hashes, or bundle of entries; never changes',
    permission: 'public',
    params: Type.Object({ rest: Type.String({ maxLength: 64 }) }, closed),
    responses: { 200: { description: 'Octets of the tile', contentType: 'application/octet-stream' } },
    errors: ['NOT_FOUND', 'INPUT_MALFORMED'],
    handler: async ({ params }) => ({
      status: 200,
      bytes: [await services.log.tile(params.rest)],
      contentType: 'application/octet-stream',
      headers: { 'Cache-Control': 'public, max-age=31536000, immutable' },
    }),
  }),
  route({
    method: 'GET',
    path: '/log/receipt/{recordId}',
    operationId: 'logReceipt',
    tag: 'Log',
    summary: 'Offline receipt of a record (c2sp.org/tlog-proof@v1)',
    permission: 'public',
    params: Type.Object({ recordId: Identifier }, closed),
    responses: { 200: { description: 'Proof text', contentType: TEXT } },
    errors: ['NOT_FOUND', 'LOG_RANGE'],
    handler: async ({ params }) => ({
      status: 200,
      bytes: [encoder.encode(await services.log.receipt(params.recordId))],
      contentType: TEXT,
    }),
  }),
  route({
    method: 'GET',
    path: '/log/consistency',
    operationId: 'logConsistency',
    tag: 'Log',
    summary: 'Proof that the log of size `from` is the beginning of the log of size `to` (RFC 9162 §2.1.4)',
    permission: 'public',
    query: Type.Object({ from: Size, to: Type.Optional(Size) }, closed),
    responses: {
      200: {
        description: 'Hashes, Base64, in order',
        schema: Type.Object({ from: Size, to: Size, proof: Type.Array(Type.String()) }, closed),
      },
    },
    errors: ['LOG_RANGE'],
    handler: async ({ query }) => ({
      status: 200,
      json: await services.log.consistency(query.from, query.to),
    }),
  }),
]
