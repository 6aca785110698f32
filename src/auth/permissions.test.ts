import { readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import test from 'ava'
import {
  allow,
  allowGrant,
  type GrantScope,
  PERMISSIONS,
  type Principal,
  type Role,
  ROLES,
} from './permissions.ts'

const readJson = async (path: string): Promise<unknown> =>
  JSON.parse(await readFile(new URL(`../../policies/${path}`, import.meta.url), 'utf8'))

type Grants = { readonly [permission: string]: GrantScope | undefined }
const file = (await readJson('access/roles.json')) as { roles: Record<Role, { grants: Grants }> }
const schema = (await readJson('schema/roles.schema.json')) as {
  definitions: { role: { properties: { grants: { propertyNames: { enum: string[] } } } } }
}

const principal = (tenant: string | null, ...roles: Role[]): Principal => ({
  id: 'k1',
  actor: 'apikey:k1',
  tenant,
  roles,
})

test('the table follows its schema, and schema and code know the same permissions', (t) => {
  const validate = new Ajv({ allErrors: true }).compile(schema)
  t.true(validate(file), JSON.stringify(validate.errors))
  t.deepEqual(Object.keys(file.roles), [...ROLES])
  t.deepEqual(
    [...schema.definitions.role.properties.grants.propertyNames.enum].sort(),
    [...PERMISSIONS].sort(),
  )
})

for (const role of ROLES) {
  for (const permission of PERMISSIONS) {
    const scope = file.roles[role].grants[permission]
    test(`${role} × ${permission}: ${scope ?? 'denied'}`, (t) => {
      const staff = principal(null, role)
      const tenant = principal('acme', role)
      // Somebody of a tenant never reaches another tenant or the institution.
      t.false(allow(tenant, permission, { tenant: 'other' }).allowed)
      t.false(allow(tenant, permission, { tenant: null }).allowed)
      const own = allow(tenant, permission, { tenant: 'acme' })
      t.is(own.allowed, scope === 'own' || scope === 'all')
      const list = allow(tenant, permission)
      t.deepEqual(list, own.allowed ? { allowed: true, tenants: 'acme' } : list)
      t.is(list.allowed, own.allowed)
      t.is(allow(staff, permission).allowed, scope !== undefined)
      t.is(allow(staff, permission, { tenant: 'acme' }).allowed, scope === 'all' || scope === 'institution')
      t.is(allow(staff, permission, { tenant: null }).allowed, scope !== undefined)
    })
  }
}

test('check 47: auditor and regulator can change nothing', (t) => {
  const changing = PERMISSIONS.filter((permission) => !/\.(read|export)$/.test(permission))
  for (const role of ['auditor', 'regulator'] as const) {
    for (const permission of changing) t.false(allow(principal(null, role), permission).allowed, permission)
  }
})

test('separation of duties: who appoints people neither issues nor signs', (t) => {
  for (const permission of ['certificate.issue', 'certificate.revoke', 'document.sign'] as const) {
    t.false(allow(principal(null, 'admin'), permission).allowed)
  }
  t.false(allow(principal(null, 'operator'), 'apikey.manage').allowed)
})

test('roles add up, and no role means nothing', (t) => {
  const both = principal('acme', 'signer', 'operator')
  t.true(allow(both, 'document.sign', { tenant: 'acme' }).allowed)
  t.true(allow(both, 'certificate.issue', { tenant: 'acme' }).allowed)
  for (const permission of PERMISSIONS) t.false(allow(principal(null), permission).allowed)
  const unknown = { ...principal(null), roles: ['root' as Role, '__proto__' as Role, 'constructor' as Role] }
  for (const permission of PERMISSIONS) t.false(allow(unknown, permission).allowed)
})

test('an administrator of a tenant gives roles in it, and in no other', (t) => {
  const admin = principal('acme', 'admin')
  t.true(allowGrant(admin, ['signer', 'operator'], 'acme').allowed)
  t.false(allowGrant(admin, ['signer'], 'other').allowed)
  t.false(allowGrant(admin, ['signer'], null).allowed)
  t.false(allowGrant(admin, ['regulator'], 'acme').allowed)
  t.false(allowGrant(principal(null, 'operator'), ['signer'], 'acme').allowed)
  t.true(allowGrant(principal(null, 'admin'), ['regulator'], null).allowed)
})

test('the reason of a refusal says what is missing', (t) => {
  t.deepEqual(allow(principal('acme', 'admin'), 'tenant.manage'), {
    allowed: false,
    reason: 'institution-only',
  })
  t.deepEqual(allow(principal('acme', 'signer'), 'tenant.manage'), { allowed: false, reason: 'not-granted' })
  t.deepEqual(allow(principal('acme', 'signer'), 'document.sign', { tenant: 'b' }), {
    allowed: false,
    reason: 'other-tenant',
  })
})
