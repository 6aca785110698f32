/** The key that a request brings or that the core holds: proof of possession, strength, blocked, unique. */
import { parseSpki } from './algorithms/keys.ts'
import type { IssuingCore } from './core.ts'
import { CodedError } from './errors.ts'
import { checkPublicKey } from './key-checks/index.ts'
import type { IssueRequest } from './ports.ts'
import type { Profile } from './profiles.ts'
import { checkProofOfPossession, parseCsr } from './x509/csr.ts'

/** The key that is to be certified. */
export interface SubjectKey {
  readonly spkiDer: Uint8Array
  readonly keyBits: Uint8Array
  readonly keyId: string | null
}

/**
 * The key of a request, proven and checked.
 *
 * @throws {CSR_PROOF_OF_POSSESSION} {KEY_WEAK} {KEY_NOT_FOUND} {PROFILE_VIOLATION}
 */
export function subjectKeyOf(core: IssuingCore, profile: Profile, request: IssueRequest): SubjectKey {
  const { key } = request
  if ('keyId' in key) return heldKey(core, profile, key.keyId, request.tenant)
  const csr = parseCsr(key.csrDer)
  if (csr.requestedExtensions.size > 0 && profile.requestExtensions.value === 'refuse')
    throw new CodedError(
      'PROFILE_VIOLATION',
      `csr: extensionRequest is refused (${profile.requestExtensions.source})`,
    )
  checkProofOfPossession(csr)
  checkAlgorithm(profile, checkPublicKey(csr.key).name)
  return { spkiDer: csr.key.spkiDer, keyBits: csr.key.keyBits, keyId: null }
}

function heldKey(core: IssuingCore, profile: Profile, keyId: string, tenant: string | null): SubjectKey {
  const provider = core.oneTimeKeys.has(keyId) ? core.oneTimeKeys : core.keys
  const info = provider.publicKey(keyId)
  // The key of another business looks like one that is not there.
  if (info.tenant !== tenant) throw new CodedError('KEY_NOT_FOUND', 'key is not there')
  const key = parseSpki(info.spkiDer)
  checkAlgorithm(profile, checkPublicKey(key).name)
  return { spkiDer: info.spkiDer, keyBits: key.keyBits, keyId }
}

function checkAlgorithm(profile: Profile, name: string): void {
  const { value, source } = profile.keys.algorithms
  if (!value.some((allowed) => allowed === name))
    throw new CodedError(
      'PROFILE_VIOLATION',
      `key: ${name} is not one of profile ${profile.name} (${source})`,
    )
}

/**
 * Refuses a key for what was done with it before.
 *
 * @throws {KEY_BLOCKED} {PROFILE_VIOLATION} when the key has a live certificate and the profile wants it unique
 */
export async function checkKeyUse(core: IssuingCore, profile: Profile, spkiSha256: string): Promise<void> {
  const { store } = core.ports
  const [isBlocked, live] = await Promise.all([
    store.isKeyBlocked(spkiSha256),
    profile.keys.unique.value ? store.certificatesWithKey(spkiSha256) : [],
  ])
  if (isBlocked)
    throw new CodedError(
      'KEY_BLOCKED',
      'key: it was reported compromised and is blocked for ever (RFC 5280 §5.3.1)',
    )
  if (live.length > 0)
    throw new CodedError(
      'PROFILE_VIOLATION',
      `key: it has a live certificate already (${profile.keys.unique.source})`,
    )
}
