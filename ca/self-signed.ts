/** The one certificate that nobody above signs: a root. The order is that of prepare and issue. */
import { hash } from 'node:crypto'
import { parseSpki } from './algorithms/keys.ts'
import { getKeyAlgorithm } from './algorithms/key-algorithms.ts'
import { toHex } from './asn1/values.ts'
import { bitString, sequence } from './asn1/writer.ts'
import type { IssuingCore, Issuer } from './core.ts'
import { CodedError } from './errors.ts'
import { issueMany } from './issue.ts'
import { lintContext } from './lint-context.ts'
import { lintCertificate } from './lint/index.ts'
import type { Actor, IntentRow } from './ports.ts'
import { getProfile } from './profiles.ts'
import { intentRecord, makeSerial } from './prepare.ts'
import { checkedSubject, checkedValidity } from './request-checks.ts'
import { compileTemplate, subjectKeyIdentifierFor } from './template.ts'
import { type PreparedIssuance, makeToken } from './token.ts'
import { parseCertificate } from './x509/certificate.ts'
import type { SubjectAttribute } from './x509/name.ts'
import { publicKeyObject } from './algorithms/keys.ts'

/** What a root is asked to be. */
export interface RootRequest extends Actor {
  readonly issuerId: string
  readonly keyId: string
  readonly subject: readonly SubjectAttribute[]
  readonly validitySeconds?: number
}

/**
 * Makes, lints, records and stores a root certificate.
 *
 * @throws {LINT_FAILED} {PROFILE_VIOLATION} {STORE_UNAVAILABLE}
 */
export async function issueRoot(core: IssuingCore, request: RootRequest): Promise<Issuer> {
  const profile = getProfile(core.profiles, 'root')
  const asked = { ...request, profile: 'root', key: { keyId: request.keyId }, identityEvidenceId: null }
  const subjectDer = checkedSubject(profile, asked)
  const seconds = checkedValidity(profile, asked)
  const key = core.keys.publicKey(request.keyId)
  const { signature: signatureAlgorithm } = getKeyAlgorithm(key.algorithm)
  const subjectKeyIdentifier = subjectKeyIdentifierFor(parseSpki(key.spkiDer).keyBits)
  const self = { issuerId: request.issuerId, nameDer: subjectDer, subjectKeyIdentifier, signatureAlgorithm }
  const now = core.ports.now()
  const start = Math.floor(now.getTime() / 1000) * 1000 - profile.validity.backdateSeconds.value * 1000
  const serial = makeSerial(core.instanceByte, core.ports.randomBytes)
  const notBefore = new Date(start)
  const notAfter = new Date(start + (seconds - 1) * 1000)
  const tbsDer = compileTemplate(
    profile,
    self,
    core,
  )({ serial, notBefore, notAfter, subjectDer, spkiDer: key.spkiDer, subjectKeyIdentifier, shard: null })

  const trial = sequence(
    tbsDer,
    signatureAlgorithm.identifierDer,
    bitString(core.throwAwayKeys.sign(signatureAlgorithm, tbsDer)),
  )
  // The issuer of a root is the root: the linter compares the certificate with itself.
  const issuer: Issuer = {
    ...self,
    role: 'root',
    certDer: trial,
    certificate: parseCertificate(trial),
    chainDer: [],
    keyId: request.keyId,
    publicKey: publicKeyObject(key.spkiDer),
    shards: 0,
  }
  const findings = lintCertificate(trial, lintContext(core, profile, issuer, now))
  const [finding] = findings
  if (finding)
    throw new CodedError('LINT_FAILED', `root would break ${finding.rule}: ${finding.message}`, {
      extra: { findings },
    })

  const intent: IntentRow = {
    actor: request.actor,
    tenant: null,
    issuerId: request.issuerId,
    serialHex: toHex(serial),
    profile: profile.name,
    class: profile.class,
    tbsSha256: hash('sha256', tbsDer, 'hex'),
    spkiSha256: hash('sha256', key.spkiDer, 'hex'),
    shard: null,
    at: now,
  }
  const prepared: PreparedIssuance = {
    intent,
    request: asked,
    profileSha256: profile.sha256,
    tbsDer,
    spkiDer: key.spkiDer,
    notBefore,
    notAfter,
    subjectDer,
    keyId: request.keyId,
  }
  await core.ports.store.recordIntents([intent], [intentRecord(prepared)])
  const [issued] = await issueMany({ ...core, issuers: new Map([[request.issuerId, issuer]]) }, [
    makeToken(prepared),
  ])
  if (issued === undefined || issued instanceof CodedError)
    throw issued ?? new CodedError('CEREMONY_INVALID', 'no root')
  return { ...issuer, certDer: issued.certDer, certificate: parseCertificate(issued.certDer) }
}
