/** `yinxin passphrase change`: another passphrase for the key files. */
import { resolve } from 'node:path'
import type { Command } from '../command.ts'
import { cliCaller, type CliContext, configOf } from '../context.ts'
import { counted } from '../counted.ts'

export const passphraseCommand: Command<CliContext> = {
  name: 'passphrase change',
  summary: 'put every key file under another passphrase; the service must be stopped',
  positionals: [{ name: 'FILE', help: 'holds the new passphrase; the old one is in YINXIN_PASSPHRASE_FILE' }],
  options: {},
  async run(input, context, printer) {
    const newFile = resolve(input.positionals[0] ?? '')
    const config = configOf(input, context)
    const { keys, before } = await context.changePassphrase(config, {
      newFile,
      actor: cliCaller().actor,
      onProgress: (done, total) => printer.progress('keys', done, total),
    })
    printer.result(
      { keys, before, passphraseFile: newFile },
      `${counted(keys, 'key')} ${keys === 1 ? 'is' : 'are'} under the new passphrase now${before === 0 ? '' : `, ${before} of them since an earlier attempt`}.`,
      `Now set YINXIN_PASSPHRASE_FILE to ${newFile}, or put that file in the place of ${config.passphraseFile}.`,
      'Keep the old passphrase as long as a backup from before today: it opens the keys in that backup.',
    )
    return 0
  },
}
