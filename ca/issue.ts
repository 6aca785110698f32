/**
 * Redeems tokens: sign once, verify with the CA key, compare with what was linted, store.
 *
 * `redeem` stops before the store, so that a signature over a document and its event certificate
 * can be stored in one transaction.
 */
import { hash } from 'node:crypto'
import { digest } from './algorithms/hashes.ts'
import { verifySignature } from './algorithms/signatures.ts'
import { readSequence } from './asn1/reader.ts'
import { TAG } from './asn1/tags.ts'
import { decodeBitStringOctets, toHex } from './asn1/values.ts'
import { bitString, compareBytes, sequence } from './asn1/writer.ts'
import { type IssuingCore, type Issuer, getIssuer, signAsIssuer } from './core.ts'
import { CodedError } from './errors.ts'
import { checkIssuerStands } from './issuer-status.ts'
import type { IssuanceToken, IssuedCertificate, IssuedRow, Json, RecordDraft } from './ports.ts'
import { type PreparedIssuance, takeToken } from './token.ts'
import { findAttribute, nameToString } from './x509/name.ts'

const sha256Hex = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex')

/** A signed certificate that is not yet stored: the caller writes row and records in one transaction. */
export interface Redeemed {
  readonly row: IssuedRow
  readonly records: readonly RecordDraft[]
  readonly certificate: IssuedCertificate
}

/**
 * Signs what a token stands for; the token is spent whatever happens. Does not store.
 *
 * @throws {TOKEN_REJECTED} {ISSUER_REVOKED} {ISSUANCE_MISMATCH} {KEY_UNAVAILABLE}
 */
export async function redeem(core: IssuingCore, token: IssuanceToken): Promise<Redeemed> {
  const prepared = takeToken(token, core.ports.now())
  const issuer = getIssuer(core, prepared.intent.issuerId)
  // The root may have revoked it since the token was made.
  await checkIssuerStands(core, issuer)
  const signature = await signAsIssuer(core, issuer, prepared.tbsDer)
  const certDer = sequence(prepared.tbsDer, issuer.signatureAlgorithm.identifierDer, bitString(signature))
  checkIssued(prepared, issuer, certDer)
  return complete(core, prepared, issuer, certDer)
}

/**
 * A fault in an HSM or in memory can yield a wrong signature or wrong bytes; such a certificate never
 * leaves (checks 4 and 10 of boulder's cycle). The intent stays: the serial is spent.
 */
function checkIssued(prepared: PreparedIssuance, issuer: Issuer, certDer: Uint8Array): void {
  const certificate = readSequence(certDer)
  const { raw: tbs } = certificate.next(TAG.sequence)
  const { raw: algorithm } = certificate.next(TAG.sequence)
  const signature = decodeBitStringOctets(certificate.next(TAG.bitString))
  certificate.end()
  const { signatureAlgorithm, publicKey } = issuer
  if (
    sha256Hex(tbs) !== prepared.intent.tbsSha256 ||
    compareBytes(algorithm, signatureAlgorithm.identifierDer) !== 0
  )
    throw new CodedError('ISSUANCE_MISMATCH', 'signed TBSCertificate differs from the linted one')
  if (!verifySignature(signatureAlgorithm, publicKey, tbs, signature))
    throw new CodedError('ISSUANCE_MISMATCH', 'signature does not verify with the key of the issuer')
}

/** What the record of an issuance says; the subject only as a salted hash, since the log cannot forget (PIPL art. 47). */
function issuedData(prepared: PreparedIssuance, row: IssuedRow, subjectHash: string): Record<string, Json> {
  const { intent, request } = prepared
  return {
    serialHex: intent.serialHex,
    issuerId: intent.issuerId,
    profile: intent.profile,
    profileSha256: prepared.profileSha256,
    class: intent.class === 'ocsp' || intent.class === 'tsa' ? 'service' : intent.class,
    algorithm: row.algorithm,
    notBefore: prepared.notBefore.toISOString(),
    notAfter: prepared.notAfter.toISOString(),
    certSha256: row.certSha256,
    tbsSha256: intent.tbsSha256,
    spkiSha256: intent.spkiSha256,
    subjectHash,
    ...(request.eventDigests ? { eventDigests: request.eventDigests.map((one) => ({ ...one })) } : {}),
  }
}

