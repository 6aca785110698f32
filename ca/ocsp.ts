/**
 * The OCSP responder (RFC 6960): delegated keys, answers signed at need and kept until half of their life.
 *
 * The status database is the one authority. A serial that was never issued, or whose certificate was lost in
 * a crash, is `unknown` and never good; what the database cannot say now is not said from memory either.
 */
import { digest } from './algorithms/hashes.ts'
import { parseSpki, publicKeyObject } from './algorithms/keys.ts'
import { verifySignature } from './algorithms/signatures.ts'
import { toHex } from './asn1/values.ts'
import type { Core, ServiceIdentity } from './core.ts'
import { CodedError, isCoded } from './errors.ts'
import { type KeyUses, countKeyUses } from './key-uses.ts'
import { type OcspCache, openOcspCache } from './ocsp-cache.ts'
import type { CertificateStatus, OcspAnswer } from './ports.ts'
import { type StatusWatch, watchStatus } from './status-watch.ts'
import { type CertId, type OcspCertStatus, type OcspRequest, parseOcspRequest } from './x509/ocsp.ts'
import {
  buildResponseData,
  encodeOcspError,
  encodeOcspResponse,
  encodeResponderIdByKey,
  encodeSingleResponse,
} from './x509/ocsp-writer.ts'

/** One day: within the 8 hours to 10 days of BR §4.9.10, so that a day's outage of the responder is survived. */
export const OCSP_VALIDITY_MS = 24 * 3600_000

/** About 100 MiB when full. */
const MAX_CACHED_CERTIFICATES = 100_000

/** The open responder. */
export interface OcspResponder {
  /** OCSPRequest in, OCSPResponse out; refusals are answers too. */
  answer(requestDer: Uint8Array): Promise<OcspAnswer>
  /** Called after a status change in this process, before its caller gets an answer. */
  forget(issuerId: string, serialHex: string): void
  /** Records the key uses that are not recorded yet. */
  close(): Promise<void>
}

interface Responder {
  readonly identity: ServiceIdentity
  readonly idDer: Uint8Array
  readonly publicKey: ReturnType<typeof publicKeyObject>
}

interface State {
  readonly core: Core
  readonly cache: OcspCache
  /** Issuer by hash name, name hash and key hash. */
  readonly issuers: ReadonlyMap<string, string>
  readonly responders: ReadonlyMap<string, readonly Responder[]>
  readonly watch: StatusWatch
  readonly uses: KeyUses
}

/** CertIDs are understood in these hashes; RFC 5019 asks for SHA-1, RFC 6960 §4.3 for SHA-256 too. */
const CERT_ID_HASHES = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'] as const

/** Opens the responder over the issuers and responder certificates of the core. */
export function openOcspResponder(core: Core): OcspResponder {
  const cache = openOcspCache(MAX_CACHED_CERTIFICATES)
  const state: State = {
    core,
    cache,
    issuers: issuerIndex(core),
    responders: responderIndex(core),
    watch: watchStatus(core.ports, (issuerId, serialHex) =>
      cache.forget(certificateKey(issuerId, serialHex)),
    ),
    uses: countKeyUses(core.ports, 'ocsp'),
  }
  return {
    answer: (requestDer) => answer(state, requestDer),
    forget: (issuerId, serialHex) => cache.forget(certificateKey(issuerId, serialHex)),
    close: () => state.uses.flush(),
  }
}

const certificateKey = (issuerId: string, serialHex: string): string => `${issuerId}/${serialHex}`

const issuerKey = (hash: string, nameHash: Uint8Array, keyHash: Uint8Array): string =>
  `${hash}/${toHex(nameHash)}/${toHex(keyHash)}`

function issuerIndex(core: Core): Map<string, string> {
  const index = new Map<string, string>()
  for (const { issuerId, certificate } of core.issuers.values())
    for (const hash of CERT_ID_HASHES) {
      const { keyBits } = parseSpki(certificate.spkiDer)
      index.set(issuerKey(hash, digest(hash, certificate.subject.raw), digest(hash, keyBits)), issuerId)
    }
  return index
}

function responderIndex(core: Core): Map<string, Responder[]> {
  const index = new Map<string, Responder[]>()
  for (const identity of core.ocsp) {
    const list = index.get(identity.issuerId) ?? []
    index.set(identity.issuerId, list)
    list.push({
      identity,
      idDer: encodeResponderIdByKey(identity.certificate),
      publicKey: publicKeyObject(identity.certificate.spkiDer),
    })
    list.sort((a, b) => b.identity.certificate.notAfter.getTime() - a.identity.certificate.notAfter.getTime())
  }
  return index
}

const refusal = (status: Parameters<typeof encodeOcspError>[0]): OcspAnswer => ({
  der: encodeOcspError(status),
  cacheable: false,
  maxAgeSeconds: 0,
})

async function answer(state: State, requestDer: Uint8Array): Promise<OcspAnswer> {
  let request: OcspRequest
  try {
    request = parseOcspRequest(requestDer)
  } catch (error) {
    if (isCoded(error)) return refusal('malformedRequest')
    throw error
  }
  try {
    const issuerIds = new Set(request.certIds.map((certId) => findIssuerId(state, certId)))
    const [issuerId] = issuerIds
    const responder = issuerId === undefined ? undefined : currentResponder(state, issuerId)
    // RFC 6960 §2.3: unauthorized also says "not capable of responding authoritatively".
    if (issuerIds.size !== 1 || issuerId === undefined || !responder) return refusal('unauthorized')
    await state.watch.poll()
    return await answerKnown(state, responder, issuerId, request)
  } catch (error) {
    if (!isCoded(error)) throw error
    return refusal(TRY_LATER.has(error.code) ? 'tryLater' : 'internalError')
  }
}

