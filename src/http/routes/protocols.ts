/** RFC protocols: OCSP (RFC 6960, RFC 5019), RFC 3161 time stamps, CRLs and CA certificates (RFC 5280 §4.2.1.13, §4.2.2.1). */
import { Type } from 'typebox'
import { encodeOcspError, encodeTimeStampRefusal } from '../../../ca/formats.ts'
import type { OcspAnswer } from '../../../ca/ports.ts'
import type { Services } from '../../services/services.ts'
import { hashEtag, httpDate, isNamedBy, strongEtag } from '../caching.ts'
import { type MessageAnswer, messageRoute, type Reply, type RouteDefinition, route } from '../route.ts'
import { closed, Identifier } from '../schemas.ts'

const OCSP_RESPONSE = 'application/ocsp-response'
const TIMESTAMP_REPLY = 'application/timestamp-reply'

/** Longest time that a public cache may keep an answer: a revocation must not hide behind it for hours. */
const MAX_OCSP_AGE_SECONDS = 300

/** What caches may know of an answer that is kept: the same for as long as it is the answer. */
const validatorsOf = new WeakMap<Uint8Array, readonly string[]>()

function findValidators(der: Uint8Array, thisUpdate: Date): readonly string[] {
  const known = validatorsOf.get(der)
  if (known) return known
  const made = ['Last-Modified', httpDate(thisUpdate), 'ETag', strongEtag(der)]
  validatorsOf.set(der, made)
  return made
}

/** RFC 5019 §6.2: what a cache needs to keep a GET answer for as long as it is true, and no longer. */
function cacheableReply(answer: OcspAnswer, now: Date): MessageAnswer {
  const { der, thisUpdate, nextUpdate } = answer
  if (!answer.cacheable || !thisUpdate || !nextUpdate) return { der, cacheControl: 'no-store' }
  const left = Math.floor((nextUpdate.getTime() - now.getTime()) / 1000)
  const seconds = Math.max(0, Math.min(answer.maxAgeSeconds, MAX_OCSP_AGE_SECONDS, left))
  return {
    der,
    cacheControl: `max-age=${seconds}, public, no-transform, must-revalidate`,
    validators: [
      ...['Expires', httpDate(new Date(now.getTime() + seconds * 1000))],
      ...findValidators(der, thisUpdate),
    ],
  }
}

const uncachedReply = ({ der }: Pick<OcspAnswer, 'der'>): MessageAnswer => ({ der, cacheControl: 'no-store' })

/** Now where it can be now. */
const when = <T, U>(value: T | Promise<T>, then: (value: T) => U): U | Promise<U> =>
  value instanceof Promise ? value.then(then) : then(value)

/** Largest messages that are read; far above what a client of these protocols sends. */
const MESSAGE_BYTES = 65_536
const REQUEST_PATH = Type.String({ maxLength: 4096 })

const NO_BYTES = new Uint8Array(0)
const octetsOf = (message: Uint8Array | string): Uint8Array =>
  typeof message === 'string' ? NO_BYTES : message

const ocsp = {
  responseType: OCSP_RESPONSE,
  maxBytes: MESSAGE_BYTES,
  failure: encodeOcspError('internalError'),
}

const crlResponses = {
  200: { description: 'DER CertificateList', contentType: 'application/pkix-crl' },
  304: { description: 'The list is still the one that If-None-Match names' },
}

export const protocolRoutes = (services: Services): readonly RouteDefinition[] => [
  messageRoute({
    method: 'POST',
    path: '/ocsp',
    operationId: 'ocspPost',
    tag: 'Protocols',
    summary: 'OCSP over POST (RFC 6960 appendix A)',
    description: 'DER OCSPResponse; errors too',
    message: {
      ...ocsp,
      requestType: 'application/ocsp-request',
      answer: (message) => when(services.status.ocsp(octetsOf(message)), uncachedReply),
    },
  }),
  messageRoute({
    method: 'GET',
    path: '/ocsp/{rest}',
    operationId: 'ocspGet',
    tag: 'Protocols',
    summary: 'OCSP over GET, cacheable (RFC 5019 §5)',
    params: Type.Object({ rest: REQUEST_PATH }, closed),
    description: 'DER OCSPResponse; errors too',
    message: {
      ...ocsp,
      answer: (message) =>
        when(services.status.ocspGet(String(message)), (answer) => cacheableReply(answer, services.now())),
    },
  }),
  messageRoute({
    method: 'POST',
    path: '/tsa',
    operationId: 'timestamp',
    tag: 'Protocols',
    summary: 'RFC 3161 time stamp',
    description: 'DER TimeStampResp; refusals too',
    message: {
      requestType: 'application/timestamp-query',
      responseType: TIMESTAMP_REPLY,
      maxBytes: MESSAGE_BYTES,
      failure: encodeTimeStampRefusal('systemFailure', 'the time stamp could not be made'),
      answer: async (message) => uncachedReply({ der: await services.status.timestamp(octetsOf(message)) }),
    },
  }),
  route({
    method: 'GET',
    path: '/crl/{issuerId}.crl',
    operationId: 'fullCrl',
    tag: 'Protocols',
    summary: 'Full CRL of an issuer',
    permission: 'public',
    params: Type.Object({ issuerId: Identifier }, closed),
    responses: crlResponses,
    errors: ['NOT_FOUND', 'ISSUER_UNKNOWN'],
    handler: async ({ params, header }) => crlReply(services, header, params.issuerId, null),
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
    responses: crlResponses,
    errors: ['NOT_FOUND', 'ISSUER_UNKNOWN'],
    handler: async ({ params, header }) => crlReply(services, header, params.issuerId, params.shard),
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

async function crlReply(
  services: Services,
  header: (name: string) => string,
  issuerId: string,
  shard: number | null,
): Promise<Reply> {
  const crl = await services.status.crl(issuerId, shard)
  const seconds = Math.max(
    0,
    Math.min(60, Math.floor((crl.nextUpdate.getTime() - services.now().getTime()) / 1000)),
  )
  const etag = hashEtag(crl.content.sha256)
  const headers = {
    'Cache-Control': `public, max-age=${seconds}`,
    'Last-Modified': httpDate(crl.thisUpdate),
    ETag: etag,
  }
  if (isNamedBy(header('if-none-match'), etag)) return { status: 304, headers }
  const { octets, byteLength } = services.status.crlOctets(crl)
  return {
    status: 200,
    stream: octets,
    sizeBytes: byteLength,
    contentType: 'application/pkix-crl',
    headers,
  }
}
