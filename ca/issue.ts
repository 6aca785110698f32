/**
 * Redeems tokens: sign once, verify with the CA key, compare with what was linted, store.
 *
 * `redeem` stops before the store, so that a signature over a document and its event certificate
 * can be stored in one transaction.
 */
import { sha256Hex } from './algorithms/hashes.ts'
import { toHex } from './asn1/values.ts'
import { concat } from './asn1/writer.ts'
import { type IssuingCore, getIssuer } from './core.ts'
import type { Draft, Signed } from './drafts.ts'
import { CodedError } from './errors.ts'
import { refuseRevokedIssuers } from './issuer-status.ts'
import type { IssuanceToken, IssuedCertificate, IssuedRow, Json, RecordDraft } from './ports.ts'
import { type PreparedIssuance, takeToken } from './token.ts'

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
  const [outcome] = await redeemMany(core, [token])
  if (outcome === undefined || outcome instanceof CodedError)
    throw outcome ?? new CodedError('TOKEN_REJECTED', 'no token')
  return outcome
}

/** Takes tokens. The root may have revoked their issuer since they were made: then nothing more is signed. */
async function takeAll(
  core: IssuingCore,
  tokens: readonly IssuanceToken[],
): Promise<(PreparedIssuance | CodedError)[]> {
  const at = core.ports.now()
  const taken = tokens.map((token) => {
    try {
      return takeToken(token, at)
    } catch (error) {
      return codedErrorOf(error)
    }
  })
  return refuseRevokedIssuers(core, taken, ({ intent }) => intent.issuerId, codedErrorOf)
}

/** Signs drafts, one outcome per draft, in their order. */
export type SignDrafts = (drafts: readonly Draft[]) => Promise<readonly (Signed | CodedError)[]>

/**
 * Signs what tokens stand for; does not store.
 *
 * @param sign what signs; the work of the core where it is left out
 * @returns one outcome per token, in their order
 */
export async function redeemMany(
  core: IssuingCore,
  tokens: readonly IssuanceToken[],
  sign: SignDrafts = (drafts) => core.work.signed(core, drafts),
): Promise<(Redeemed | CodedError)[]> {
  const taken = await takeAll(core, tokens)
  const drafts = taken.flatMap((one) => (one instanceof CodedError ? [] : [one.draft]))
  const signed = (await sign(drafts)).values()
  return taken.map((prepared) => {
    if (prepared instanceof CodedError) return prepared
    const outcome = signed.next().value ?? new CodedError('KEY_UNAVAILABLE', 'nothing was signed')
    return outcome instanceof CodedError ? outcome : complete(core, prepared, outcome)
  })
}

/** What the record of an issuance says; the subject only as a salted hash, since the log cannot forget (PIPL art. 47). */
function issuedData(
  { intent, request, draft }: PreparedIssuance,
  row: IssuedRow,
  salt: Uint8Array,
): Record<string, Json> {
  return {
    serialHex: intent.serialHex,
    issuerId: intent.issuerId,
    profile: intent.profile,
    profileSha256: draft.profileSha256,
    class: intent.class === 'ocsp' || intent.class === 'tsa' ? 'service' : intent.class,
    algorithm: row.algorithm,
    notBefore: draft.notBefore.toISOString(),
    notAfter: draft.notAfter.toISOString(),
    certSha256: row.certSha256,
    tbsSha256: intent.tbsSha256,
    spkiSha256: intent.spkiSha256,
    subjectHash: sha256Hex(concat(salt, draft.subjectDer)),
    ...(request.eventDigests ? { eventDigests: request.eventDigests.map((one) => ({ ...one })) } : {}),
  }
}

function complete(core: IssuingCore, prepared: PreparedIssuance, { certDer, certSha256 }: Signed): Redeemed {
  const { intent, request, draft } = prepared
  const issuer = getIssuer(core, intent.issuerId)
  const salt = request.recordSalt ?? core.ports.randomBytes(16)
  const row: IssuedRow = {
    ...intent,
    certDer,
    certSha256,
    algorithm: issuer.signatureAlgorithm.name,
    notBefore: draft.notBefore,
    notAfter: draft.notAfter,
    subject: draft.subject,
    commonName: draft.commonName,
    subjectSalt: toHex(salt),
    keyId: prepared.keyId,
    identityEvidenceId: request.identityEvidenceId,
  }
  const { actor, tenant } = intent
  return {
    row,
    records: [
      {
        type: 'certificate.issued',
        at: core.ports.now(),
        actor,
        tenant,
        data: issuedData(prepared, row, salt),
      },
    ],
    certificate: { ...row, chainDer: [issuer.certDer, ...issuer.chainDer] },
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
  const outcomes = await redeemMany(core, tokens)
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
