/**
 * Which addresses an outbound request may reach: certificates name URLs, and whoever writes a certificate
 * must not be able to make this service call its own network (server-side request forgery).
 */
import { BlockList, isIPv6 } from 'node:net'

const blocked = new BlockList()
// IANA special-purpose registries (RFC 6890): everything that is not a public unicast address.
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  blocked.addSubnet(network, prefix, 'ipv4')

const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  blocked.addSubnet(network, prefix, 'ipv6')

/** True when a request may go to this IP address. IPv4 inside IPv6 is never public here. */
export function isPublicAddress(address: string): boolean {
  if (isIPv6(address)) return globalUnicast.check(address, 'ipv6') && !blocked.check(address, 'ipv6')
  return !blocked.check(address, 'ipv4')
}
