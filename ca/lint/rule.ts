/** What a lint rule is, and what it is given. */
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
}

/** One thing that is wrong. */
export interface Finding {
  readonly rule: string
  /** Clause that the rule comes from. */
  readonly source: string
  readonly message: string
}

/** One rule. */
export interface LintRule {
  /** Name of its file. */
  readonly name: string
  readonly source: string
  check(input: LintInput): readonly Finding[]
}

/** A rule from a function that says what is wrong, or undefined. */
export function defineRule(
  name: string,
  source: string,
  check: (input: LintInput) => string | undefined,
): LintRule {
  return {
    name,
    source,
    check(input) {
      const message = check(input)
      return message === undefined ? [] : [{ rule: name, source, message }]
    },
  }
}
