/** `yinxin keys`: keys that the service holds. */
import { CodedError } from '../../../ca/errors.ts'
import type { Command } from '../command.ts'
import { type CliContext, withHouse } from '../context.ts'

export const keysCommand: Command<CliContext> = {
  name: 'keys',
  summary: 'list, make or destroy keys that are held here',
  positionals: [
    { name: 'ACTION', help: 'list, generate or destroy', optional: true },
    { name: 'ID', help: 'key to destroy', optional: true },
  ],
  options: { algorithm: { value: 'NAME', help: 'for generate', default: 'P-256' } },
  run: (input, context, printer) =>
    withHouse(input, context, async ({ services }, caller) => {
      const [action = 'list', id = ''] = input.positionals
      if (action === 'generate') {
        const key = await services.keys.create(caller, input.options['algorithm'] ?? 'P-256')
        printer.result(key, `Made key ${key.keyId} (${key.algorithm})`)
      } else if (action === 'destroy') {
        await services.keys.destroy(caller, id)
        printer.result({ keyId: id, destroyed: true }, `Destroyed key ${id}`)
      } else if (action === 'list') {
        const { items } = await services.keys.list(caller, { limit: 500 })
        for (const key of items)
          printer.result(
            key,
            `${key.keyId}  ${key.algorithm}  ${key.createdAt}${key.destroyedAt ? '  destroyed' : ''}`,
          )
        if (items.length === 0) printer.text('No keys are held.')
      } else throw new CodedError('REQUEST_INVALID', `ACTION is list, generate or destroy, not ${action}`)
      return 0
    }),
}
