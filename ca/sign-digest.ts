/**
 * Signs the digest of a document: builds the CMS signed attributes itself, so that a key never signs octets
 * that somebody else chose.
 *
 * With an event certificate, the key is made for this one digest, certified, used and destroyed. Two durable
 * commits: the intents before any key is used, and everything that was done after it. A crash in between leaves
 * the intents, and with them a serial that is spent and a key that is gone.
 */
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { publicKeyObject } from './algorithms/keys.ts'
import { type SignatureAlgorithm, getSignatureAlgorithm, verifySignature } from './algorithms/signatures.ts'
import { toHex } from './asn1/values.ts'
import { compareBytes } from './asn1/writer.ts'
import { type Core, getIssuer } from './core.ts'
import { CodedError, isCoded } from './errors.ts'
import { checkIssuerStands } from './issuer-status.ts'
import { type Redeemed, redeem } from './issue.ts'
import type { ProviderKey } from './keys/provider.ts'
import type { IssueRequest, IssuedCertificate, IssuedRow, SignDigestRequest, SignedDigest } from './ports.ts'
import { prepareMany } from './prepare.ts'
import { getProfile } from './profiles.ts'
import {
  type Operation,
  closeFailed,
  codeOf,
  failureRecords,
  keyCreated,
  operationOf,
  outcome,
  signatureCreated,
  signatureIntent,
} from './signature-records.ts'
import { type Certificate, parseCertificate } from './x509/certificate.ts'
import { CONTENT } from './x509/cms.ts'
import { buildSignedAttributes, encodeSignedData } from './x509/cms-writer.ts'
import { extKeyUsageOf, keyUsageOf } from './x509/extensions.ts'
import { EKU } from './x509/oids.ts'

/** One-time keys are P-256: made in microseconds, accepted everywhere. */
const EVENT_KEY = getKeyAlgorithm('P-256')

/**
 * Signs a document digest.
 *
 * @throws {INPUT_MALFORMED} {PROFILE_VIOLATION} {CERT_NOT_FOUND} {CERT_NOT_VALID} {DIGEST_NOT_AUTHORISED}
 * @throws {KEY_UNAVAILABLE} {ISSUANCE_MISMATCH} {STORE_UNAVAILABLE} and what prepare throws
 */
export function signDigest(core: Core, request: SignDigestRequest): Promise<SignedDigest> {
  if (request.contentSha256.length !== 32)
    return Promise.reject(new CodedError('INPUT_MALFORMED', 'contentSha256 is not 32 octets'))
  return 'event' in request.signer
    ? signOnce(core, request, request.signer.event)
    : signHeld(core, request, request.signer)
}

type EventRequest = Extract<SignDigestRequest['signer'], { readonly event: unknown }>['event']

async function signOnce(core: Core, request: SignDigestRequest, event: EventRequest): Promise<SignedDigest> {
  const profile = getProfile(core.profiles, event.profile)
  if (profile.class !== 'event')
    throw new CodedError('PROFILE_VIOLATION', 'profile: a one-time key needs an event profile (CPS 6.1)')
  const key = await core.oneTimeKeys.generate(EVENT_KEY, request.tenant)
  const operation = operationOf(request, key.keyId)
  try {
    return await signWithEventKey(core, request, operation, key, event)
  } finally {
    // Nothing survives this call, whichever way it ends.
    core.oneTimeKeys.destroy(key.keyId)
  }
}

async function signWithEventKey(
  core: Core,
  request: SignDigestRequest,
  operation: Operation,
  key: ProviderKey,
  event: EventRequest,
): Promise<SignedDigest> {
  const issueRequest: IssueRequest = {
    ...event,
    actor: request.actor,
    tenant: request.tenant,
    key: { keyId: key.keyId },
    eventDigests: [{ alg: 'SHA-256', digestHex: operation.digestHex }],
  }
  const intents = [keyCreated(core, operation, key), signatureIntent(core, operation)]
  const [token] = await prepareMany(core, [issueRequest], intents)
  if (token === undefined || token instanceof CodedError) {
    await closeFailed(core, operation, token, { wasUsed: false, isDestroyed: true })
    throw token ?? new CodedError('TOKEN_REJECTED', 'no token')
  }
  let redeemed: Redeemed | undefined
  try {
    redeemed = await redeem(core, token)
    const signed = signAuthorised(core, request, issueRequest, redeemed, key)
    await core.ports.store.recordIssued(
      [redeemed.row],
      [
        ...redeemed.records,
        ...signatureCreated(core, operation, signed),
        outcome(core, operation, 'key.destroyed', { keyId: operation.keyId }),
      ],
    )
    return signed
  } catch (error) {
    await closeEvent(core, operation, token, redeemed, error)
    throw error
  }
}

