/**
 * Signs the digest of a document: builds the CMS signed attributes itself, so that a key never signs octets
 * that somebody else chose. With an event certificate that is an event signature of one digest.
 */
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { publicKeyObject } from './algorithms/keys.ts'
import { type SignatureAlgorithm, getSignatureAlgorithm } from './algorithms/signatures.ts'
import { toHex } from './asn1/values.ts'
import { compareBytes } from './asn1/writer.ts'
import { type Core, getIssuer } from './core.ts'
import { assembleSignature, checkSignatureValue, draftSignature, stamp } from './document-signature.ts'
import { CodedError } from './errors.ts'
import { checkIssuerStands } from './issuer-status.ts'
import type {
  EventRequest,
  IssuedCertificate,
  IssuedRow,
  RecordDraft,
  SignDigestRequest,
  SignedDigest,
} from './ports.ts'
import { signEvents } from './sign-event.ts'
import {
  createdRecords,
  heldKeyUsed,
  operationOf,
  signatureIntent,
  signatureRefused,
} from './signature-records.ts'
import type { TimestampAuthority } from './timestamp.ts'
import { stamperOf } from './stamper.ts'
import { type Certificate, parseCertificate } from './x509/certificate.ts'
import { extKeyUsageOf, keyUsageOf } from './x509/extensions.ts'
import { EKU } from './x509/oids.ts'

type Stamps = Pick<TimestampAuthority, 'reserve' | 'passed'>

/**
 * Signs a document digest.
 *
 * @throws {INPUT_MALFORMED} {PROFILE_VIOLATION} {CERT_NOT_FOUND} {CERT_NOT_VALID} {KEY_UNAVAILABLE} {ISSUANCE_MISMATCH}
 * @throws {STORE_UNAVAILABLE} {CA_OVERLOADED} and what prepare throws
 */
export function signDigest(core: Core, authority: Stamps, request: SignDigestRequest): Promise<SignedDigest> {
  if (request.contentSha256.length !== 32)
    return Promise.reject(new CodedError('INPUT_MALFORMED', 'contentSha256 is not 32 octets'))
  return 'event' in request.signer
    ? signOneEvent(core, authority, request, request.signer.event)
    : signHeld(core, authority, request, request.signer)
}

async function signOneEvent(
  core: Core,
  authority: Stamps,
  { actor, tenant, contentSha256, format, withTimestamp }: SignDigestRequest,
  event: EventRequest,
): Promise<SignedDigest> {
  const [outcome] = await signEvents(core, authority, [
    { actor, tenant, event, contentsSha256: [contentSha256], format, withTimestamp },
  ])
  if (outcome === undefined || outcome instanceof CodedError)
    throw outcome ?? new CodedError('KEY_UNAVAILABLE', 'nothing was signed')
  const [made] = outcome.signatures
  if (!made) throw new CodedError('KEY_UNAVAILABLE', 'nothing was signed')
  const { cmsDer, signatureValue, signingTime } = made
  return { cmsDer, signatureValue, signingTime, certificate: outcome.certificate }
}

interface Held {
  readonly issuerId: string
  readonly serialHex: string
}

async function signHeld(
  core: Core,
  authority: Stamps,
  request: SignDigestRequest,
  signer: Held,
): Promise<SignedDigest> {
  const { store, now } = core.ports
  const row = await heldCertificate(core, request, signer)
  const { keyId, certDer } = row
  if (keyId === null) throw new CodedError('KEY_NOT_FOUND', 'the key of this certificate is not held here')
  const certificate = issuedOf(core, row)
  const algorithm = heldAlgorithm(core, keyId, row)
  const operation = operationOf(core, request, keyId, toHex(request.contentSha256))
  const parsed = parseCertificate(certDer)
  const draft = draftSignature(request, parsed, now())
  const { issuerId, serialHex } = signer
  await store.record([signatureIntent(core, operation, { issuerId, serialHex })])
  const done: RecordDraft[] = []
  let signed: SignedDigest
  try {
    const signatureValue = await core.keys.sign(keyId, algorithm, draft.signedAttributesDer)
    done.push(heldKeyUsed(core, operation))
    const parts = { draft, algorithm, signatureValue, certDer, chainDer: certificate.chainDer }
    checkSignatureValue(publicKeyObject(parsed.spkiDer), parts)
    const token = request.withTimestamp ? await stampHeld(core, authority, signatureValue) : undefined
    done.push(...createdRecords(core, operation, signatureValue, signer, token?.draft))
    const cmsDer = assembleSignature({ ...parts, tokenDer: token?.tokenDer })
    signed = { cmsDer, signatureValue, certificate, signingTime: draft.signingTime }
  } catch (error) {
    // Where even that cannot be stored, the open intent tells of it.
    await store.record([...done.slice(0, 1), signatureRefused(core, operation, error)]).catch(() => undefined)
    throw error
  }
  await store.record(done)
  return signed
}

async function stampHeld(core: Core, authority: Stamps, signatureValue: Uint8Array) {
  const { keys, tsa } = core
  const [slot] = await authority.reserve(1)
  const sign = (data: Uint8Array) => keys.sign(tsa.keyId, tsa.signatureAlgorithm, data)
  return stamp({ stamper: stamperOf(core), sign }, slot, signatureValue)
}

/** The certificate to sign with. @throws {CERT_NOT_FOUND} also for the certificate of another tenant {CERT_NOT_VALID} {PROFILE_VIOLATION} */
async function heldCertificate(core: Core, request: SignDigestRequest, signer: Held): Promise<IssuedRow> {
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
  return { ...row, chainDer: [issuer.certDer, ...issuer.chainDer] }
}
