/** `yinxin rotate`: new keys and certificates for the OCSP responders and the TSA. */
import { type CliContext, withHouse } from '../context.ts'
import type { Command } from '../command.ts'

export const rotateCommand: Command<CliContext> = {
  name: 'rotate',
  summary: 'renew OCSP responder and TSA certificates that are in the last third of their life',
  positionals: [],
  options: { force: { help: 'renew all of them now' } },
  run: (input, context, printer) =>
    withHouse(
      input,
      context,
      ({ rotation: { rotated, failed } }) => {
        for (const { name, oldSerialHex, newSerialHex, notAfter } of rotated)
          printer.result(
            { name, oldSerialHex, newSerialHex, notAfter: notAfter.toISOString() },
            `Renewed ${name}: ${oldSerialHex} -> ${newSerialHex}, ends ${notAfter.toISOString()}`,
          )
        for (const { name, error } of failed)
          printer.result(
            { name, code: error.code, message: error.message },
            `Could not renew ${name}: ${error.message} (${error.code})`,
          )
        if (rotated.length > 0) printer.text('A running service uses them within a minute.')
        else if (failed.length === 0) printer.text('Nothing is due.')
        return Promise.resolve(failed.length > 0 ? 2 : 0)
      },
      { force: input.flags.has('force') },
    ),
}
