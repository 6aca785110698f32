/**
 * Loads `policies/profiles/*.json` by their schema and freezes them.
 *
 * A profile says what a certificate may be; every limit names its source. The SHA-256 of the file as
 * it lies on disk goes on every record, so that a certificate stays traceable to the rule of its day.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { KeyAlgorithmName } from './algorithms/key-algorithms.ts'
import { CodedError } from './errors.ts'
import type { CertificateClass } from './ports.ts'
import type { EKU, KeyUsageName } from './x509/oids.ts'

/** A rule and the clause that it comes from. */
export interface Sourced<T> {
  readonly value: T
  readonly source: string
}

/** An extension as the profile wants it. */
export interface ExtensionRule<T> extends Sourced<T> {
  readonly critical: boolean
}

/** Key purposes by name. */
export type ExtKeyUsageName = keyof typeof EKU

/** One attribute of the subject. */
export interface SubjectRule {
  /** Keyword of ATTRIBUTE_TYPES, such as `CN`. */
  readonly type: string
  readonly required: boolean
  readonly source: string
}

/** Extensions by name; what is not here is not written. */
export interface ProfileExtensions {
  readonly basicConstraints?: ExtensionRule<{ readonly ca: boolean; readonly pathLength?: number }>
  readonly keyUsage: ExtensionRule<readonly KeyUsageName[]>
  readonly extKeyUsage?: ExtensionRule<readonly ExtKeyUsageName[]>
  /** Policy OID below the arc of the ceremony file (`any` is anyPolicy, for CAs), and the pointer to the CPS. */
  readonly certificatePolicies?: ExtensionRule<{ readonly suffix: string; readonly cps: string }>
  /** URL template with {base}, {issuerId} and {shard}. */
  readonly crlDistributionPoints?: ExtensionRule<string>
  readonly authorityInfoAccess?: ExtensionRule<{ readonly caIssuers?: string; readonly ocsp?: string }>
  readonly subjectAltName?: ExtensionRule<readonly ('email' | 'dns' | 'uri' | 'ip')[]>
  readonly noRevAvail?: ExtensionRule<true>
  readonly ocspNoCheck?: ExtensionRule<true>
}

/** The content of one file of `policies/profiles`. */
export interface ProfileRules {
  readonly name: string
  readonly title: { readonly zh: string; readonly en: string }
  readonly class: CertificateClass
  /** Kind of CA that signs it; `self` for a root. */
  readonly issuedBy: Sourced<'self' | 'root' | 'issuing'>
  readonly validity: {
    readonly defaultSeconds: Sourced<number>
    readonly minSeconds: Sourced<number>
    readonly maxSeconds: Sourced<number>
    /** How far notBefore may lie before the instant of issue. */
    readonly backdateSeconds: Sourced<number>
  }
  readonly keys: {
    readonly algorithms: Sourced<readonly KeyAlgorithmName[]>
    /** True: a key that has a live certificate gets no second one. */
    readonly unique: Sourced<boolean>
  }
  /** In the order in which they are written. */
  readonly subject: Sourced<readonly SubjectRule[]>
  readonly extensions: ProfileExtensions
  /** What happens to an extensionRequest in a PKCS#10: profiles decide, requests never do. */
  readonly requestExtensions: Sourced<'ignore' | 'refuse'>
  readonly identityEvidence: Sourced<'required' | 'none'>
  readonly maxCertificateBytes: Sourced<number>
}

/** A profile as loaded. */
export interface Profile extends ProfileRules {
  /** SHA-256 of the file, lower-case hexadecimal. */
  readonly sha256: string
}

const MAX_PROFILE_BYTES = 65_536

function invalid(file: string, rule: string, cause?: unknown): CodedError {
  return new CodedError('PROFILE_VIOLATION', `profile ${file}: ${rule}`, cause === undefined ? {} : { cause })
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}

/** Checks profiles against the schema given. */
function buildProfileParser(schema: object): (file: string, bytes: Uint8Array) => Profile {
  const validate = new Ajv2020({ allErrors: false, strict: true }).compile<ProfileRules>(schema)
  return (file, bytes) => {
    if (bytes.length > MAX_PROFILE_BYTES) throw invalid(file, `at most ${MAX_PROFILE_BYTES} bytes`)
    let value: unknown
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    } catch (cause) {
      throw invalid(file, 'is not JSON', cause)
    }
    if (!validate(value)) {
      const [error] = validate.errors ?? []
      throw invalid(file, `${error?.instancePath ?? ''} ${error?.message ?? 'does not fit its schema'}`)
    }
    checkConsistency(file, value)
    return deepFreeze({ ...value, sha256: createHash('sha256').update(bytes).digest('hex') })
  }
}

/** What a JSON schema cannot say. */
function checkConsistency(file: string, rules: ProfileRules): void {
  const { minSeconds, defaultSeconds, maxSeconds } = rules.validity
  if (minSeconds.value > defaultSeconds.value || defaultSeconds.value > maxSeconds.value)
    throw invalid(file, 'validity must grow from minSeconds over defaultSeconds to maxSeconds')
  const { noRevAvail, crlDistributionPoints, authorityInfoAccess } = rules.extensions
  // RFC 9608 §2: noRevAvail beside a pointer to revocation data contradicts itself.
  if (noRevAvail && (crlDistributionPoints || authorityInfoAccess?.value.ocsp !== undefined))
    throw invalid(file, 'noRevAvail excludes CRL distribution points and OCSP (RFC 9608 §2)')
  const types = rules.subject.value.map((rule) => rule.type)
  if (new Set(types).size !== types.length) throw invalid(file, 'subject names an attribute twice')
}

/**
 * Every profile of a folder, by name.
 *
 * @param folder that holds one JSON file per profile
 * @param schemaFile the JSON Schema of profiles
 * @throws {PROFILE_VIOLATION} when one does not fit; a house with a wrong rule book must not open
 */
export function loadProfiles(folder: string, schemaFile: string): ReadonlyMap<string, Profile> {
  const parse = buildProfileParser(JSON.parse(readFileSync(schemaFile, 'utf8')) as object)
  const profiles = new Map<string, Profile>()
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()) {
    const profile = parse(file, new Uint8Array(readFileSync(join(folder, file))))
    if (`${profile.name}.json` !== file) throw invalid(file, 'name differs from the name of the file')
    profiles.set(profile.name, profile)
  }
  return profiles
}

/**
 * The profile of this name.
 *
 * @throws {PROFILE_UNKNOWN}
 */
export function getProfile(profiles: ReadonlyMap<string, Profile>, name: string): Profile {
  const profile = profiles.get(name)
  if (!profile) throw new CodedError('PROFILE_UNKNOWN', 'profile is not one of policies/profiles')
  return profile
}
