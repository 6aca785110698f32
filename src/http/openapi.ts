/** The OpenAPI 3.1 document, built from the route definitions: nothing is written twice. */
import type { TObject, TSchema } from 'typebox'
import type { RouteDefinition } from './route.ts'
import { PROBLEMS } from './problem.ts'
import { ProblemSchema } from './schemas.ts'

type Json = Record<string, unknown>

const parametersOf = (schema: TObject | undefined, place: 'path' | 'query'): Json[] =>
  Object.entries((schema?.properties ?? {}) as Record<string, TSchema & { description?: string }>).map(
    ([name, property]) => ({
      name,
      in: place,
      required:
        place === 'path' || ((schema as unknown as { required?: string[] })?.required ?? []).includes(name),
      schema: property,
      ...(property.description === undefined ? {} : { description: property.description }),
    }),
  )

const binary = { type: 'string', format: 'binary' }

function requestBodyOf(definition: RouteDefinition): Json | undefined {
  const { body, upload, message, lines } = definition
  if (message?.requestType !== undefined)
    return { required: true, content: { [message.requestType]: { schema: binary } } }
  if (lines) return { required: true, content: { 'application/x-ndjson': { schema: lines.item } } }
  if (upload) {
    const files = Object.fromEntries(upload.parts.map((part) => [part, binary]))
    return {
      required: upload.required.length > 0,
      content: {
        'multipart/form-data': {
          schema: {
            type: 'object',
            properties: { ...(body ? { request: body } : {}), ...files },
            required: upload.required,
          },
          ...(body ? { encoding: { request: { contentType: 'application/json' } } } : {}),
        },
        'application/octet-stream': { schema: binary },
        'application/pdf': { schema: binary },
      },
    }
  }
  return body ? { required: true, content: { 'application/json': { schema: body } } } : undefined
}

function responsesOf(definition: RouteDefinition): Json {
  const answers: Json = {}
  for (const [status, response] of Object.entries(definition.responses)) {
    const type = response.contentType ?? 'application/json'
    const schema = response.schema ?? (type === 'application/json' ? undefined : binary)
    answers[status] = {
      description: response.description,
      ...(schema ? { content: { [type]: { schema } } } : {}),
    }
  }
  const codes = new Map<number, string[]>()
  for (const code of definition.errors) {
    const { status } = PROBLEMS[code]
    codes.set(status, [...(codes.get(status) ?? []), code])
  }
  for (const [status, list] of codes)
    answers[String(status)] ??= {
      description: list.join(', '),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    }
  answers['default'] = {
    description: 'Any other problem',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  }
  return answers
}

function operationOf(definition: RouteDefinition): Json {
  const requestBody = requestBodyOf(definition)
  const idempotency = definition.creates
    ? [
        {
          name: 'Idempotency-Key',
          in: 'header',
          required: false,
          schema: { type: 'string', minLength: 1, maxLength: 128 },
          description: 'A repeat with the same key and body gets the answer of the first request.',
        },
      ]
    : []
  const viaQuery =
    definition.upload && definition.body
      ? [
          {
            name: 'request',
            in: 'query',
            required: false,
            description: 'The JSON of part `request`, for raw bodies',
            content: { 'application/json': { schema: definition.body } },
          },
        ]
      : []
  return {
    operationId: definition.operationId,
    tags: [definition.tag],
    summary: definition.summary,
    ...(definition.description === undefined ? {} : { description: definition.description }),
    parameters: [
      ...parametersOf(definition.params, 'path'),
      ...parametersOf(definition.query, 'query'),
      ...viaQuery,
      ...idempotency,
    ],
    ...(requestBody ? { requestBody } : {}),
    responses: responsesOf(definition),
    security: definition.permission === 'public' ? [] : [{ apiKey: [] }],
    'x-permission': definition.permission,
  }
}

/**
 * @param baseUrl address under which the service is reached
 * @param version of the product
 */
export function buildOpenApi(routes: readonly RouteDefinition[], baseUrl: string, version: string): Json {
  const paths: Record<string, Json> = {}
  for (const definition of routes) {
    const path = (paths[definition.path] ??= {})
    path[definition.method.toLowerCase()] = operationOf(definition)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Yinxin 印信',
      version,
      description: 'Certification authority and electronic signatures: issue, sign, verify, revoke, count.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: baseUrl }],
    paths,
    components: {
      schemas: { Problem: ProblemSchema },
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'API key, as printed once when it was made' },
      },
    },
  }
}
