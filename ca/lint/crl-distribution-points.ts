import { parseDistributionPoints } from '../x509/extensions.ts'
import { EXT } from '../x509/oids.ts'
import { defineRule } from './rule.ts'

/** The one place where a relying party looks: it must be the shard in which the serial will stand. */
export const crlDistributionPoints = defineRule(
  'crl-distribution-points',
  'RFC 5280 §4.2.1.13; CPS 4.9.7',
  ({ certificate, profile, issuer, baseUrl }) => {
    const rule = profile.extensions.crlDistributionPoints
    const extension = certificate.extensions.get(EXT.crlDistributionPoints)
    if (!rule || !extension) return undefined
    const [point, ...more] = parseDistributionPoints(extension.value)
    const [name, ...names] = point?.fullName ?? []
    if (more.length > 0 || names.length > 0 || point?.reasons || point?.crlIssuer)
      return 'there is more than one distribution point, or it has reasons or a CRL issuer'
    const serial = BigInt(`0x${certificate.serialHex}`)
    const shard = issuer.shards > 0 ? String(serial % BigInt(issuer.shards)) : ''
    const wanted = rule.value
      .replaceAll('{base}', baseUrl)
      .replaceAll('{issuerId}', issuer.issuerId)
      .replaceAll('{shard}', shard)
    return name?.kind === 'uniformResourceIdentifier' && name.text === wanted
      ? undefined
      : 'distribution point is not the shard of the serial number'
  },
)
