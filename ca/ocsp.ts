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
import { type CachedAnswer, type OcspCache, openOcspCache, requestKey } from './ocsp-cache.ts'
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

/** About 120 MiB when full. */
const MAX_CACHED_ANSWERS = 100_000

/** An answer that is asked for this long before its half of life is signed anew in time, while nobody waits. */
const EARLY_MS = 600_000

/** The open responder. */
export interface OcspResponder {
  /** OCSPRequest in, OCSPResponse out; refusals are answers too. At once where the answer is kept. */
  answer(requestDer: Uint8Array): OcspAnswer | Promise<OcspAnswer>
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
  /** Those of the identities that `of` names; read by `respondersOf`. */
  responders: { readonly of: Core['ocsp']; readonly byIssuer: ReadonlyMap<string, readonly Responder[]> }
  readonly watch: StatusWatch
  readonly uses: KeyUses
  /** Requests whose kept answer is being signed anew. */
  readonly renewing: Set<string>
}

/** CertIDs are understood in these hashes; RFC 5019 asks for SHA-1, RFC 6960 §4.3 for SHA-256 too. */
const CERT_ID_HASHES = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'] as const

/** Opens the responder over the issuers and responder certificates of the core. */
export function openOcspResponder(core: Core): OcspResponder {
  const cache = openOcspCache(MAX_CACHED_ANSWERS)
  const state: State = {
    core,
    cache,
    issuers: issuerIndex(core),
    responders: { of: core.ocsp, byIssuer: responderIndex(core.ocsp) },
    watch: watchStatus(core.ports, (issuerId, serialHex) =>
      cache.forget(certificateKey(issuerId, serialHex)),
    ),
    uses: countKeyUses(core.ports, 'ocsp'),
    renewing: new Set(),
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

/** The responders of now: a rotation replaces them while answers of the old ones are still kept and valid. */
function respondersOf(state: State): ReadonlyMap<string, readonly Responder[]> {
  const { ocsp } = state.core
  if (state.responders.of !== ocsp) state.responders = { of: ocsp, byIssuer: responderIndex(ocsp) }
  return state.responders.byIssuer
}

function responderIndex(identities: Core['ocsp']): Map<string, Responder[]> {
  const index = new Map<string, Responder[]>()
  for (const identity of identities) {
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

/** What is kept needs no reading of the request, as long as no other process can have changed it unseen. */
function answer(state: State, requestDer: Uint8Array): OcspAnswer | Promise<OcspAnswer> {
  const key = requestKey(requestDer)
  const cached = key === undefined ? undefined : state.cache.get(key)
  if (key === undefined || !cached) return answerUnknown(state, requestDer)
  const now = state.core.ports.now()
  const left = millisToRenewal(cached, now)
  if (left < 1000 || !state.watch.isFresh(now)) return answerUnknown(state, requestDer)
  if (left < EARLY_MS) renew(state, key, requestDer)
  return keptAnswer(cached, left)
}

const keptAnswer = (cached: CachedAnswer, millis: number): OcspAnswer => ({
  der: cached.der,
  thisUpdate: cached.thisUpdate,
  nextUpdate: cached.nextUpdate,
  cacheable: true,
  maxAgeSeconds: Math.floor(millis / 1000),
})

/** Signs what is still good enough, so that the one who asks at half of its life need not wait. */
function renew(state: State, key: string, requestDer: Uint8Array): void {
  if (state.renewing.has(key)) return
  state.renewing.add(key)
  // Whatever fails now is tried again, and told, when the answer is due.
  void answerUnknown(state, requestDer, false)
    .catch(() => undefined)
    .then(() => state.renewing.delete(key))
}

async function answerUnknown(state: State, requestDer: Uint8Array, mayBeKept = true): Promise<OcspAnswer> {
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
    if (!state.watch.isFresh(state.core.ports.now())) await state.watch.poll()
    const key = requestKey(requestDer)
    return await answerKnown(state, { responder, issuerId, request, key, mayBeKept })
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
  return respondersOf(state)
    .get(issuerId)
    ?.find(({ identity: { certificate } }) => certificate.notBefore <= now && now < certificate.notAfter)
}

/** A question that was understood. */
interface Question {
  readonly responder: Responder
  readonly issuerId: string
  readonly request: OcspRequest
  readonly key: string | undefined
  readonly mayBeKept: boolean
}

async function answerKnown(state: State, question: Question): Promise<OcspAnswer> {
  const { request, key, mayBeKept } = question
  const isCommon = request.certIds.length === 1 && request.nonce === undefined
  if (!isCommon || key === undefined) return answerFresh(state, question)
  const cached = mayBeKept ? state.cache.get(key) : undefined
  const left = cached ? millisToRenewal(cached, state.core.ports.now()) : 0
  return cached && left >= 1000 ? keptAnswer(cached, left) : answerAndKeep(state, question, key)
}

/** When a status changed while we signed, what we signed may be of yesterday: ask again. */
async function answerAndKeep(state: State, question: Question, key: string): Promise<OcspAnswer> {
  const { issuerId, request } = question
  for (let attempt = 0; attempt < 3; attempt++) {
    const { generation } = state.cache
    const made = await answerFresh(state, question)
    if (state.cache.generation !== generation) continue
    const { der, thisUpdate, nextUpdate } = made
    const serialHex = request.certIds[0]?.serialHex ?? ''
    if (made.cacheable && thisUpdate && nextUpdate)
      state.cache.set(certificateKey(issuerId, serialHex), key, { der, thisUpdate, nextUpdate })
    return made
  }
  return { ...(await answerFresh(state, question)), cacheable: false, maxAgeSeconds: 0 }
}

/** Check 32: renewed at half of its life. A clock before thisUpdate makes it stale too. */
function millisToRenewal(answer: { thisUpdate: Date; nextUpdate: Date }, now: Date): number {
  const from = answer.thisUpdate.getTime()
  const at = now.getTime()
  return at < from ? 0 : (from + answer.nextUpdate.getTime()) / 2 - at
}

async function answerFresh(
  state: State,
  { responder, issuerId, request }: Pick<Question, 'responder' | 'issuerId' | 'request'>,
): Promise<OcspAnswer> {
  const { core } = state
  const statuses = await Promise.all(
    request.certIds.map((certId) => core.ports.store.findStatus(issuerId, certId.serialHex, 'may-lag')),
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
  const left = cacheable ? millisToRenewal({ thisUpdate, nextUpdate }, now) : 0
  const maxAgeSeconds = Math.max(0, Math.floor(left / 1000))
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
