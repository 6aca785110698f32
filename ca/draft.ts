/**
 * What is worked out for a certificate before anything is recorded: proof of possession, key checks, TBSCertificate and
 * lint; and afterwards the certificate around a signature. Pure, so that worker threads can do it.
 */
import { sha256Hex } from './algorithms/hashes.ts'
import { parseSpki } from './algorithms/keys.ts'
import { type SignatureAlgorithm, verifySignature } from './algorithms/signatures.ts'
import { readSequence } from './asn1/reader.ts'
import { TAG } from './asn1/tags.ts'
import { decodeBitStringOctets, toHex } from './asn1/values.ts'
import { compareBytes, concat, headOf } from './asn1/writer.ts'
import { type DraftCore, type Issuer, getIssuer, shardOf } from './core.ts'
import type { Draft, DraftInput, DraftRequest, Signed } from './drafts.ts'
import { CodedError } from './errors.ts'
import { checkPublicKey } from './key-checks/index.ts'
import { readAndLint } from './lint/index.ts'
import { lintContext } from './lint-context.ts'
import { type Profile, getProfile } from './profiles.ts'
import {
  checkEventDigests,
  checkEvidence,
  checkedAltNames,
  checkedSubject,
  checkedValidity,
} from './request-checks.ts'
import { subjectKeyIdentifierFor } from './template.ts'
import type { Certificate } from './x509/certificate.ts'
import { checkProofOfPossession, parseCsr } from './x509/csr.ts'
import { findAttribute, nameToString } from './x509/name.ts'

/**
 * Drafts one certificate.
 *
 * @throws {PROFILE_UNKNOWN} {PROFILE_VIOLATION} {CSR_PROOF_OF_POSSESSION} {KEY_WEAK} {LINT_FAILED} and what a malformed
 *   request throws
 */
export function draftCertificate(core: DraftCore, input: DraftInput): Draft {
  const { request, serial, at } = input
  const profile = getProfile(core.profiles, request.profile)
  const issuer = getIssuer(core, input.issuerId)
  const seconds = checkedValidity(profile, request)
  const subjectDer = checkedSubject(profile, request)
  const subjectAltName = checkedAltNames(profile, request)
  checkEvidence(profile, request)
  checkEventDigests(profile, request)
  const { spkiDer, keyBits } = subjectKeyOf(profile, request, input.heldSpkiDer)
  const { notBefore, notAfter } = validityOf(profile, issuer, seconds, at)
  const serialHex = toHex(serial)
  const shard = shardOf(serialHex, issuer.shards)
  const template = core.template(profile, issuer)
  const tbsDer = template({
    serial,
    notBefore,
    notAfter,
    subjectDer,
    spkiDer,
    subjectKeyIdentifier: subjectKeyIdentifierFor(keyBits),
    shard,
    ...(subjectAltName ? { subjectAltName } : {}),
  })
  const { subject } = lint(core, profile, issuer, tbsDer, at)
  return {
    issuerId: issuer.issuerId,
    serialHex,
    profile: profile.name,
    profileSha256: profile.sha256,
    class: profile.class,
    shard,
    tbsDer,
    tbsSha256: sha256Hex(tbsDer),
    spkiSha256: sha256Hex(spkiDer),
    notBefore,
    notAfter,
    subjectDer,
    subject: nameToString(subject),
    commonName: findAttribute(subject, 'CN') ?? null,
  }
}

interface SubjectKey {
  readonly spkiDer: Uint8Array
  readonly keyBits: Uint8Array
}

/** The key of a request, proven and checked. @throws {CSR_PROOF_OF_POSSESSION} {KEY_WEAK} {PROFILE_VIOLATION} */
function subjectKeyOf(profile: Profile, { key }: DraftRequest, heldSpkiDer: Uint8Array | null): SubjectKey {
  if (!('csrDer' in key)) {
    if (heldSpkiDer === null) throw new CodedError('KEY_NOT_FOUND', 'key is not there')
    const held = parseSpki(heldSpkiDer)
    checkAlgorithm(profile, checkPublicKey(held).name)
    return held
  }
  const csr = parseCsr(key.csrDer)
  if (csr.requestedExtensions.size > 0 && profile.requestExtensions.value === 'refuse')
    throw new CodedError(
      'PROFILE_VIOLATION',
      `csr: extensionRequest is refused (${profile.requestExtensions.source})`,
    )
  // The key first: what is no key proves nothing, and its owner is told why.
  checkAlgorithm(profile, checkPublicKey(csr.key).name)
  checkProofOfPossession(csr)
  return csr.key
}

