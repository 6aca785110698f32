/** RFC protocols: OCSP (RFC 6960, RFC 5019), RFC 3161 time stamps, CRLs and CA certificates (RFC 5280 §4.2.1.13, §4.2.2.1). */
import { Type } from 'typebox'
import type { OcspAnswer } from '../../../ca/ports.ts'
import type { Services } from '../../services/services.ts'
import { httpDate, strongEtag } from '../caching.ts'
import { type Reply, type RouteDefinition, route } from '../route.ts'
import { closed, Identifier } from '../schemas.ts'

const OCSP_RESPONSE = 'application/ocsp-response'
const TIMESTAMP_REPLY = 'application/timestamp-reply'

/** Longest time that a public cache may keep an answer: a revocation must not hide behind it for hours. */
const MAX_OCSP_AGE_SECONDS = 300

/** RFC 5019 §6.2: what a cache needs to keep a GET answer for as long as it is true, and no longer. */
function ocspReply(answer: OcspAnswer, now: Date, viaGet: boolean): Reply {
  const { thisUpdate, nextUpdate } = answer
  const base = { status: 200, bytes: [answer.der], contentType: OCSP_RESPONSE }
  if (!viaGet || !answer.cacheable || !thisUpdate || !nextUpdate)
    return { ...base, headers: { 'Cache-Control': 'no-store' } }
  const seconds = Math.max(
    0,
    Math.min(
      answer.maxAgeSeconds,
      MAX_OCSP_AGE_SECONDS,
      Math.floor((nextUpdate.getTime() - now.getTime()) / 1000),
    ),
  )
  return {
    ...base,
    headers: {
      'Cache-Control': `max-age=${seconds}, public, no-transform, must-revalidate`,
      'Last-Modified': httpDate(thisUpdate),
      Expires: httpDate(new Date(now.getTime() + seconds * 1000)),
      ETag: strongEtag(answer.der),
    },
  }
}

/** Largest requests that are read; far above what a client of these protocols sends. */
const MESSAGE_BYTES = 65_536
const REQUEST_PATH = Type.String({ maxLength: 4096 })

export const protocolRoutes = (services: Services): readonly RouteDefinition[] => [
  route({
    method: 'POST',
    path: '/ocsp',
    operationId: 'ocspPost',
    tag: 'Protocols',
    summary: 'OCSP over POST (RFC 6960 appendix A)',
    permission: 'public',
    upload: { parts: ['document'], required: ['document'], messageBytes: MESSAGE_BYTES },
    responses: { 200: { description: 'DER OCSPResponse; errors too', contentType: OCSP_RESPONSE } },
    errors: ['INPUT_TOO_LARGE'],
    handler: async ({ uploads }) =>
      ocspReply(await services.status.ocsp(uploads.get('document')?.bytes), services.now(), false),
  }),
  route({
    method: 'GET',
    path: '/ocsp/{rest}',
    operationId: 'ocspGet',
    tag: 'Protocols',
    summary: 'OCSP over GET, cacheable (RFC 5019 §5)',
    permission: 'public',
    params: Type.Object({ rest: REQUEST_PATH }, closed),
    responses: { 200: { description: 'DER OCSPResponse; errors too', contentType: OCSP_RESPONSE } },
    errors: [],
    handler: async ({ params }) =>
      ocspReply(await services.status.ocspGet(params.rest), services.now(), true),
  }),
  route({
    method: 'POST',
    path: '/tsa',
    operationId: 'timestamp',
    tag: 'Protocols',
    summary: 'RFC 3161 time stamp',
    permission: 'public',
    upload: { parts: ['document'], required: ['document'], messageBytes: MESSAGE_BYTES },
    responses: { 200: { description: 'DER TimeStampResp; refusals too', contentType: TIMESTAMP_REPLY } },
    errors: ['INPUT_TOO_LARGE'],
    handler: async ({ uploads }) => ({
      status: 200,
      bytes: [await services.status.timestamp(uploads.get('document')?.bytes)],
      contentType: TIMESTAMP_REPLY,
      headers: { 'Cache-Control': 'no-store' },
    }),
  }),
  route({
    method: 'GET',
    path: '/crl/{issuerId}.crl',
    operationId: 'fullCrl',
    tag: 'Protocols',
    summary: 'Full CRL of an issuer',
    permission: 'public',
    params: Type.Object({ issuerId: Identifier }, closed),
    responses: { 200: { description: 'DER CertificateList', contentType: 'application/pkix-crl' } },
    errors: ['NOT_FOUND', 'ISSUER_UNKNOWN'],
    handler: async ({ params }) => crlReply(services, params.issuerId, null),
  }),
  route({
    method: 'GET',
    path: '/crl/{issuerId}/{shard}.crl',
    operationId: 'crlShard',
    tag: 'Protocols',
    summary: 'One CRL shard, as named in the certificates that it covers',
    permission: 'public',
    params: Type.Object(
      { issuerId: Identifier, shard: Type.Integer({ minimum: 0, maximum: 65_535 }) },
      closed,
    ),
    responses: { 200: { description: 'DER CertificateList', contentType: 'application/pkix-crl' } },
    errors: ['NOT_FOUND', 'ISSUER_UNKNOWN'],
    handler: async ({ params }) => crlReply(services, params.issuerId, params.shard),
  }),
  route({
    method: 'GET',
    path: '/issuers/{issuerId}.cer',
    operationId: 'issuerCertificate',
    tag: 'Protocols',
    summary: 'Certificate of a CA, DER (authorityInfoAccess caIssuers)',
    permission: 'public',
    params: Type.Object({ issuerId: Identifier }, closed),
    responses: { 200: { description: 'DER Certificate', contentType: 'application/pkix-cert' } },
    errors: ['NOT_FOUND'],
    handler: async ({ params }) => ({
      status: 200,
      bytes: [services.status.issuerCertificate(params.issuerId)],
      contentType: 'application/pkix-cert',
      headers: { 'Cache-Control': 'public, max-age=86400' },
    }),
  }),
]

async function crlReply(services: Services, issuerId: string, shard: number | null): Promise<Reply> {
  const crl = await services.status.crl(issuerId, shard)
  const seconds = Math.max(
    0,
    Math.min(60, Math.floor((crl.nextUpdate.getTime() - services.now().getTime()) / 1000)),
  )
  return {
    status: 200,
    bytes: [crl.crlDer],
    contentType: 'application/pkix-crl',
    headers: {
      'Cache-Control': `public, max-age=${seconds}`,
      'Last-Modified': httpDate(crl.thisUpdate),
      ETag: strongEtag(crl.crlDer),
    },
  }
}
