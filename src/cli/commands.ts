/** Every command of `yinxin`, in the order of its help. */
import { ceremonyCommand } from './ceremony.ts'
import type { Command } from './command.ts'
import { apiKeyCommands } from './commands/api-keys.ts'
import { auditVerifyCommand } from './commands/audit-verify.ts'
import { backupCommand, restoreCommand } from './commands/backup.ts'
import { issueCommand, revokeCommand } from './commands/certificates.ts'
import { crlImportCommand } from './commands/crl.ts'
import { keysCommand } from './commands/keys.ts'
import { passphraseCommand } from './commands/passphrase.ts'
import { rotateCommand } from './commands/rotate.ts'
import { serveCommand } from './commands/serve.ts'
import { signCommand } from './commands/sign.ts'
import { statsCommand } from './commands/stats.ts'
import { verifyCommand } from './commands/verify.ts'
import type { CliContext } from './context.ts'
import { demoCommand } from './demo/demo.ts'

export const commands: readonly Command<CliContext>[] = [
  serveCommand,
  demoCommand,
  ceremonyCommand,
  crlImportCommand,
  rotateCommand,
  passphraseCommand,
  issueCommand,
  revokeCommand,
  signCommand,
  verifyCommand,
  auditVerifyCommand,
  statsCommand,
  keysCommand,
  ...apiKeyCommands,
  backupCommand,
  restoreCommand,
]
