// Requests of subscribers and relying parties, made before the clock starts.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { parseCertificate } from '../../../ca/formats.ts'
import { getSignatureAlgorithm } from '../../../ca/formats.ts'
import { encodeTimeStampRequest } from '../../../ca/formats.ts'
import { encodeOcspRequest } from '../../../ca/testing/ocsp-request.ts'
import { buildCsrInfo, encodeCsr } from '../../../ca/x509/csr.ts'
import { encodeName } from '../../../ca/x509/name.ts'
import { buildRequest } from './load.ts'
import { SUBJECT } from './house.ts'

/** A PKCS#10 request for a new P-256 key, DER. */
export function makeCsr(): Uint8Array {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const spkiDer = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
  const info = buildCsrInfo(encodeName(SUBJECT), spkiDer)
  return encodeCsr(
    info,
    getSignatureAlgorithm('ecdsa-sha256'),
    new Uint8Array(sign('sha256', info, privateKey)),
  )
}

const encoder = new TextEncoder()

/** A POST of JSON. */
export const jsonRequest = (path: string, json: unknown, apiKey?: string): Uint8Array =>
  buildRequest(
    'POST',
    path,
    {
      'Content-Type': 'application/json',
      ...(apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` }),
    },
    encoder.encode(JSON.stringify(json)),
  )

/** OCSP requests about these serials, in turn. @param isFresh each with a nonce of its own */
export function ocspRequests(
  path: string,
  issuerDer: Uint8Array,
  serials: readonly string[],
  count: number,
  isFresh: boolean,
): Uint8Array[] {
  const issuer = parseCertificate(issuerDer)
  return Array.from({ length: count }, (_, index) => {
    const nonce = isFresh ? new Uint8Array(randomBytes(16)) : undefined
    const der = encodeOcspRequest(issuer, serials[index % serials.length] ?? '', 'SHA-1', nonce)
    return buildRequest('POST', path, { 'Content-Type': 'application/ocsp-request' }, der)
  })
}

/** A time-stamp request for a digest that nobody asked about before, DER. */
export const makeTimestampRequest = (): Uint8Array =>
  encodeTimeStampRequest({
    hash: 'SHA-256',
    digest: new Uint8Array(randomBytes(32)),
    nonce: new Uint8Array(randomBytes(8)),
    certReq: true,
  })
