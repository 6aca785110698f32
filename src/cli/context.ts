/** What `main.ts` hands to the commands: how to open the house, and nothing that is open already. */
import { userInfo } from 'node:os'
import { type Config, readConfig } from '../config.ts'
import type { House, OpenOptions } from '../house.ts'
import { type Caller, operatorCaller } from '../services/tenancy.ts'
import type { CommandInput } from './command.ts'

export interface CliContext {
  readonly openHouse: (config: Config, options: Pick<OpenOptions, 'serving' | 'rotate'>) => Promise<House>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Root of the checkout. */
  readonly root: string
}

/** Opens the house for one command, and closes it whichever way the command ends. */
export async function withHouse<T>(
  input: CommandInput,
  context: CliContext,
  work: (house: House, caller: Caller) => Promise<T>,
  rotate?: { readonly force: boolean },
): Promise<T> {
  const caller = operatorCaller(operatorName())
  const data = input.options['data']
  const quiet = { YINXIN_LOG: 'error', ...context.env }
  const house = await context.openHouse(readConfig(quiet, data === undefined ? {} : { dataDir: data }), {
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
