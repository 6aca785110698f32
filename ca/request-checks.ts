/** What a request may ask of a profile: limits, subject, alternative names, evidence, digests. */
import { CodedError } from './errors.ts'
import type { DraftRequest } from './drafts.ts'
import type { Profile } from './profiles.ts'
import { encodeSubjectAltName } from './x509/encode-extensions.ts'
import { type SubjectAttribute, encodeName } from './x509/name.ts'

function violation(pointer: string, rule: string, source: string): never {
  throw new CodedError('PROFILE_VIOLATION', `${pointer.slice(2)}: ${rule} (${source})`, {
    extra: { pointer, rule, source },
  })
}

/** Whole seconds that the certificate lives. @throws {PROFILE_VIOLATION} */
export function checkedValidity(profile: Profile, request: DraftRequest): number {
  const { defaultSeconds, minSeconds, maxSeconds } = profile.validity
  const seconds = request.validitySeconds ?? defaultSeconds.value
  if (!Number.isSafeInteger(seconds))
    violation('#/validitySeconds', 'is not a whole number', 'RFC 5280 §4.1.2.5')
  if (seconds > maxSeconds.value)
    violation('#/validitySeconds', `at most ${maxSeconds.value} are allowed`, maxSeconds.source)
  if (seconds < minSeconds.value)
    violation('#/validitySeconds', `at least ${minSeconds.value} are required`, minSeconds.source)
  return seconds
}

/**
 * The subject in the order of the profile.
 *
 * @throws {PROFILE_VIOLATION} that names the attribute, never its value
 */
export function checkedSubject(profile: Profile, request: DraftRequest): Uint8Array {
  const given = new Map<string, SubjectAttribute>()
  for (const attribute of request.subject) {
    const { type, value } = attribute
    if (!profile.subject.value.some((rule) => rule.type === type))
      violation('#/subject', `an attribute is not one of profile ${profile.name}`, profile.subject.source)
    if (given.has(type)) violation('#/subject', `${type} occurs twice`, profile.subject.source)
    if (value.trim() !== value) violation('#/subject', `${type} starts or ends with a space`, 'X.520')
    given.set(type, attribute)
  }
  const country = given.get('C')?.value
  if (country !== undefined && !/^[A-Z]{2}$/.test(country))
    violation('#/subject', 'C is not two capital letters', 'ISO 3166-1')
  const missing = profile.subject.value.find((rule) => rule.required && !given.has(rule.type))
  if (missing) violation('#/subject', `${missing.type} is missing`, missing.source)
  return encodeName(profile.subject.value.flatMap((rule) => given.get(rule.type) ?? []))
}

const MAX_ALT_NAMES = 20

/** Value of subjectAltName, or undefined when none is asked for. @throws {PROFILE_VIOLATION} */
export function checkedAltNames(profile: Profile, request: DraftRequest): Uint8Array | undefined {
  const names = request.subjectAltNames ?? []
  if (names.length === 0) return undefined
  const rule = profile.extensions.subjectAltName
  if (!rule) return violation('#/subjectAltNames', `are not part of profile ${profile.name}`, 'CPS 7.1.2')
  if (names.length > MAX_ALT_NAMES) violation('#/subjectAltNames', `at most ${MAX_ALT_NAMES}`, 'CPS 7.1.2')
  if (!names.every((name) => rule.value.includes(name.type)))
    violation('#/subjectAltNames', `only ${rule.value.join(', ')} are allowed`, rule.source)
  return encodeSubjectAltName(names)
}

/** Who the certificate names was checked first. @throws {PROFILE_VIOLATION} */
export function checkEvidence(profile: Profile, request: DraftRequest): void {
  if (profile.identityEvidence.value === 'required' && !request.identityEvidenceId)
    violation('#/identityEvidenceId', 'identity evidence is required', profile.identityEvidence.source)
}

const MAX_EVENT_DIGESTS = 100

/** Digests belong to event certificates. @throws {PROFILE_VIOLATION} */
export function checkEventDigests(profile: Profile, request: DraftRequest): void {
  const digests = request.eventDigests ?? []
  if (digests.length > 0 && profile.class !== 'event')
    violation('#/eventDigests', 'are for event certificates only', 'CPS 6.1')
  if (digests.length > MAX_EVENT_DIGESTS)
    violation('#/eventDigests', `at most ${MAX_EVENT_DIGESTS}`, 'CPS 6.1')
  for (const { alg, digestHex } of digests)
    if (
      !/^SHA-(256|384|512)$/.test(alg) ||
      digestHex.length !== Number(alg.slice(4)) / 4 ||
      !/^[0-9a-f]+$/.test(digestHex)
    )
      violation('#/eventDigests', 'is not a SHA-2 digest in lower-case hexadecimal', 'CPS 6.1')
}