/** What passes by itself or with an operator's help; the client may ask again. */
const TRY_LATER: ReadonlySet<string> = new Set(['STORE_UNAVAILABLE', 'KEY_UNAVAILABLE', 'CLOCK_WENT_BACK'])

const findIssuerId = (state: State, certId: CertId): string | undefined =>
  certId.hash && state.issuers.get(issuerKey(certId.hash, certId.issuerNameHash, certId.issuerKeyHash))

function currentResponder(state: State, issuerId: string): Responder | undefined {
  const now = state.core.ports.now()
  return state.responders
    .get(issuerId)
    ?.find(({ identity: { certificate } }) => certificate.notBefore <= now && now < certificate.notAfter)
}

async function answerKnown(
  state: State,
  responder: Responder,
  issuerId: string,
  request: OcspRequest,
): Promise<OcspAnswer> {
  const [certId] = request.certIds
  const isCommon = request.certIds.length === 1 && request.nonce === undefined && certId !== undefined
  if (!isCommon) return answerFresh(state, responder, issuerId, request)
  const key = certificateKey(issuerId, certId.serialHex)
  const cached = state.cache.get(key, toHex(certId.raw))
  const maxAgeSeconds = cached ? secondsToRenewal(cached, state.core.ports.now()) : 0
  if (cached && maxAgeSeconds > 0) return { ...cached, cacheable: true, maxAgeSeconds }
  // When a status changed while we signed, what we signed may be of yesterday: ask again.
  for (let attempt = 0; attempt < 3; attempt++) {
    const { generation } = state.cache
    const made = await answerFresh(state, responder, issuerId, request)
    if (state.cache.generation !== generation) continue
    const { der, thisUpdate, nextUpdate } = made
    if (made.cacheable && thisUpdate && nextUpdate)
      state.cache.set(key, toHex(certId.raw), { der, thisUpdate, nextUpdate })
    return made
  }
  return { ...(await answerFresh(state, responder, issuerId, request)), cacheable: false, maxAgeSeconds: 0 }
}

/** Check 32: renewed at half of its life. A clock before thisUpdate makes it stale too. */
function secondsToRenewal(answer: { thisUpdate: Date; nextUpdate: Date }, now: Date): number {
  const age = now.getTime() - answer.thisUpdate.getTime()
  const half = (answer.nextUpdate.getTime() - answer.thisUpdate.getTime()) / 2
  return age < 0 ? 0 : Math.max(0, Math.floor((half - age) / 1000))
}

async function answerFresh(
  state: State,
  responder: Responder,
  issuerId: string,
  request: OcspRequest,
): Promise<OcspAnswer> {
  const { core } = state
  const statuses = await Promise.all(
    request.certIds.map((certId) => core.ports.store.findStatus(issuerId, certId.serialHex)),
  )
  const said = statuses.map(statusOf)
  const now = core.ports.now()
  const thisUpdate = new Date(Math.floor(now.getTime() / 1000) * 1000)
  const end = responder.identity.certificate.notAfter.getTime()
  const nextUpdate = new Date(Math.min(thisUpdate.getTime() + OCSP_VALIDITY_MS, end))
  const isKnown = said.every((status) => status.kind !== 'unknown')
  const singles = request.certIds.map((certId, index) => {
    const status = said[index] ?? { kind: 'unknown' as const }
    // No nextUpdate for unknown: the serial may be issued in the next second (RFC 6960 §2.4).
    return encodeSingleResponse({
      certIdRaw: certId.raw,
      status,
      thisUpdate,
      ...(status.kind === 'unknown' ? {} : { nextUpdate }),
    })
  })
  const cacheable = isKnown && request.nonce === undefined
  const data = buildResponseData(responder.idDer, now, singles, request.nonce)
  const der = await sign(state, responder, data, cacheable)
  const maxAgeSeconds = cacheable ? secondsToRenewal({ thisUpdate, nextUpdate }, now) : 0
  return { der, cacheable, maxAgeSeconds, ...(isKnown ? { thisUpdate, nextUpdate } : {}) }
}

/** What RFC 6960 calls the status; a serial without a certificate is not one that we vouch for (check 30). */
function statusOf(status: CertificateStatus | undefined): OcspCertStatus {
  switch (status?.state) {
    case 'valid':
      return { kind: 'good' }
    case 'held':
    case 'revoked': {
      const { revokedAt, reason } = status
      if (!revokedAt)
        throw new CodedError('STORE_UNAVAILABLE', 'a revoked certificate has no revocation time')
      return { kind: 'revoked', revokedAt, ...(reason ? { reason } : {}) }
    }
    case 'intent':
    case undefined:
    default:
      return { kind: 'unknown' }
  }
}

async function sign(
  state: State,
  responder: Responder,
  data: Uint8Array,
  isKept: boolean,
): Promise<Uint8Array> {
  const { keyId, signatureAlgorithm, certDer, issuerId } = responder.identity
  const signature = await state.core.keys.sign(keyId, signatureAlgorithm, data)
  // A faulty answer that is kept would be served for hours; one with a nonce is refused once, by its one reader.
  if (isKept && !verifySignature(signatureAlgorithm, responder.publicKey, data, signature))
    throw new CodedError('ISSUANCE_MISMATCH', 'signature of the OCSP answer does not verify')
  state.uses.add(issuerId, keyId)
  return encodeOcspResponse(data, signatureAlgorithm.identifierDer, signature, [certDer])
}
