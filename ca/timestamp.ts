/**
 * The time-stamping authority (RFC 3161, EN 319 421): a token says that a digest existed at an instant.
 *
 * One record per token, `timestamp.issued`, durable before the key is touched: it holds the hash of the very
 * TSTInfo that is signed next, so it is intent and outcome at once. A crash in between leaves a record of a
 * token that nobody has, which is harmless; a token without its record cannot be.
 *
 * genTime grows strictly within one instance (microseconds below the clock's milliseconds, far inside the
 * stated accuracy). `ordering` stays FALSE: several instances may share the key, and their clocks differ.
 */
import { createHash, type KeyObject } from 'node:crypto'
import { type HashName, digest, getHash } from './algorithms/hashes.ts'
import { publicKeyObject } from './algorithms/keys.ts'
import { verifySignature } from './algorithms/signatures.ts'
import { toHex } from './asn1/values.ts'
import { concat } from './asn1/writer.ts'
import { type Core, getIssuer } from './core.ts'
import { CodedError, isCoded } from './errors.ts'
import { checkIssuerStands } from './issuer-status.ts'
import { CONTENT } from './x509/cms.ts'
import { buildSignedAttributes, encodeSignedData } from './x509/cms-writer.ts'
import { certificatePoliciesOf } from './x509/extensions.ts'
import { type PkiFailure, type TimeStampRequest, parseTimeStampRequest } from './x509/tsp.ts'
import { encodeTimeStampRefusal, encodeTimeStampResponse, encodeTstInfo } from './x509/tsp-writer.ts'

/** Stated distance to UTC in milliseconds; EN 319 421 §7.7.2 asks for a second or better. */
const TSA_ACCURACY_MS = 1000

/** Hashes that are stamped: none that is broken or about to be (EN 319 422 §5.1.2, TS 119 312). */
const ACCEPTED: ReadonlySet<HashName> = new Set([
  'SHA-256',
  'SHA-384',
  'SHA-512',
  'SHA3-256',
  'SHA3-384',
  'SHA3-512',
])

/** The open authority. */
export interface TimestampAuthority {
  /** TimeStampReq in, TimeStampResp out; refusals are answers too. */
  respond(requestDer: Uint8Array): Promise<Uint8Array>
  /** Policy under which tokens are made. */
  readonly policy: string
}

interface State {
  readonly core: Core
  readonly publicKey: KeyObject
  readonly policy: string
  /** Microseconds of the newest token; before the first one, what the records say. */
  lastMicros: bigint | undefined
}

/** Opens the TSA of the core. @throws {CEREMONY_INVALID} when its certificate names no policy */
export function openTimestampAuthority(core: Core): TimestampAuthority {
  const { certificate } = core.tsa
  const policy = certificatePoliciesOf(certificate)?.[0]?.policy
  if (policy === undefined)
    throw new CodedError('CEREMONY_INVALID', 'certificate of the TSA names no certificate policy')
  const state: State = {
    core,
    publicKey: publicKeyObject(certificate.spkiDer),
    policy,
    lastMicros: undefined,
  }
  return {
    respond: (requestDer) => respond(state, requestDer),
    policy,
  }
}

async function respond(state: State, requestDer: Uint8Array): Promise<Uint8Array> {
  try {
    const request = parse(requestDer)
    checkRequest(state, request)
    return encodeTimeStampResponse(await makeToken(state, request))
  } catch (error) {
    if (!isCoded(error)) throw error
    const failure = error.extra['pkiFailure'] as PkiFailure | undefined
    if (failure !== undefined) return encodeTimeStampRefusal(failure, error.message)
    if (error.code === 'CLOCK_WENT_BACK')
      return encodeTimeStampRefusal('timeNotAvailable', 'the clock went back')
    // The store or the key failed: no token, and the client may try again.
    return encodeTimeStampRefusal('systemFailure', 'the time stamp could not be made')
  }
}

/** Refuses with a PKIFailureInfo bit. */
function refuse(pkiFailure: PkiFailure, text: string): never {
  throw new CodedError('INPUT_MALFORMED', text, { extra: { pkiFailure } })
}

function parse(requestDer: Uint8Array): TimeStampRequest {
  try {
    return parseTimeStampRequest(requestDer)
  } catch (error) {
    if (isCoded(error)) return refuse('badDataFormat', 'request is not a TimeStampReq')
    throw error
  }
}

