/** Certificates: issue, look up, search, export, revoke. */
import { Type } from 'typebox'
import type { ErrorCode } from '../../lib/error-codes.ts'
import type { Services } from '../../services/services.ts'
import { type RouteDefinition, route } from '../route.ts'
import {
  closed,
  Identifier,
  Instant,
  Paging,
  SerialHex,
  Sha256Hex,
  SubjectAltNames,
  SubjectAttributes,
} from '../schemas.ts'

const State = Type.Enum(['intent', 'valid', 'held', 'revoked', 'expired'], {
  description: '`intent`: the serial is taken and no certificate is known (a crash or a refusal)',
})

const CertificateSchema = Type.Object(
  {
    issuerId: Type.String(),
    serialHex: SerialHex,
    profile: Type.String(),
    class: Type.String(),
    state: State,
    subject: Type.Union([Type.String({ description: 'RFC 4514' }), Type.Null()]),
    algorithm: Type.Union([Type.String(), Type.Null()]),
    notBefore: Type.Union([Instant, Type.Null()]),
    notAfter: Type.Union([Instant, Type.Null()]),
    issuedAt: Type.Union([Instant, Type.Null()]),
    certSha256: Type.Union([Sha256Hex, Type.Null()]),
    spkiSha256: Sha256Hex,
    keyId: Type.Union([Type.String(), Type.Null()]),
    identityEvidenceId: Type.Union([Type.String(), Type.Null()]),
    revokedAt: Type.Union([Instant, Type.Null()]),
    reason: Type.Union([Type.String(), Type.Null()]),
    legalGround: Type.Union([Type.String(), Type.Null()]),
    invalidityDate: Type.Union([Instant, Type.Null()]),
    certificatePem: Type.Optional(Type.String()),
    chainPem: Type.Optional(Type.Array(Type.String(), { description: 'Issuing CA first, root last' })),
  },
  closed,
)

const certificateParams = Type.Object({ issuerId: Identifier, serialHex: SerialHex }, closed)

const searchFields = {
  subject: Type.Optional(
    Type.String({ maxLength: 256, description: 'Common name, or its beginning with a trailing *' }),
  ),
  serialHex: Type.Optional(SerialHex),
  state: Type.Optional(State),
  profile: Type.Optional(Identifier),
  spkiSha256: Type.Optional(Sha256Hex),
  issuedFrom: Type.Optional(Instant),
  issuedTo: Type.Optional(Instant),
  tenant: Type.Optional(
    Type.String({ maxLength: 80, description: 'Another tenant; needs a role that sees all' }),
  ),
}

export const issueFields = {
  profile: Identifier,
  issuerId: Type.Optional(Identifier),
  subject: SubjectAttributes,
  csr: Type.Optional(
    Type.String({ maxLength: 20_000, description: 'PKCS#10 request, PEM or Base64 of its DER' }),
  ),
  keyId: Type.Optional(
    Type.String({ maxLength: 80, description: 'A key that the service holds; instead of `csr`' }),
  ),
  validitySeconds: Type.Optional(Type.Integer({ minimum: 1 })),
  subjectAltNames: Type.Optional(SubjectAltNames),
  identityEvidenceId: Type.Optional(
    Type.String({
      maxLength: 80,
      description: 'Backs every attribute of `subject` and every entry of `subjectAltNames`',
    }),
  ),
}

const IssueBody = Type.Object(issueFields, closed)

const RevocationBody = Type.Object(
  {
    reason: Type.Enum(
      [
        'unspecified',
        'keyCompromise',
        'cACompromise',
        'affiliationChanged',
        'superseded',
        'cessationOfOperation',
        'certificateHold',
        'removeFromCRL',
        'privilegeWithdrawn',
        'aACompromise',
      ],
      { description: 'RFC 5280 §5.3.1; `removeFromCRL` releases a hold' },
    ),
    legalGround: Type.Enum(
      ['holder-request', 'false-information', 'contract-breach', 'security-not-assured', 'other-by-law'],
      {
        description: '电子认证服务管理办法 art. 29, grounds ① to ⑤',
      },
    ),
    invalidityDate: Type.Optional(Instant),
  },
  closed,
)

const page = (item: typeof CertificateSchema) =>
  Type.Object({ items: Type.Array(item), next: Type.Optional(Type.String()) }, closed)

const tag = 'Certificates'

