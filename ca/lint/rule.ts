/** What a lint rule is, and what it is given. */
import type { PublicKeyInfo } from '../algorithms/keys.ts'
import type { SignatureAlgorithm } from '../algorithms/signatures.ts'
import type { Profile } from '../profiles.ts'
import type { Certificate } from '../x509/certificate.ts'

/** What the linter knows of the CA above; for a root it is the root itself. */
export interface LintIssuer {
  readonly issuerId: string
  readonly nameDer: Uint8Array
  readonly subjectKeyIdentifier: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  readonly signatureAlgorithm: SignatureAlgorithm
  /** Number of CRL shards, 0 where there is one full CRL only. */
  readonly shards: number
}

/** What every rule may compare a certificate with. */
export interface LintContext {
  readonly profile: Profile
  readonly issuer: LintIssuer
  readonly baseUrl: string
  readonly policyArc: string
  /** First octet of every serial of this instance. */
  readonly instanceByte: number
  readonly now: Date
}

/** A certificate with its context. */
export interface LintInput extends LintContext {
  /** As parsed from the encoding that would be signed, here under a throw-away signature. */
  readonly certificate: Certificate
  /** Its public key. */
  readonly key: PublicKeyInfo
}

/**
 * What is the same in every certificate of a profile and an issuer: extensions that differ from one to the next
 * are there by name and criticality, their values are empty.
 */
export interface ConstantInput extends Pick<LintContext, 'profile' | 'issuer' | 'baseUrl' | 'policyArc'> {
  readonly certificate: Pick<Certificate, 'version' | 'signatureAlgorithm' | 'issuer' | 'extensions'>
}

/** One thing that is wrong. */
export interface Finding {
  readonly rule: string
  /** Clause that the rule comes from. */
  readonly source: string
  readonly message: string
}

/** One rule. */
export type LintRule = {
  /** Name of its file. */
  readonly name: string
  readonly source: string
} & (
  | { readonly over: 'certificate'; readonly check: (input: LintInput) => string | undefined }
  /** Judges what is the same in many certificates: the linter asks once for the same octets. */
  | { readonly over: 'constant'; readonly check: (input: ConstantInput) => string | undefined }
)

/** A rule from a function that says what is wrong, or undefined. */
export const defineRule = (
  name: string,
  source: string,
  check: (input: LintInput) => string | undefined,
): LintRule => ({ name, source, over: 'certificate', check })

/** The same over what is constant; it sees nothing else. */
export const defineConstantRule = (
  name: string,
  source: string,
  check: (input: ConstantInput) => string | undefined,
): LintRule => ({ name, source, over: 'constant', check })
