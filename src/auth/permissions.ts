/**
 * May this caller do this, and to whose rows? One table (`policies/access/roles.json`), one pure function.
 *
 * Two rules stand above the table: a caller that belongs to a tenant never reaches another one, and what the
 * table does not grant is denied.
 */
import policy from '../../policies/access/roles.json' with { type: 'json' }

/** Roles that an API key can have. */
export const ROLES = ['admin', 'operator', 'signer', 'auditor', 'regulator'] as const

/** A role. */
export type Role = (typeof ROLES)[number]

/** Everything that can be permitted. */
export const PERMISSIONS = [
  'tenant.manage',
  'apikey.manage',
  'config.manage',
  'backup.run',
  'certificate.issue',
  'certificate.read',
  'certificate.export',
  'certificate.revoke',
  'identity.write',
  'identity.read',
  'key.create',
  'key.read',
  'key.destroy',
  'document.sign',
  'document.read',
  'signature.read',
  'verification.read',
  'statistics.read',
  'record.read',
  'metrics.read',
] as const

/** Something that can be permitted. */
export type Permission = (typeof PERMISSIONS)[number]

/** Who asks. */
export interface Principal {
  readonly id: string
  /** For records: `apikey:<id>`, `operator:<name>`, `system`. */
  readonly actor: string
  /** Null: the institution itself. */
  readonly tenant: string | null
  readonly roles: readonly Role[]
}

/** How far a grant reaches; see the schema. */
export type GrantScope = 'own' | 'all' | 'institution'

/** The table. */
export type AccessPolicy = {
  readonly roles: Readonly<
    Record<Role, { readonly grants: Readonly<Partial<Record<Permission, GrantScope>>> }>
  >
}

/**
 * Whose rows an allowed caller sees: `all`, one tenant, or null for rows of the institution itself.
 * Pass it on to every read, so that the query and not only the route keeps tenants apart.
 */
export type Decision =
  | { readonly allowed: true; readonly tenants: 'all' | string | null }
  | { readonly allowed: false; readonly reason: 'not-granted' | 'other-tenant' | 'institution-only' }

// The schema test keeps file and types together; JSON gives scopes as plain text.
const DEFAULT_POLICY = policy as unknown as AccessPolicy

const REACH: Readonly<Record<GrantScope, number>> = { own: 0, institution: 1, all: 2 }

/** Own members only: a role named like a member of every object must not find one. */
const findGrant = (table: AccessPolicy, role: Role, permission: Permission): GrantScope | undefined =>
  Object.hasOwn(table.roles, role) ? table.roles[role].grants[permission] : undefined

function findScope(
  principal: Principal,
  permission: Permission,
  table: AccessPolicy,
): GrantScope | undefined {
  const scopes = principal.roles
    .map((role) => findGrant(table, role, permission))
    .filter((scope) => scope !== undefined)
    // A grant for staff only is worth nothing to a tenant's key; another role of it may still grant.
    .filter((scope) => scope !== 'institution' || principal.tenant === null)
  return scopes.sort((a, b) => REACH[b] - REACH[a])[0]
}

const isGrantedToStaff = (principal: Principal, permission: Permission, table: AccessPolicy): boolean =>
  principal.roles.some((role) => findGrant(table, role, permission) === 'institution')

/**
 * Decides.
 *
 * @param target whose row it is; left out for lists, which then must be filtered by `tenants`
 */
export function allow(
  principal: Principal,
  permission: Permission,
  target: { readonly tenant?: string | null } = {},
  table: AccessPolicy = DEFAULT_POLICY,
): Decision {
  const scope = findScope(principal, permission, table)
  if (scope === undefined) {
    const reason = isGrantedToStaff(principal, permission, table) ? 'institution-only' : 'not-granted'
    return { allowed: false, reason }
  }
  const tenants = principal.tenant === null && scope !== 'own' ? 'all' : principal.tenant
  if (target.tenant === undefined || tenants === 'all') return { allowed: true, tenants }
  if (target.tenant !== tenants) return { allowed: false, reason: 'other-tenant' }
  return { allowed: true, tenants }
}

/**
 * May this caller give somebody these roles in this tenant? Nobody gives what reaches further than they do.
 */
export function allowGrant(
  principal: Principal,
  roles: readonly Role[],
  tenant: string | null,
  table: AccessPolicy = DEFAULT_POLICY,
): Decision {
  const decision = allow(principal, 'apikey.manage', { tenant }, table)
  if (!decision.allowed) return decision
  if (tenant !== null && roles.includes('regulator')) return { allowed: false, reason: 'institution-only' }
  return decision
}