/**
 * Signs with a one-time key, which is gone afterwards.
 *
 * @throws {DIGEST_NOT_AUTHORISED} when the certificate was not made for this digest; the key is destroyed unused
 */
export function signAuthorised(
  core: Pick<Core, 'oneTimeKeys' | 'ports'>,
  request: Pick<SignDigestRequest, 'contentSha256' | 'format'>,
  issueRequest: Pick<IssueRequest, 'eventDigests'>,
  redeemed: Pick<Redeemed, 'certificate'>,
  key: ProviderKey,
): SignedDigest {
  const asked = toHex(request.contentSha256)
  const isAuthorised = issueRequest.eventDigests?.some(
    ({ alg, digestHex }) => alg === 'SHA-256' && digestHex === asked,
  )
  if (isAuthorised !== true) {
    core.oneTimeKeys.destroy(key.keyId)
    throw new CodedError('DIGEST_NOT_AUTHORISED', 'the event certificate was not made for this digest')
  }
  const { signature: algorithm } = EVENT_KEY
  const draft = draftSignature(core, request, redeemed.certificate)
  const signature = core.oneTimeKeys.signOnce(key.keyId, algorithm, draft.signedAttributesDer)
  return finish(draft, redeemed.certificate, algorithm, signature)
}

async function signHeld(
  core: Core,
  request: SignDigestRequest,
  signer: { readonly issuerId: string; readonly serialHex: string },
): Promise<SignedDigest> {
  const row = await heldCertificate(core, request, signer)
  const { keyId } = row
  if (keyId === null) throw new CodedError('KEY_NOT_FOUND', 'the key of this certificate is not held here')
  const certificate = issuedOf(core, row)
  const algorithm = heldAlgorithm(core, keyId, row)
  const operation = operationOf(request, keyId)
  const draft = draftSignature(core, request, certificate)
  await core.ports.store.record([signatureIntent(core, operation, signer)])
  let signed: SignedDigest
  try {
    const signature = await core.keys.sign(keyId, algorithm, draft.signedAttributesDer)
    signed = finish(draft, certificate, algorithm, signature)
  } catch (error) {
    await closeFailed(core, operation, error, {
      wasUsed: isCoded(error, 'ISSUANCE_MISMATCH'),
      isDestroyed: false,
    })
    throw error
  }
  await core.ports.store.record(signatureCreated(core, operation, signed))
  return signed
}

/** The certificate to sign with. @throws {CERT_NOT_FOUND} also for the certificate of another tenant {CERT_NOT_VALID} {PROFILE_VIOLATION} */
async function heldCertificate(
  core: Core,
  request: SignDigestRequest,
  signer: { readonly issuerId: string; readonly serialHex: string },
): Promise<IssuedRow> {
  const { store, now } = core.ports
  const [row, status] = await Promise.all([
    store.findIssued(signer.issuerId, signer.serialHex),
    store.findStatus(signer.issuerId, signer.serialHex),
  ])
  // The certificate of another business looks like one that does not exist.
  if (!row || !status || row.tenant === null || row.tenant !== request.tenant)
    throw new CodedError('CERT_NOT_FOUND', 'there is no such certificate')
  const at = now()
  if (status.state !== 'valid' || at < row.notBefore || at >= row.notAfter)
    throw new CodedError('CERT_NOT_VALID', 'certificate is on hold, revoked, expired or not valid yet')
  await checkIssuerStands(core, getIssuer(core, row.issuerId))
  checkDocumentSigning(parseCertificate(row.certDer))
  return row
}

/** RFC 9336: the purpose document signing; the key usages that EN 319 412-2 §4.3.2 allows for it. */
function checkDocumentSigning(certificate: Certificate): void {
  const usages = keyUsageOf(certificate)
  const maySign = usages?.has('nonRepudiation') === true || usages?.has('digitalSignature') === true
  if (!maySign || extKeyUsageOf(certificate)?.includes(EKU.documentSigning) !== true)
    throw new CodedError('PROFILE_VIOLATION', 'certificate is not for signing documents (RFC 9336 §3.1)')
}

