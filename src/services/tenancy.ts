/** Who asks, under whose name rows are written, and whose rows are seen: decided once per request, then passed on. */
import { CodedError } from '../../ca/errors.ts'
import type { Actor } from '../../ca/ports.ts'
import { allow, type Permission, type Principal } from '../auth/permissions.ts'

/** Tenant of the institution itself: rows that its own keys make. */
export const HOUSE_TENANT = 'institution'

/** A principal with what was decided about it for one permission. */
export interface Caller extends Actor {
  readonly principal: Principal
  /** Tenant of what it makes. */
  readonly tenant: string
  /** Whose rows it sees. */
  readonly scope: string | 'all'
}

const denied = {
  'not-granted': 'no role of this key grants it',
  'other-tenant': 'it belongs to another tenant',
  'institution-only': 'it is for keys of the institution only',
} as const

/** @throws {CodedError} AUTH_FORBIDDEN */
export function callerFor(principal: Principal, permission: Permission): Caller {
  const decision = allow(principal, permission)
  if (!decision.allowed)
    throw new CodedError('AUTH_FORBIDDEN', `${permission}: ${denied[decision.reason]}`, {
      extra: { permission },
    })
  const tenant = principal.tenant ?? HOUSE_TENANT
  return { principal, actor: principal.actor, tenant, scope: decision.tenants ?? tenant }
}

/** Somebody without a key, on a public route: sees and owns nothing. */
export const ANONYMOUS: Caller = {
  principal: { id: 'anonymous', actor: 'anonymous', tenant: null, roles: [] },
  actor: 'anonymous',
  tenant: '',
  scope: '',
}

/** The command line on the machine itself: whoever can read the keys' passphrase is the institution. */
export const operatorCaller = (name: string): Caller => ({
  principal: {
    id: name,
    actor: `operator:${name}`,
    tenant: null,
    roles: ['admin', 'operator', 'signer', 'auditor', 'regulator'],
  },
  actor: `operator:${name}`,
  tenant: HOUSE_TENANT,
  scope: 'all',
})

/** What records and rows say about who acts. */
export const actorOf = ({ actor, tenant }: Caller): Actor & { readonly tenant: string } => ({ actor, tenant })

/**
 * For changes of what is there already: the core checks that it belongs to this tenant, or to any for a caller who sees
 * all. Its records keep the owner's tenant.
 */
export const reachOf = ({ actor, scope }: Caller): Actor => ({
  actor,
  tenant: scope === 'all' ? null : scope,
})

/**
 * Narrows what a caller sees to the tenant that the request names.
 *
 * @throws {CodedError} AUTH_FORBIDDEN when that is not within its scope
 */
export function narrow(caller: Caller, asked: string | undefined): string | 'all' {
  if (asked === undefined || asked === caller.scope) return caller.scope
  if (caller.scope === 'all') return asked
  throw new CodedError('AUTH_FORBIDDEN', 'this key does not see other tenants')
}