function checkRequest(state: State, request: TimeStampRequest): void {
  const { hash, digest: imprint } = request.messageImprint
  if (request.version !== 1) refuse('badRequest', 'version is not 1')
  if (hash === undefined || !ACCEPTED.has(hash)) refuse('badAlg', 'hash algorithm is not accepted')
  if (imprint.length !== getHash(hash).size)
    refuse('badDataFormat', 'digest has another length than its algorithm')
  if (request.policy !== undefined && request.policy !== state.policy)
    refuse('unacceptedPolicy', 'policy is not offered')
  // RFC 3161 §2.4.1: whatever we do not understand is refused, critical or not.
  if (request.extensions.size > 0) refuse('unacceptedExtension', 'extensions are not supported')
}

/** Takes the next instant. @throws {CLOCK_WENT_BACK} when the clock is behind what was stamped or recorded */
async function nextInstant(state: State): Promise<{ now: Date; micros: bigint }> {
  const { store, now: clock } = state.core.ports
  if (state.lastMicros === undefined) {
    const recorded = await store.lastRecordTime()
    state.lastMicros ??= BigInt(recorded?.getTime() ?? 0) * 1000n
  }
  const now = clock()
  const byClock = BigInt(now.getTime()) * 1000n
  const last = state.lastMicros
  // Up to its accuracy a token may be ahead of a clock that stands still; beyond that it would lie.
  if (byClock < last - BigInt(TSA_ACCURACY_MS) * 1000n) refuse('timeNotAvailable', 'the clock went back')
  const micros = byClock > last ? byClock : last + 1n
  state.lastMicros = micros
  return { now, micros }
}

/** Instance, time and randomness: unique without asking anyone, and ascending within an instance. */
function serialOf(state: State, micros: bigint): Uint8Array {
  const time = new Uint8Array(8)
  new DataView(time.buffer).setBigUint64(0, micros)
  return concat(Uint8Array.of(state.core.instanceByte), time, state.core.ports.randomBytes(8))
}

async function makeToken(state: State, request: TimeStampRequest): Promise<Uint8Array> {
  const { core, policy } = state
  const { tsa, ports } = core
  await checkIssuerStands(core, getIssuer(core, tsa.issuerId))
  const { now, micros } = await nextInstant(state)
  if (now < tsa.certificate.notBefore || now > tsa.certificate.notAfter)
    refuse('systemFailure', 'certificate of the TSA is not valid now')
  const serial = serialOf(state, micros)
  const tstInfo = encodeTstInfo({
    policy,
    messageImprintRaw: request.messageImprint.raw,
    serial,
    genTimeMicros: micros,
    accuracyMs: TSA_ACCURACY_MS,
    nonce: request.nonce,
    tsa: tsa.certificate,
  })
  await ports.store.record([
    {
      type: 'timestamp.issued',
      at: now,
      actor: 'system',
      tenant: null,
      // The hash of TSTInfo, not the imprint: the log says that we stamped, not what (design decision 6).
      data: {
        serialHex: toHex(serial),
        keyId: tsa.keyId,
        policy,
        genTime: now.toISOString(),
        hashAlg: request.messageImprint.hash ?? null,
        tstInfoSha256: createHash('sha256').update(tstInfo).digest('hex'),
      },
    },
  ])
  return signToken(state, tstInfo, request.certReq)
}

async function signToken(state: State, tstInfo: Uint8Array, certReq: boolean): Promise<Uint8Array> {
  const { tsa, keys } = state.core
  const { certificate, signatureAlgorithm } = tsa
  const digestHash = signatureAlgorithm.hash ?? 'SHA-512'
  const signedAttributesDer = buildSignedAttributes({
    contentType: CONTENT.tstInfo,
    messageDigest: digest(digestHash, tstInfo),
    certificate,
    withIssuerSerial: false,
  })
  const signature = await keys.sign(tsa.keyId, signatureAlgorithm, signedAttributesDer)
  if (!verifySignature(signatureAlgorithm, state.publicKey, signedAttributesDer, signature))
    throw new CodedError('ISSUANCE_MISMATCH', 'signature of the token does not verify')
  const issuer = state.core.issuers.get(tsa.issuerId)
  return encodeSignedData({
    contentType: CONTENT.tstInfo,
    content: tstInfo,
    signedAttributesDer,
    digestHash,
    signatureAlgorithm,
    signature,
    certificate,
    // The root is the relying party's own; what leads to it comes along when asked (RFC 3161 §2.4.1).
    certificatesDer: certReq ? [tsa.certDer, ...(issuer?.role === 'issuing' ? [issuer.certDer] : [])] : [],
  })
}
