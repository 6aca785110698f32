/** The one certificate that nobody above signs: a root. The order is that of prepare and issue. */
import { hash } from 'node:crypto'
import { parseSpki, publicKeyObject } from './algorithms/keys.ts'
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import type { SignatureAlgorithm } from './algorithms/signatures.ts'
import { toHex } from './asn1/values.ts'
import { bitString, sequence } from './asn1/writer.ts'
import type { IssuingCore, Issuer } from './core.ts'
import type { Draft } from './drafts.ts'
import { CodedError } from './errors.ts'
import { issue } from './issue.ts'
import { lintContext } from './lint-context.ts'
import { lintCertificate } from './lint/index.ts'
import type { Actor, IntentRow } from './ports.ts'
import { getProfile } from './profiles.ts'
import { intentRecord, makeSerial } from './prepare.ts'
import { checkedSubject, checkedValidity } from './request-checks.ts'
import { type TbsFields, compileTemplate, subjectKeyIdentifierFor } from './template.ts'
import { type PreparedIssuance, makeToken } from './token.ts'
import { workHere } from './work.ts'
import { parseCertificate } from './x509/certificate.ts'
import { subjectKeyIdentifierOf } from './x509/extensions.ts'
import { type SubjectAttribute, findAttribute, nameToString } from './x509/name.ts'

/** What a root is asked to be. */
export interface RootRequest extends Actor {
  readonly issuerId: string
  readonly keyId: string
  readonly subject: readonly SubjectAttribute[]
  readonly validitySeconds?: number
}

interface RootDraft {
  readonly issuer: Issuer
  readonly prepared: PreparedIssuance
}

/**
 * Makes, lints, records and stores a root certificate.
 *
 * @throws {LINT_FAILED} {PROFILE_VIOLATION} {STORE_UNAVAILABLE}
 */
export async function issueRoot(core: IssuingCore, request: RootRequest): Promise<Issuer> {
  const { issuer, prepared } = draftRoot(core, request)
  await core.ports.store.recordIntents([prepared.intent], [intentRecord(prepared)])
  const alone = { ...core, issuers: new Map([[request.issuerId, issuer]]) }
  const { certDer } = await issue({ ...alone, work: workHere }, makeToken(prepared))
  return { ...issuer, certDer, certificate: parseCertificate(certDer) }
}

function draftRoot(core: IssuingCore, request: RootRequest): RootDraft {
  const profile = getProfile(core.profiles, 'root')
  const asked = { ...request, profile: 'root', key: { keyId: request.keyId }, identityEvidenceId: null }
  const { spkiDer, algorithm } = core.keys.publicKey(request.keyId)
  const { backdateSeconds } = profile.validity
  const now = core.ports.now()
  const start = Math.floor(now.getTime() / 1000) * 1000 - backdateSeconds.value * 1000
  const fields: TbsFields = {
    serial: makeSerial(core.instanceByte, now, core.ports.randomBytes),
    notBefore: new Date(start),
    notAfter: new Date(start + (checkedValidity(profile, asked) - 1) * 1000),
    subjectDer: checkedSubject(profile, asked),
    spkiDer,
    subjectKeyIdentifier: subjectKeyIdentifierFor(parseSpki(spkiDer).keyBits),
    shard: null,
  }
  const { signature: signatureAlgorithm } = getKeyAlgorithm(algorithm)
  const { subjectDer: nameDer, subjectKeyIdentifier } = fields
  const self = { issuerId: request.issuerId, nameDer, subjectKeyIdentifier, signatureAlgorithm }
  const tbsDer = compileTemplate(profile, self, core)(fields)
  const issuer = lintedRoot(core, request, signatureAlgorithm, tbsDer, now)
  const intent: IntentRow = {
    actor: request.actor,
    tenant: null,
    issuerId: request.issuerId,
    serialHex: toHex(fields.serial),
    profile: profile.name,
    class: profile.class,
    tbsSha256: hash('sha256', tbsDer, 'hex'),
    spkiSha256: hash('sha256', spkiDer, 'hex'),
    shard: null,
    at: now,
  }
  const { subject } = issuer.certificate
  const draft: Draft = {
    ...intent,
    ...fields,
    profileSha256: profile.sha256,
    tbsDer,
    subject: nameToString(subject),
    commonName: findAttribute(subject, 'CN') ?? null,
  }
  return { issuer, prepared: { intent, request: asked, draft, keyId: request.keyId } }
}

/** The issuer of a root is the root: the linter compares the certificate with itself. */
function lintedRoot(
  core: IssuingCore,
  { issuerId, keyId }: RootRequest,
  signatureAlgorithm: SignatureAlgorithm,
  tbsDer: Uint8Array,
  now: Date,
): Issuer {
  const signature = core.throwAway.signature(signatureAlgorithm)
  const certDer = sequence(tbsDer, signatureAlgorithm.identifierDer, bitString(signature))
  const certificate = parseCertificate(certDer)
  const issuer: Issuer = {
    issuerId,
    role: 'root',
    certDer,
    certificate,
    chainDer: [],
    keyId,
    publicKey: publicKeyObject(certificate.spkiDer),
    signatureAlgorithm,
    subjectKeyIdentifier: subjectKeyIdentifierOf(certificate) ?? new Uint8Array(0),
    shards: 0,
  }
  const findings = lintCertificate(certDer, lintContext(core, getProfile(core.profiles, 'root'), issuer, now))
  const [finding] = findings
  if (finding)
    throw new CodedError('LINT_FAILED', `root would break ${finding.rule}: ${finding.message}`, {
      extra: { findings },
    })
  return issuer
}
