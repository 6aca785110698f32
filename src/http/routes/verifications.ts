/** Verifications: a PDF, or a detached CAdES signature with its content. Open to everybody. */
import { Type } from 'typebox'
import type { Services } from '../../services/services.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed, Instant } from '../schemas.ts'

const VerificationSchema = Type.Object(
  {
    id: Type.String(),
    fileName: Type.Union([Type.String(), Type.Null()]),
    verifiedAt: Instant,
    report: Type.Unsafe<unknown>({ type: 'object' }),
  },
  closed,
)

const VerifyBody = Type.Object(
  {
    at: Type.Optional(Instant),
    password: Type.Optional(Type.String({ maxLength: 127 })),
  },
  closed,
)

export const verificationRoutes = (services: Services): readonly RouteDefinition[] => [
  route({
    method: 'POST',
    path: '/v1/verifications',
    operationId: 'createVerification',
    tag: 'Verifications',
    summary: 'Verify a signed document; the verdict is in the report, also when it is TOTAL-FAILED',
    description:
      'Part `document` is the PDF, or the .p7s of a detached signature with its content in part `content`. ' +
      'With an API key the report belongs to the tenant; without one, whoever has its id may read it, and an `Idempotency-Key` has no effect.',
    permission: 'public',
    memberPermission: 'verification.read',
    creates: true,
    body: VerifyBody,
    upload: { parts: ['document', 'content'], required: ['document'] },
    responses: { 200: { description: 'The report', schema: VerificationSchema } },
    errors: ['INPUT_TOO_LARGE', 'REQUEST_INVALID'],
    handler: async ({ body, uploads, caller }) => {
      const document = uploads.get('document')
      const content = uploads.get('content')
      const verification = await services.verifyDocument(caller, {
        document: document?.bytes ?? new Uint8Array(),
        fileName: document?.fileName ?? null,
        ...(content ? { content: content.bytes } : {}),
        ...(body.at === undefined ? {} : { at: new Date(body.at) }),
        ...(body.password === undefined ? {} : { password: body.password }),
      })
      return { status: 200, json: verification }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/verifications/{id}',
    operationId: 'getVerification',
    tag: 'Verifications',
    summary: 'A stored report',
    permission: 'public',
    memberPermission: 'verification.read',
    params: Type.Object({ id: Type.String({ maxLength: 80 }) }, closed),
    responses: { 200: { description: 'The report', schema: VerificationSchema } },
    errors: ['NOT_FOUND'],
    handler: async ({ params, caller }) => ({
      status: 200,
      json: await services.verifications.get(caller, params.id),
    }),
  }),
]
