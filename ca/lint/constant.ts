/**
 * The part of a certificate that is the same in all of its profile and issuer, judged once.
 *
 * Certificates come out of templates: all but a few fields have the octets of the certificate before. A rule over the
 * constant part is a function of those octets and of the context alone, so that its verdict on the same octets in the
 * same context is the one it has given. Only clean ones are remembered.
 */
import { compareBytes } from '../asn1/writer.ts'
import type { Certificate, Extension } from '../x509/certificate.ts'
import { EXT } from '../x509/oids.ts'
import type { Profile } from '../profiles.ts'
import type { ConstantInput, LintContext, LintIssuer } from './rule.ts'

/** Extensions with a value of each certificate's own. */
const OWN_VALUE = new Set<string>([EXT.subjectKeyIdentifier, EXT.subjectAltName, EXT.crlDistributionPoints])

interface Known extends Pick<LintContext, 'baseUrl' | 'policyArc'> {
  readonly version: number
  readonly algorithm: Uint8Array
  readonly issuerName: Uint8Array
  readonly extensions: readonly Extension[]
}

const known = new WeakMap<Profile, WeakMap<LintIssuer, Known>>()

const constantExtension = (extension: Extension): Extension => ({
  ...extension,
  value: OWN_VALUE.has(extension.oid) ? new Uint8Array(0) : extension.value,
})

/** What the rules over the constant part are given. */
export const constantOf = (context: LintContext, certificate: Certificate): ConstantInput => ({
  profile: context.profile,
  issuer: context.issuer,
  baseUrl: context.baseUrl,
  policyArc: context.policyArc,
  certificate: {
    version: certificate.version,
    signatureAlgorithm: certificate.signatureAlgorithm,
    issuer: certificate.issuer,
    extensions: new Map(
      [...certificate.extensions.values()].map((extension) => [extension.oid, constantExtension(extension)]),
    ),
  },
})

function areKnown(extensions: ReadonlyMap<string, Extension>, wanted: readonly Extension[]): boolean {
  if (extensions.size !== wanted.length) return false
  let at = 0
  for (const { oid, critical, value } of extensions.values()) {
    const other = wanted[at++]
    if (other?.oid !== oid || other.critical !== critical) return false
    if (!OWN_VALUE.has(oid) && compareBytes(other.value, value) !== 0) return false
  }
  return true
}

/** Whether the same octets were found clean in the same context. */
export function isKnownConstant(
  { profile, issuer, ...place }: LintContext,
  certificate: Certificate,
): boolean {
  const last = known.get(profile)?.get(issuer)
  return (
    last !== undefined &&
    last.baseUrl === place.baseUrl &&
    last.policyArc === place.policyArc &&
    last.version === certificate.version &&
    compareBytes(last.algorithm, certificate.signatureAlgorithm.raw) === 0 &&
    compareBytes(last.issuerName, certificate.issuer.raw) === 0 &&
    areKnown(certificate.extensions, last.extensions)
  )
}

/** Remembers a constant part in which no rule found anything, in place of the last one. */
export function rememberConstant(context: LintContext, certificate: Certificate): void {
  const { profile, issuer, baseUrl, policyArc } = context
  const byIssuer = known.get(profile) ?? new WeakMap<LintIssuer, Known>()
  known.set(profile, byIssuer)
  byIssuer.set(issuer, {
    baseUrl,
    policyArc,
    version: certificate.version,
    algorithm: certificate.signatureAlgorithm.raw.slice(),
    issuerName: certificate.issuer.raw.slice(),
    extensions: [...certificate.extensions.values()].map((extension) => {
      const { oid, critical, value } = constantExtension(extension)
      return { oid, critical, value: value.slice() }
    }),
  })
}
