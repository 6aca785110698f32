/** The first API key of a new data folder. */
import type { House } from '../house.ts'
import { HOUSE_TENANT, operatorCaller } from '../services/tenancy.ts'

/** Makes the institution's tenant and the first key, when there is none. @returns the key, or undefined */
export async function firstKey({
  store,
  services,
}: Pick<House, 'store' | 'services'>): Promise<string | undefined> {
  if ((await store.apiKeys.count()) > 0) return undefined
  const caller = operatorCaller('first-start')
  if (!(await store.tenants.find(HOUSE_TENANT)))
    await services.tenants.create(caller, { id: HOUSE_TENANT, name: HOUSE_TENANT })
  const roles = ['admin', 'operator', 'signer', 'auditor', 'regulator'] as const
  const made = await services.apiKeys.create(caller, { tenant: null, roles, label: 'first key' })
  return made.key
}
