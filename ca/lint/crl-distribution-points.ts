import { type DistributionPoint, parseDistributionPoints } from '../x509/extensions.ts'
import { EXT } from '../x509/oids.ts'
import { type LintInput, defineRule } from './rule.ts'

/** The one URL of the one point, or undefined when there is more to it. */
function onlyUrl([point, ...more]: readonly DistributionPoint[]): string | undefined {
  const [name, ...names] = point?.fullName ?? []
  if (more.length > 0 || names.length > 0 || point?.reasons || point?.crlIssuer) return undefined
  return name?.kind === 'uniformResourceIdentifier' ? name.text : undefined
}

function shardUrl(template: string, { certificate, issuer, baseUrl }: LintInput): string {
  const shard = issuer.shards > 0 ? String(BigInt(`0x${certificate.serialHex}`) % BigInt(issuer.shards)) : ''
  return template
    .replaceAll('{base}', baseUrl)
    .replaceAll('{issuerId}', issuer.issuerId)
    .replaceAll('{shard}', shard)
}

/** The one place where a relying party looks: it must be the shard in which the serial will stand. */
export const crlDistributionPoints = defineRule(
  'crl-distribution-points',
  'RFC 5280 §4.2.1.13; CPS 4.9.7',
  (input) => {
    const rule = input.profile.extensions.crlDistributionPoints
    const extension = input.certificate.extensions.get(EXT.crlDistributionPoints)
    if (!rule || !extension) return undefined
    return onlyUrl(parseDistributionPoints(extension.value)) === shardUrl(rule.value, input)
      ? undefined
      : 'there is not exactly one distribution point, or it is not the shard of the serial number'
  },
)
