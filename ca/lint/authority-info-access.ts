import { authorityInfoAccessOf } from '../x509/extensions.ts'
import { ACCESS } from '../x509/oids.ts'
import { defineConstantRule } from './rule.ts'

export const authorityInfoAccess = defineConstantRule(
  'authority-info-access',
  'RFC 5280 §4.2.2.1',
  ({ certificate, profile, issuer, baseUrl }) => {
    const urls = profile.extensions.authorityInfoAccess?.value ?? {}
    const wanted = new Map(
      (
        [
          [ACCESS.ocsp, urls.ocsp],
          [ACCESS.caIssuers, urls.caIssuers],
        ] as const
      ).flatMap(([method, url]) =>
        url === undefined
          ? []
          : [[method, url.replaceAll('{base}', baseUrl).replaceAll('{issuerId}', issuer.issuerId)]],
      ) as [string, string][],
    )
    const found = authorityInfoAccessOf(certificate)
    const good = found.every(
      ({ method, location }) =>
        location.kind === 'uniformResourceIdentifier' && location.text === wanted.get(method),
    )
    return good && found.length === wanted.size ? undefined : 'access locations are not those of the profile'
  },
)
