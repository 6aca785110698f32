/** Signatures: a PDF becomes PAdES, any other file gets a detached CAdES signature. */
import { Type } from 'typebox'
import type { ErrorCode } from '../../lib/error-codes.ts'
import type { Services } from '../../services/services.ts'
import type { SignedDocument } from '../../services/sign-document.ts'
import { type Reply, type RouteDefinition, route } from '../route.ts'
import { closed, Identifier, Instant, Paging, SerialHex, Sha256Hex, SubjectAttributes } from '../schemas.ts'

const Level = Type.Enum(['B-B', 'B-T'], {
  description: 'B-T adds a time stamp: the time is then proved, not claimed',
})

const Signer = Type.Union(
  [
    Type.Object(
      {
        event: Type.Object(
          {
            profile: Type.Optional(Type.String({ maxLength: 64, default: 'event' })),
            subject: SubjectAttributes,
            identityEvidenceId: Type.Optional(Type.String({ maxLength: 80 })),
            validitySeconds: Type.Optional(Type.Integer({ minimum: 1 })),
          },
          closed,
        ),
      },
      closed,
    ),
    Type.Object({ certificate: Type.Object({ issuerId: Identifier, serialHex: SerialHex }, closed) }, closed),
  ],
  { description: 'An event certificate made for this signature, or a held certificate' },
)

const Appearance = Type.Object(
  {
    page: Type.Integer({ minimum: 1, description: 'Page, 1 is the first' }),
    rect: Type.Array(Type.Number({ minimum: -14_400, maximum: 14_400 }), {
      minItems: 4,
      maxItems: 4,
      description: '[left, bottom, right, top] in points from the lower left corner of the page',
    }),
    lines: Type.Optional(
      Type.Array(Type.String({ maxLength: 200 }), {
        maxItems: 12,
        description: 'Text beside the image; Chinese is fine',
      }),
    ),
  },
  closed,
)

const SignBody = Type.Object(
  {
    signer: Signer,
    level: Type.Optional(Level),
    format: Type.Optional(
      Type.Enum(['auto', 'pades', 'cades'], { description: '`auto`: PAdES for a PDF, else CAdES' }),
    ),
    appearance: Type.Optional(Appearance),
    fieldName: Type.Optional(
      Type.String({
        maxLength: 120,
        description: 'An empty signature field of the PDF, or the name of a new one',
      }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 200 })),
    location: Type.Optional(Type.String({ maxLength: 200 })),
    certify: Type.Optional(
      Type.Enum([1, 2, 3], { description: 'DocMDP permission of a certification (first signature only)' }),
    ),
    password: Type.Optional(
      Type.String({ maxLength: 127, description: 'User password of an encrypted PDF' }),
    ),
  },
  closed,
)

const SignatureSchema = Type.Object(
  {
    id: Type.String(),
    format: Type.Enum(['pades', 'cades']),
    level: Level,
    signedAt: Instant,
    contentSha256: Sha256Hex,
    signedSha256: Sha256Hex,
    sizeBytes: Type.Integer(),
    fileName: Type.String(),
    certificate: Type.Object(
      { issuerId: Type.String(), serialHex: SerialHex, subject: Type.String() },
      closed,
    ),
    document: Type.String({ description: 'Path of the signed document' }),
    keptUntil: Instant,
  },
  closed,
)

const tag = 'Signatures'

/** The document itself, or a description of it: whichever `Accept` prefers. */
function signedReply(signed: SignedDocument, accept: string): Reply {
  const { summary, bytes, mediaType } = signed
  const headers = { Location: `/v1/signatures/${summary.id}`, 'Yinxin-Signature-Id': summary.id }
  if (!wantsDocument(accept)) return { status: 201, json: summary, headers }
  return {
    status: 201,
    bytes,
    signatureId: summary.id,
    contentType: mediaType,
    headers: { ...headers, ...dispositionOf(summary.fileName) },
  }
}

const wantsDocument = (accept: string): boolean =>
  /application\/(pdf|octet-stream|pkcs7-signature)/.test(accept) && !accept.includes('application/json')

/** RFC 6266 and RFC 8187: the name in UTF-8, and an ASCII form that cannot break the header. */
const dispositionOf = (fileName: string): Record<string, string> => ({
  'Content-Disposition': `attachment; filename="${fileName.replace(/[^A-Za-z0-9._-]/g, '_')}"; filename*=UTF-8''${encodeURIComponent(fileName)}`,
})

const SIGNER_ERRORS: readonly ErrorCode[] = [
  'PROFILE_UNKNOWN',
  'PROFILE_VIOLATION',
  'LINT_FAILED',
  'IDENTITY_EVIDENCE_REQUIRED',
  'IDENTITY_EVIDENCE_MISMATCH',
  'CERT_NOT_FOUND',
  'CERT_NOT_VALID',
  'KEY_NOT_FOUND',
  'KEY_DESTROYED',
  'ALGORITHM_UNSUPPORTED',
]