/** What can be wrong with one request. */
export const ISSUE_ERRORS: readonly ErrorCode[] = [
  'CSR_PROOF_OF_POSSESSION',
  'KEY_WEAK',
  'KEY_BLOCKED',
  'PROFILE_UNKNOWN',
  'PROFILE_VIOLATION',
  'LINT_FAILED',
  'IDENTITY_EVIDENCE_REQUIRED',
  'IDENTITY_EVIDENCE_MISMATCH',
  'INPUT_MALFORMED',
  'ALGORITHM_UNSUPPORTED',
  'ISSUER_UNKNOWN',
  'KEY_NOT_FOUND',
  'KEY_DESTROYED',
  'SERIAL_COLLISION',
]

const issueRoute = (services: Services): RouteDefinition =>
  route({
    method: 'POST',
    path: '/v1/certificates',
    operationId: 'issueCertificate',
    tag,
    summary: 'Issue a certificate',
    permission: 'certificate.issue',
    creates: true,
    body: IssueBody,
    responses: { 201: { description: 'The certificate', schema: CertificateSchema } },
    errors: ISSUE_ERRORS,
    handler: async ({ body, caller, header }) => {
      const mayRepeat = header('idempotency-key') !== ''
      const certificate = await services.certificates.issue(caller, body, mayRepeat)
      const location = `/v1/certificates/${certificate.issuerId}/${certificate.serialHex}`
      return { status: 201, json: certificate, headers: { Location: location } }
    },
  })

const readRoutes = (services: Services): RouteDefinition[] => [
  route({
    method: 'GET',
    path: '/v1/certificates',
    operationId: 'searchCertificates',
    tag,
    summary: 'Search certificates, newest first',
    permission: 'certificate.read',
    query: Type.Object({ ...searchFields, ...Paging }, closed),
    responses: { 200: { description: 'One page', schema: page(CertificateSchema) } },
    errors: ['REQUEST_INVALID'],
    handler: async ({ query, caller }) => ({
      status: 200,
      json: await services.certificates.search(caller, query),
    }),
  }),
  route({
    method: 'GET',
    path: '/v1/certificates/export',
    operationId: 'exportCertificates',
    tag,
    summary: 'All matching certificates, one JSON object per line',
    permission: 'certificate.export',
    query: Type.Object(searchFields, closed),
    responses: { 200: { description: 'NDJSON', contentType: 'application/x-ndjson' } },
    errors: ['REQUEST_INVALID'],
    handler: async ({ query, caller }) => ({
      status: 200,
      stream: await services.certificates.export(caller, query),
      contentType: 'application/x-ndjson',
    }),
  }),
  route({
    method: 'GET',
    path: '/v1/certificates/{issuerId}/{serialHex}',
    operationId: 'getCertificate',
    tag,
    summary: 'One certificate with its chain and status',
    permission: 'certificate.read',
    params: certificateParams,
    responses: { 200: { description: 'The certificate', schema: CertificateSchema } },
    errors: ['CERT_NOT_FOUND'],
    handler: async ({ params, caller }) => ({
      status: 200,
      json: await services.certificates.get(caller, params.issuerId, params.serialHex),
    }),
  }),
  route({
    method: 'GET',
    path: '/v1/certificates/{issuerId}/{serialHex}/receipt',
    operationId: 'getCertificateReceipt',
    tag,
    summary: 'Offline proof that the issuance is in the log (c2sp.org/tlog-proof@v1)',
    permission: 'certificate.read',
    params: certificateParams,
    responses: { 200: { description: 'Proof text', contentType: 'text/plain; charset=utf-8' } },
    errors: ['CERT_NOT_FOUND', 'NOT_FOUND', 'LOG_RANGE'],
    handler: async ({ params, caller }) => ({
      status: 200,
      bytes: [
        new TextEncoder().encode(
          await services.certificates.receipt(caller, params.issuerId, params.serialHex),
        ),
      ],
      contentType: 'text/plain; charset=utf-8',
    }),
  }),
]

const revokeRoute = (services: Services): RouteDefinition =>
  route({
    method: 'POST',
    path: '/v1/certificates/{issuerId}/{serialHex}/revocation',
    operationId: 'revokeCertificate',
    tag,
    summary: 'Revoke, hold or release a certificate; a repeat changes nothing',
    permission: 'certificate.revoke',
    creates: true,
    params: certificateParams,
    body: RevocationBody,
    responses: { 200: { description: 'The certificate as it is now', schema: CertificateSchema } },
    errors: ['CERT_NOT_FOUND', 'REVOCATION_CONFLICT', 'PROFILE_VIOLATION'],
    handler: async ({ params, body, caller }) => ({
      status: 200,
      json: await services.certificates.revoke(caller, params.issuerId, params.serialHex, body),
    }),
  })

export const certificateRoutes = (services: Services): readonly RouteDefinition[] => [
  issueRoute(services),
  ...readRoutes(services),
  revokeRoute(services),
]