function checkAlgorithm(profile: Profile, name: string): void {
  const { value, source } = profile.keys.algorithms
  if (!value.some((allowed) => allowed === name))
    throw new CodedError(
      'PROFILE_VIOLATION',
      `key: ${name} is not one of profile ${profile.name} (${source})`,
    )
}

/** notBefore is dated back by what the profile allows, but not to before its issuer; notAfter is the last second that counts. */
function validityOf(
  profile: Profile,
  issuer: Issuer,
  seconds: number,
  now: Date,
): { notBefore: Date; notAfter: Date } {
  const second = Math.floor(now.getTime() / 1000) * 1000
  const start = Math.max(
    second - profile.validity.backdateSeconds.value * 1000,
    issuer.certificate.notBefore.getTime(),
  )
  const notAfter = new Date(start + (seconds - 1) * 1000)
  if (notAfter > issuer.certificate.notAfter)
    throw new CodedError(
      'PROFILE_VIOLATION',
      'validitySeconds: certificate would outlive its issuer (RFC 5280 §6.1.3)',
    )
  return { notBefore: new Date(start), notAfter }
}

/**
 * Lints a TBSCertificate under a throw-away signature.
 *
 * @returns it as read: the bytes that will be signed, not what was meant to be in them
 * @throws {LINT_FAILED} with the findings: rule, clause and message, no personal data
 */
function lint(core: DraftCore, profile: Profile, issuer: Issuer, tbsDer: Uint8Array, now: Date): Certificate {
  const { signatureAlgorithm } = issuer
  const { findings, certificate } = readAndLint(
    encodeCertificate(tbsDer, signatureAlgorithm, core.throwAway.signature(signatureAlgorithm)),
    lintContext(core, profile, issuer, now),
  )
  const [first] = findings
  if (first || !certificate)
    throw new CodedError(
      'LINT_FAILED',
      first
        ? `certificate would break ${first.rule}: ${first.message} (${first.source})`
        : 'certificate cannot be read',
      { extra: { findings } },
    )
  return certificate
}

/** Certificate (RFC 5280 §4.1) in one allocation. */
function encodeCertificate(
  tbsDer: Uint8Array,
  { identifierDer }: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array {
  const bits = headOf(TAG.bitString, 1 + signature.length)
  const length = tbsDer.length + identifierDer.length + bits.length + 1 + signature.length
  return concat(headOf(TAG.sequence, length), tbsDer, identifierDer, bits, NO_UNUSED_BITS, signature)
}

const NO_UNUSED_BITS = Uint8Array.of(0)

/**
 * The certificate around its signature. A fault in an HSM or in memory can yield a wrong signature or wrong bytes; such
 * a certificate never leaves (checks 4 and 10 of boulder's cycle).
 *
 * @param issuer whose key signed
 * @param linted the TBSCertificate and the hash that it had when it was linted
 * @throws {ISSUANCE_MISMATCH}
 */
export function assembleCertificate(
  issuer: Pick<Issuer, 'signatureAlgorithm' | 'publicKey'>,
  linted: Pick<Draft, 'tbsDer' | 'tbsSha256'>,
  signatureValue: Uint8Array,
): Signed {
  const { signatureAlgorithm, publicKey } = issuer
  const { tbsDer, tbsSha256 } = linted
  const certDer = encodeCertificate(tbsDer, signatureAlgorithm, signatureValue)
  const certificate = readSequence(certDer)
  const { raw: tbs } = certificate.next(TAG.sequence)
  const { raw: algorithm } = certificate.next(TAG.sequence)
  const signature = decodeBitStringOctets(certificate.next(TAG.bitString))
  certificate.end()
  if (sha256Hex(tbs) !== tbsSha256 || compareBytes(algorithm, signatureAlgorithm.identifierDer) !== 0)
    throw new CodedError('ISSUANCE_MISMATCH', 'signed TBSCertificate differs from the linted one')
  if (!verifySignature(signatureAlgorithm, publicKey, tbs, signature))
    throw new CodedError('ISSUANCE_MISMATCH', 'signature does not verify with the key of the issuer')
  return { certDer, certSha256: sha256Hex(certDer) }
}