const PDF_ERRORS: readonly ErrorCode[] = [
  'INPUT_TOO_LARGE',
  'PDF_TOO_LARGE',
  'PDF_MALFORMED',
  'PDF_ENCRYPTED',
  'PDF_ENCRYPTION_UNSUPPORTED',
  'PDF_NOT_PERMITTED',
  'PDF_CERTIFIED_NO_CHANGES',
  'PDF_DAMAGED_SIGNED',
  'PDF_FIELD_LOCKED',
  'PDF_XFA_DYNAMIC',
  'PADES_OPTION_INVALID',
  'PADES_PAGE_OUT_OF_RANGE',
  'PADES_FIELD_INVALID',
  'PADES_FIELD_SIGNED',
  'PADES_SEED_VALUE_UNSUPPORTED',
  'PADES_CERTIFY_NOT_FIRST',
  'APPEARANCE_INVALID',
  'APPEARANCE_IMAGE_INVALID',
  'APPEARANCE_IMAGE_TOO_LARGE',
]

const createRoute = (services: Services): RouteDefinition =>
  route({
    method: 'POST',
    path: '/v1/signatures',
    operationId: 'createSignature',
    tag,
    summary: 'Sign a document',
    description:
      'Send multipart/form-data with the parts `request` (JSON), `document` and optionally `image` (PNG of a seal or handwriting), ' +
      'or the document as the raw body with the JSON in the query parameter `request`. ' +
      'The answer is JSON; with `Accept: application/pdf` (or application/octet-stream) it is the signed document.',
    permission: 'document.sign',
    creates: true,
    body: SignBody,
    upload: { parts: ['document', 'image'], required: ['document'] },
    responses: { 201: { description: 'What was signed, or the signed document', schema: SignatureSchema } },
    errors: [...SIGNER_ERRORS, ...PDF_ERRORS, 'DOCUMENT_ERASED', 'SELF_CHECK_FAILED'],
    handler: async ({ body, uploads, caller, header }) => {
      const document = uploads.get('document')
      const signed = await services.signDocument(caller, {
        ...body,
        document: document?.bytes ?? new Uint8Array(),
        ...(document?.fileName === undefined ? {} : { fileName: document.fileName }),
        mediaType: document?.mediaType ?? 'application/octet-stream',
        ...(uploads.has('image') ? { image: uploads.get('image')?.bytes ?? new Uint8Array() } : {}),
      })
      return signedReply(signed, header('accept'))
    },
  })

const params = Type.Object({ id: Type.String({ maxLength: 80 }) }, closed)

const receiptRoute = (services: Services): RouteDefinition =>
  route({
    method: 'GET',
    path: '/v1/signatures/{id}/receipt',
    operationId: 'getSignatureReceipt',
    tag,
    summary: 'Offline proof that the signature is in the log (c2sp.org/tlog-proof@v1)',
    permission: 'signature.read',
    params,
    responses: { 200: { description: 'Proof text', contentType: 'text/plain; charset=utf-8' } },
    errors: ['NOT_FOUND', 'LOG_RANGE'],
    handler: async ({ params: { id }, caller }) => ({
      status: 200,
      bytes: [new TextEncoder().encode(await services.signatures.receipt(caller, id))],
      contentType: 'text/plain; charset=utf-8',
    }),
  })

export const signatureRoutes = (services: Services): readonly RouteDefinition[] => [
  createRoute(services),
  receiptRoute(services),
  route({
    method: 'GET',
    path: '/v1/signatures',
    operationId: 'listSignatures',
    tag,
    summary: 'Signatures of this tenant, newest first',
    permission: 'signature.read',
    query: Type.Object(Paging, closed),
    responses: {
      200: {
        description: 'One page',
        schema: Type.Object(
          { items: Type.Array(SignatureSchema), next: Type.Optional(Type.String()) },
          closed,
        ),
      },
    },
    errors: [],
    handler: async ({ query, caller }) => ({
      status: 200,
      json: await services.signatures.list(caller, query),
    }),
  }),
  route({
    method: 'GET',
    path: '/v1/signatures/{id}',
    operationId: 'getSignature',
    tag,
    summary: 'One signature',
    permission: 'signature.read',
    params,
    responses: { 200: { description: 'The signature', schema: SignatureSchema } },
    errors: ['NOT_FOUND'],
    handler: async ({ params: { id }, caller }) => ({
      status: 200,
      json: await services.signatures.get(caller, id),
    }),
  }),
  route({
    method: 'GET',
    path: '/v1/signatures/{id}/document',
    operationId: 'getSignedDocument',
    tag,
    summary: 'The signed document, while it is kept',
    permission: 'document.read',
    params,
    responses: {
      200: { description: 'The octets that were signed for', contentType: 'application/octet-stream' },
    },
    errors: ['NOT_FOUND', 'DOCUMENT_ERASED', 'DOCUMENT_NOT_FOUND'],
    handler: async ({ params: { id }, caller }) => {
      const { bytes, sizeBytes, mediaType, fileName } = await services.signatures.document(caller, id)
      return {
        status: 200,
        stream: bytes,
        sizeBytes,
        contentType: mediaType,
        headers: { ...dispositionOf(fileName), 'Cache-Control': 'private, no-store' },
      }
    },
  }),
]
