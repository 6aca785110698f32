/**
 * From an Authorization header to a caller. Keys are looked up by prefix and compared in constant time; the answer to
 * any wrong key is the same. What is refused is recorded; a key's first use in an hour is its login record.
 */
import { CodedError, isCoded } from '../../ca/errors.ts'
import { isApiKey, isUsable, parseApiKey } from '../auth/api-key.ts'
import type { Permission, Principal } from '../auth/permissions.ts'
import type { ServiceDeps } from './deps.ts'
import { type Caller, callerFor } from './tenancy.ts'

const LOGIN_RECORD_MS = 3_600_000
/** Refusals recorded per minute at most: an attacker must not fill the log. */
const DENIALS_PER_MINUTE = 60

const required = (): CodedError =>
  new CodedError('AUTH_REQUIRED', 'send an API key: Authorization: Bearer yx_…')

export function createAuthorise({ store, now }: Pick<ServiceDeps, 'store' | 'now'>) {
  const lastLogin = new Map<string, number>()
  const denials = { minute: 0, count: 0 }

  async function recordDenial(actor: string, tenant: string | null, code: string): Promise<void> {
    const at = now()
    const minute = Math.floor(at.getTime() / 60_000)
    if (denials.minute !== minute) Object.assign(denials, { minute, count: 0 })
    if (++denials.count > DENIALS_PER_MINUTE) return
    await store.ca.record([{ type: 'auth.denied', at, actor, tenant, data: { code } }])
  }

  async function recordLogin({ id, actor, tenant }: Principal): Promise<void> {
    const at = now()
    if (at.getTime() - (lastLogin.get(id) ?? 0) < LOGIN_RECORD_MS) return
    lastLogin.set(id, at.getTime())
    await store.ca.record([{ type: 'auth.login', at, actor, tenant, data: { apiKeyId: id } }])
  }

  async function identify(header: string): Promise<Principal> {
    const [, text] = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(header) ?? []
    if (text === undefined) throw required()
    const parts = readKey(text)
    const row = parts && (await store.apiKeys.findByPrefix(parts.prefix))
    if (!parts || !row || row.isTenantDisabled || !isApiKey(parts, row.hash) || !isUsable(row, now())) {
      await recordDenial('anonymous', null, 'AUTH_REQUIRED')
      throw required()
    }
    await store.apiKeys.touch(row, now())
    return { id: row.id, actor: `apikey:${row.id}`, tenant: row.tenant, roles: row.roles }
  }

  /** @throws {CodedError} AUTH_REQUIRED, AUTH_FORBIDDEN */
  return async (header: string, permission: Permission): Promise<Caller> => {
    const principal = await identify(header)
    try {
      const caller = callerFor(principal, permission)
      await recordLogin(principal)
      return caller
    } catch (error) {
      if (isCoded(error, 'AUTH_FORBIDDEN'))
        await recordDenial(principal.actor, principal.tenant, 'AUTH_FORBIDDEN')
      throw error
    }
  }
}

function readKey(text: string): ReturnType<typeof parseApiKey> | undefined {
  try {
    return parseApiKey(text)
  } catch {
    return undefined
  }
}