/**
 * The row to sign with: the hash is that of the content digest, since CMS verifiers use one hash for both
 * (RFC 5754 §3).
 *
 * @throws {ALGORITHM_UNSUPPORTED} for Ed25519, which CMS binds to SHA-512 (RFC 8419 §3.1)
 */
function heldAlgorithm(core: Core, keyId: string, row: IssuedRow): SignatureAlgorithm {
  const key = core.keys.publicKey(keyId)
  if (key.tenant !== row.tenant || compareBytes(key.spkiDer, parseCertificate(row.certDer).spkiDer) !== 0)
    throw new CodedError('ISSUANCE_MISMATCH', 'the held key is not the one in the certificate')
  const { kind } = getKeyAlgorithm(key.algorithm)
  if (kind === 'ec') return getSignatureAlgorithm('ecdsa-sha256')
  if (kind === 'rsa') return getSignatureAlgorithm('rsa-sha256')
  throw new CodedError('ALGORITHM_UNSUPPORTED', `keys of ${key.algorithm} do not sign documents here`)
}

function issuedOf(core: Core, row: IssuedRow): IssuedCertificate {
  const issuer = getIssuer(core, row.issuerId)
  const { certDer, serialHex, issuerId, profile, notBefore, notAfter } = row
  return {
    certDer,
    chainDer: [issuer.certDer, ...issuer.chainDer],
    serialHex,
    issuerId,
    profile,
    notBefore,
    notAfter,
  }
}

interface SignatureDraft {
  readonly certificate: Certificate
  readonly signingTime: Date
  readonly signedAttributesDer: Uint8Array
}

function draftSignature(
  core: Pick<Core, 'ports'>,
  request: Pick<SignDigestRequest, 'contentSha256' | 'format'>,
  issued: IssuedCertificate,
): SignatureDraft {
  const certificate = parseCertificate(issued.certDer)
  const signingTime = new Date(Math.floor(core.ports.now().getTime() / 1000) * 1000)
  const signedAttributesDer = buildSignedAttributes({
    contentType: CONTENT.data,
    messageDigest: request.contentSha256,
    certificate,
    withIssuerSerial: true,
    // PAdES has the time in the signature dictionary (EN 319 142-1 §6.3); CAdES has it here (EN 319 122-1 §6.3).
    ...(request.format === 'cades' ? { signingTime } : {}),
  })
  return { certificate, signingTime, signedAttributesDer }
}

/** Verifies what was signed before anybody sees it. @throws {ISSUANCE_MISMATCH} */
function finish(
  draft: SignatureDraft,
  issued: IssuedCertificate,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): SignedDigest {
  const { certificate, signedAttributesDer, signingTime } = draft
  if (!verifySignature(algorithm, publicKeyObject(certificate.spkiDer), signedAttributesDer, signature))
    throw new CodedError('ISSUANCE_MISMATCH', 'signature does not verify with the key of its certificate')
  const cmsDer = encodeSignedData({
    contentType: CONTENT.data,
    signedAttributesDer,
    digestHash: 'SHA-256',
    signatureAlgorithm: algorithm,
    signature,
    certificate,
    // Without the root: it proves nothing there, a relying party trusts its own copy.
    certificatesDer: [issued.certDer, ...issued.chainDer.slice(0, -1)],
  })
  return { cmsDer, signatureValue: signature, certificate: issued, signingTime }
}

/**
 * Closes an event signature that failed after its intents. A certificate that was signed exists, even though
 * nobody received it: it is stored as issued, so that no valid certificate is unknown to us.
 */
async function closeEvent(
  core: Core,
  operation: Operation,
  serial: { readonly serialHex: string; readonly issuerId: string },
  redeemed: Redeemed | undefined,
  error: unknown,
): Promise<void> {
  const { store } = core.ports
  // signOnce drops the key before it returns: a key that is gone was used.
  const wasUsed = !core.oneTimeKeys.has(operation.keyId)
  const failures = failureRecords(core, operation, error, { wasUsed, isDestroyed: true })
  const { serialHex, issuerId } = serial
  const refused = outcome(core, operation, 'certificate.refused', {
    serialHex,
    issuerId,
    code: codeOf(error),
  })
  const closing = redeemed
    ? store.recordIssued([redeemed.row], [...redeemed.records, ...failures])
    : store.record([refused, ...failures])
  await closing.catch(() => undefined)
}
