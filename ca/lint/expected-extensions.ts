import { EXT } from '../x509/oids.ts'
import type { Profile } from '../profiles.ts'

/** Extension OID → critical, as the profile wants them; only subjectAltName may be absent. */
export function expectedExtensions({ extensions: rules }: Profile): ReadonlyMap<string, boolean> {
  const list = Object.entries(rules) as [keyof typeof rules & keyof typeof EXT, { critical: boolean }][]
  return new Map([
    [EXT.authorityKeyIdentifier, false],
    [EXT.subjectKeyIdentifier, false],
    ...list.map(([name, rule]): [string, boolean] => [EXT[name], rule.critical]),
  ])
}
