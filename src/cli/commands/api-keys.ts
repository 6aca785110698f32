/** `yinxin tenant create` and `yinxin apikey create`: how a business is let in. */
import { CodedError } from '../../../ca/errors.ts'
import { type Role, ROLES } from '../../auth/permissions.ts'
import type { Command } from '../command.ts'
import { type CliContext, withHouse } from '../context.ts'

function parseRoles(text: string): Role[] {
  return text.split(',').map((name) => {
    const role = ROLES.find((known) => known === name.trim())
    if (!role) throw new CodedError('REQUEST_INVALID', `--roles: ${name} is none of ${ROLES.join(', ')}`)
    return role
  })
}

export const apiKeyCommands: readonly Command<CliContext>[] = [
  {
    name: 'tenant create',
    summary: 'make a tenant',
    positionals: [{ name: 'ID', help: 'letters, digits, - and _' }],
    options: { name: { value: 'NAME', help: 'name of the business', required: true } },
    run: (input, context, printer) =>
      withHouse(input, context, async ({ services }, caller) => {
        const tenant = await services.tenants.create(caller, {
          id: input.positionals[0] ?? '',
          name: input.options['name'] ?? '',
        })
        printer.result(tenant, `Made tenant ${tenant.id}`)
        return 0
      }),
  },
  {
    name: 'apikey create',
    summary: 'make an API key; it is shown once',
    positionals: [],
    options: {
      tenant: { value: 'ID', help: 'tenant; the institution itself when left out' },
      roles: { value: 'ROLES', help: `comma-separated: ${ROLES.join(', ')}`, required: true },
      label: { value: 'TEXT', help: 'to tell it apart' },
    },
    run: (input, context, printer) =>
      withHouse(input, context, async ({ services }, caller) => {
        const { tenant, roles = '', label } = input.options
        const made = await services.apiKeys.create(caller, {
          tenant: tenant ?? null,
          roles: parseRoles(roles),
          ...(label === undefined ? {} : { label }),
        })
        printer.result(made, `API key ${made.id}, shown once: ${made.key ?? ''}`)
        return 0
      }),
  },
]
