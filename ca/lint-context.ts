import type { Core, Issuer } from './core.ts'
import type { LintContext, LintIssuer } from './lint/index.ts'
import type { Profile } from './profiles.ts'

/** One object for each issuer: by it the linter knows what it has judged already. */
const lintIssuers = new WeakMap<Issuer, LintIssuer>()

function lintIssuerOf(issuer: Issuer): LintIssuer {
  const known = lintIssuers.get(issuer)
  if (known) return known
  const made: LintIssuer = {
    issuerId: issuer.issuerId,
    nameDer: issuer.certificate.subject.raw,
    subjectKeyIdentifier: issuer.subjectKeyIdentifier,
    notBefore: issuer.certificate.notBefore,
    notAfter: issuer.certificate.notAfter,
    signatureAlgorithm: issuer.signatureAlgorithm,
    shards: issuer.shards,
  }
  lintIssuers.set(issuer, made)
  return made
}

/** What the linter is told, for new certificates and for stored ones that are checked again. */
export const lintContext = (
  core: Pick<Core, 'baseUrl' | 'policyArc' | 'instanceByte'>,
  profile: Profile,
  issuer: Issuer,
  now: Date,
): LintContext => ({
  profile,
  issuer: lintIssuerOf(issuer),
  baseUrl: core.baseUrl,
  policyArc: core.policyArc,
  instanceByte: core.instanceByte,
  now,
})
