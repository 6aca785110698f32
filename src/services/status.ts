/** Public status services: OCSP, time stamps, CRLs, CA certificates. The core answers; this file knows what is where. */
import { CodedError, isCoded } from '../../ca/errors.ts'
import { crlByteLength, decodeOcspGetPath, streamCrl } from '../../ca/formats.ts'
import type { Actor, CrlRow, OcspAnswer } from '../../ca/ports.ts'
import type { ServiceDeps } from './deps.ts'

const NOTHING = new Uint8Array()

/** @returns the public status use cases */
export function createStatus({ ca, store, now }: Pick<ServiceDeps, 'ca' | 'store' | 'now'>) {
  return {
    /** OCSP over POST; a request that cannot be read gets an OCSP error, not an exception (RFC 6960 §2.3). */
    ocsp: (requestDer: Uint8Array): OcspAnswer | Promise<OcspAnswer> => ca.ocsp(requestDer),

    /** OCSP over GET: the path is the Base64 of the request, in one of the forms that clients send (RFC 6960 A.1). */
    ocspGet: (path: string): OcspAnswer | Promise<OcspAnswer> => ca.ocsp(readGetPath(path)),

    /** TimeStampReq in, TimeStampResp out, refusals too (RFC 3161 §2.4.2). */
    timestamp: (requestDer: Uint8Array): Promise<Uint8Array> => ca.timestamp(requestDer),

    /**
     * The last published CRL of a scope.
     *
     * @throws {CodedError} ISSUER_UNKNOWN, NOT_FOUND before the first one is published
     */
    async crl(issuerId: string, shard: number | null): Promise<CrlRow> {
      const issuer = ca.issuers.find((candidate) => candidate.issuerId === issuerId)
      if (!issuer) throw new CodedError('ISSUER_UNKNOWN', 'no CA has this identifier')
      const row = await store.ca.lastCrl({ issuerId, shard })
      if (!row) throw new CodedError('NOT_FOUND', 'no CRL has been published for this scope')
      return row
    },

    /** Its octets as a stream, and how many they are. */
    crlOctets: ({ content }: CrlRow): { octets: AsyncIterable<Uint8Array>; byteLength: number } => ({
      octets: streamCrl(store.ca, content),
      byteLength: crlByteLength(content),
    }),

    /**
     * Publishes full lists that are missing or over: a command that signs or verifies where nobody serves needs them.
     *
     * @throws {CodedError} those of the core
     */
    async publishDueCrls(): Promise<void> {
      for (const { issuerId, canSign } of ca.issuers) {
        const scope = { issuerId, shard: null }
        const last = canSign ? await store.ca.lastCrl(scope) : undefined
        if (canSign && (!last || last.nextUpdate <= now())) await ca.crl(scope)
      }
    },

    /**
     * Takes in the CRL of an offline root.
     *
     * @throws {CodedError} CRL_REFUSED and others of the core; nothing is changed then
     */
    importCrl: (crlDer: Uint8Array, { actor }: Pick<Actor, 'actor'>): Promise<CrlRow> =>
      ca.importCrl(crlDer, { actor, tenant: null }),

    /** @throws {CodedError} NOT_FOUND */
    issuerCertificate(issuerId: string): Uint8Array {
      const issuer = ca.issuers.find((candidate) => candidate.issuerId === issuerId)
      if (!issuer) throw new CodedError('NOT_FOUND', 'no CA has this identifier')
      return issuer.certDer
    },
  }
}

/** What is no Base64 is no request: the responder then says malformedRequest (RFC 6960 §2.3). */
function readGetPath(path: string): Uint8Array {
  try {
    return decodeOcspGetPath(path)
  } catch (error) {
    if (isCoded(error)) return NOTHING
    throw error
  }
}
