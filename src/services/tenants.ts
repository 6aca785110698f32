/** Tenants and API keys. */
import { CodedError } from '../../ca/errors.ts'
import { buildApiKey } from '../auth/api-key.ts'
import { allowGrant, type Role } from '../auth/permissions.ts'
import { toHex } from '../lib/bytes.ts'
import type { StoredApiKey } from '../store/api-keys.ts'
import { type PageView, pageOf, type Paging } from './paging.ts'
import type { ServiceDeps } from './deps.ts'
import { type Caller, HOUSE_TENANT } from './tenancy.ts'

export interface TenantView {
  readonly id: string
  readonly name: string
  readonly createdAt: string
  readonly disabledAt: string | null
}

export interface ApiKeyView {
  readonly id: string
  readonly tenant: string | null
  readonly roles: readonly Role[]
  readonly label: string | null
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly revokedAt: string | null
  readonly lastUsedAt: string | null
  readonly key?: string
}

type Deps = Pick<ServiceDeps, 'store' | 'now' | 'randomBytes'>

const tenantView = (row: {
  id: string
  name: string
  createdAt: Date
  disabledAt: Date | null
}): TenantView => ({
  id: row.id,
  name: row.name,
  createdAt: row.createdAt.toISOString(),
  disabledAt: row.disabledAt?.toISOString() ?? null,
})

export function createTenants({ store, now }: Deps) {
  return {
    /** @throws {CodedError} TENANT_EXISTS */
    async create(caller: Caller, input: { readonly id: string; readonly name: string }): Promise<TenantView> {
      const at = now()
      const row = {
        id: input.id,
        name: input.name,
        documentRetentionSeconds: null,
        createdAt: at,
        disabledAt: null,
      }
      await store.tenants.create(row, [
        { type: 'tenant.created', at, actor: caller.actor, tenant: input.id, data: { tenantId: input.id } },
      ])
      return tenantView(row)
    },
    list: async (_caller: Caller, paging: Paging): Promise<PageView<TenantView>> =>
      pageOf(await store.tenants.list(paging), tenantView),
  }
}

const apiKeyView = (row: StoredApiKey): ApiKeyView => ({
  id: row.id,
  tenant: row.tenant,
  roles: row.roles,
  label: row.label,
  createdAt: row.createdAt.toISOString(),
  expiresAt: row.expiresAt?.toISOString() ?? null,
  revokedAt: row.revokedAt?.toISOString() ?? null,
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
})

export interface ApiKeyInput {
  readonly tenant: string | null
  readonly roles: readonly Role[]
  readonly label?: string
  readonly expiresAt?: string
}

export function createApiKeys({ store, now, randomBytes }: Deps) {
  return {
    /** @throws {CodedError} AUTH_FORBIDDEN when it would reach further than the caller; TENANT_NOT_FOUND */
    async create(caller: Caller, input: ApiKeyInput): Promise<ApiKeyView> {
      const decision = allowGrant(caller.principal, input.roles, input.tenant)
      if (!decision.allowed)
        throw new CodedError(
          'AUTH_FORBIDDEN',
          'a key with these roles and this tenant reaches further than yours',
        )
      const at = now()
      const made = buildApiKey(randomBytes)
      const row = {
        id: `key_${toHex(randomBytes(9))}`,
        prefix: made.prefix,
        hash: made.hash,
        tenant: input.tenant,
        roles: input.roles,
        label: input.label ?? null,
        createdBy: caller.actor,
        createdAt: at,
        expiresAt: input.expiresAt === undefined ? null : new Date(input.expiresAt),
        revokedAt: null,
        lastUsedAt: null,
      }
      await store.apiKeys.create(row, [
        {
          type: 'apikey.created',
          at,
          actor: caller.actor,
          tenant: input.tenant,
          data: { apiKeyId: row.id, roles: [...input.roles] },
        },
      ])
      return { ...apiKeyView(row), key: made.text }
    },

    list: async (caller: Caller, paging: Paging): Promise<PageView<ApiKeyView>> =>
      pageOf(await store.apiKeys.list(keyScope(caller), paging), apiKeyView),

    /** @throws {CodedError} API_KEY_NOT_FOUND */
    async revoke(caller: Caller, id: string): Promise<void> {
      const at = now()
      const record = {
        type: 'apikey.revoked',
        at,
        actor: caller.actor,
        tenant: caller.principal.tenant,
        data: { apiKeyId: id },
      }
      await store.apiKeys.revoke(id, keyScope(caller), at, [record])
    },
  }
}

/** API keys of the institution itself have no tenant. */
const keyScope = (caller: Caller): string | null => (caller.scope === HOUSE_TENANT ? null : caller.scope)