function complete(
  core: IssuingCore,
  prepared: PreparedIssuance,
  issuer: Issuer,
  certDer: Uint8Array,
): Redeemed {
  const { intent, request, subject } = prepared
  const salt = core.ports.randomBytes(16)
  const certSha256 = sha256Hex(certDer)
  const row: IssuedRow = {
    ...intent,
    certDer,
    certSha256,
    algorithm: issuer.signatureAlgorithm.name,
    notBefore: prepared.notBefore,
    notAfter: prepared.notAfter,
    subject: nameToString(subject),
    commonName: findAttribute(subject, 'CN') ?? null,
    subjectSalt: toHex(salt),
    keyId: prepared.keyId,
    identityEvidenceId: request.identityEvidenceId,
  }
  const data = issuedData(prepared, row, toHex(digest('SHA-256', salt, prepared.subjectDer)))
  return {
    row,
    records: [
      {
        type: 'certificate.issued',
        at: core.ports.now(),
        actor: intent.actor,
        tenant: intent.tenant,
        data,
      },
    ],
    certificate: {
      certDer,
      chainDer: [issuer.certDer, ...issuer.chainDer],
      serialHex: intent.serialHex,
      issuerId: intent.issuerId,
      profile: intent.profile,
      notBefore: prepared.notBefore,
      notAfter: prepared.notAfter,
    },
  }
}

/**
 * Redeems tokens and stores their certificates and records in one transaction.
 *
 * @returns one outcome per token, in their order; a failed one does not hold up the others
 * @throws {STORE_UNAVAILABLE} when nothing was stored; the serials stay taken and their certificates are lost
 */
export async function issueMany(
  core: IssuingCore,
  tokens: readonly IssuanceToken[],
): Promise<(IssuedCertificate | CodedError)[]> {
  const outcomes = await Promise.all(tokens.map((token) => redeem(core, token).catch(codedErrorOf)))
  const done = outcomes.filter((outcome): outcome is Redeemed => !(outcome instanceof CodedError))
  const closed = outcomes.flatMap((outcome, index) => {
    const token = tokens[index]
    return outcome instanceof CodedError && token ? closingRecords(core, token, outcome) : []
  })
  const records = [...done.flatMap((one) => one.records), ...closed]
  if (done.length > 0)
    await core.ports.store.recordIssued(
      done.map((one) => one.row),
      records,
    )
  else if (records.length > 0) await core.ports.store.record(records)
  return outcomes.map((outcome) => (outcome instanceof CodedError ? outcome : outcome.certificate))
}

function codedErrorOf(error: unknown): CodedError {
  if (error instanceof CodedError) return error
  return new CodedError('KEY_UNAVAILABLE', 'the key of the issuer could not be used', { cause: error })
}

/**
 * The outcome of an intent that will never have a certificate. A token that was spent before has had
 * its outcome, and a foreign one has no intent.
 */
function closingRecords(
  core: Pick<IssuingCore, 'ports'>,
  token: IssuanceToken,
  error: CodedError,
): RecordDraft[] {
  if (error.code === 'TOKEN_REJECTED' && error.extra['expired'] !== true) return []
  const { serialHex, issuerId } = token
  const data = { serialHex, issuerId, code: error.code }
  return [{ type: 'certificate.refused', at: core.ports.now(), actor: 'system', tenant: null, data }]
}

/** Redeems one token. @throws {TOKEN_REJECTED} {ISSUANCE_MISMATCH} {KEY_UNAVAILABLE} {STORE_UNAVAILABLE} */
export async function issue(core: IssuingCore, token: IssuanceToken): Promise<IssuedCertificate> {
  const [outcome] = await issueMany(core, [token])
  if (outcome === undefined || outcome instanceof CodedError)
    throw outcome ?? new CodedError('TOKEN_REJECTED', 'no token')
  return outcome
}
