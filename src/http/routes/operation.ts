/** What operators and their tools ask: alive, ready, metrics, and the OpenAPI document. */
import { Type } from 'typebox'
import type { Services } from '../../services/services.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed } from '../schemas.ts'

const Check = Type.Object(
  { name: Type.String(), ok: Type.Boolean(), detail: Type.Optional(Type.String()) },
  closed,
)
const Ready = Type.Object({ ready: Type.Boolean(), checks: Type.Array(Check) }, closed)

/** @param openApi the finished document, asked for late since it describes this route too */
export const operationRoutes = (
  services: Services,
  metrics: () => Promise<string>,
  openApi: () => object,
): readonly RouteDefinition[] => [
  route({
    method: 'GET',
    path: '/healthz',
    operationId: 'health',
    tag: 'Operation',
    summary: 'The process answers',
    permission: 'public',
    responses: { 200: { description: 'Alive', schema: Type.Object({ status: Type.Literal('ok') }, closed) } },
    errors: [],
    handler: async () => Promise.resolve({ status: 200, json: { status: 'ok' } }),
  }),
  route({
    method: 'GET',
    path: '/readyz',
    operationId: 'ready',
    tag: 'Operation',
    summary: 'Store, log, clock and CRLs are fit for work; `detail` with `ok` is a warning',
    permission: 'public',
    responses: {
      200: { description: 'Ready', schema: Ready },
      503: { description: 'Not ready, and why', schema: Ready },
    },
    errors: [],
    handler: async () => {
      const state = await services.readiness()
      return { status: state.ready ? 200 : 503, json: state }
    },
  }),
  route({
    method: 'GET',
    path: '/metrics',
    operationId: 'metrics',
    tag: 'Operation',
    summary: 'Prometheus metrics',
    permission: 'metrics.read',
    responses: {
      200: { description: 'Text exposition format', contentType: 'text/plain; version=0.0.4; charset=utf-8' },
    },
    errors: [],
    handler: async () => ({
      status: 200,
      bytes: [new TextEncoder().encode(await metrics())],
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
    }),
  }),
  route({
    method: 'GET',
    path: '/openapi.json',
    operationId: 'openApi',
    tag: 'Operation',
    summary: 'This description, OpenAPI 3.1',
    permission: 'public',
    responses: {
      200: { description: 'OpenAPI document', schema: Type.Object({}, { additionalProperties: true }) },
    },
    errors: [],
    handler: async () => Promise.resolve({ status: 200, json: openApi() }),
  }),
]
