import type { Core, Issuer } from './core.ts'
import type { LintContext } from './lint/index.ts'
import type { Profile } from './profiles.ts'

/** What the linter is told, for new certificates and for stored ones that are checked again. */
export const lintContext = (
  core: Pick<Core, 'baseUrl' | 'policyArc' | 'instanceByte'>,
  profile: Profile,
  issuer: Issuer,
  now: Date,
): LintContext => ({
  profile,
  issuer: {
    issuerId: issuer.issuerId,
    nameDer: issuer.certificate.subject.raw,
    subjectKeyIdentifier: issuer.subjectKeyIdentifier,
    notBefore: issuer.certificate.notBefore,
    notAfter: issuer.certificate.notAfter,
    signatureAlgorithm: issuer.signatureAlgorithm,
    shards: issuer.shards,
  },
  baseUrl: core.baseUrl,
  policyArc: core.policyArc,
  instanceByte: core.instanceByte,
  now,
})
