/** What `main.ts` hands to the commands: how to open the house, and nothing that is open already. */
import { userInfo } from 'node:os'
import type { Reencryption } from '../../ca/index.ts'
import type { Archive, ArchiveOptions } from '../archive.ts'
import { type Config, readConfig } from '../config.ts'
import type { House, OpenOptions } from '../house.ts'
import type { PassphraseChange } from '../passphrase.ts'
import { type Caller, operatorCaller } from '../services/tenancy.ts'
import type { CommandInput } from './command.ts'

export interface CliContext {
  readonly openHouse: (config: Config, options: Pick<OpenOptions, 'serving' | 'rotate'>) => Promise<House>
  readonly openArchive: (config: Config, options: ArchiveOptions) => Promise<Archive>
  readonly changePassphrase: (config: Config, change: PassphraseChange) => Promise<Reencryption>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Root of the checkout. */
  readonly root: string
}

/** Settings of a command: only errors are logged, unless the environment says otherwise. */
export function configOf({ options }: CommandInput, { env }: CliContext): Config {
  const { data } = options
  return readConfig({ YINXIN_LOG: 'error', ...env }, data === undefined ? {} : { dataDir: data })
}

/** Who runs this command, for records. */
export const cliCaller = (): Caller => operatorCaller(operatorName())

/** Opens the data folder without its keys for one command, and closes it whichever way the command ends. */
export async function withArchive<T>(
  input: CommandInput,
  context: CliContext,
  options: ArchiveOptions,
  work: (archive: Archive, caller: Caller) => Promise<T>,
): Promise<T> {
  const archive = await context.openArchive(configOf(input, context), options)
  try {
    return await work(archive, cliCaller())
  } finally {
    await archive.close()
  }
}

/** Opens the house for one command, and closes it whichever way the command ends. */
export async function withHouse<T>(
  input: CommandInput,
  context: CliContext,
  work: (house: House, caller: Caller) => Promise<T>,
  rotate?: { readonly force: boolean },
): Promise<T> {
  const caller = cliCaller()
  const house = await context.openHouse(configOf(input, context), {
    serving: false,
    ...(rotate ? { rotate: { ...rotate, actor: caller.actor } } : {}),
  })
  try {
    return await work(house, caller)
  } finally {
    await house.close()
  }
}

/** Name for records, in the characters that they allow. */
function operatorName(): string {
  try {
    return (
      userInfo()
        .username.replace(/[^0-9A-Za-z._-]/g, '_')
        .slice(0, 80) || 'cli'
    )
  } catch {
    return 'cli'
  }
}
