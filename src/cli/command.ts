/** What a command of `yinxin` is, and the reading of its options: one table for parsing and for help. */
import { parseArgs } from 'node:util'
import { CodedError } from '../../ca/errors.ts'
import type { Printer } from './printer.ts'

export interface OptionRow {
  /** Shown in help, for example `FILE`; an option without it is a flag. */
  readonly value?: string
  readonly help: string
  readonly default?: string
  readonly required?: boolean
}

export interface CommandInput {
  readonly options: Readonly<Record<string, string | undefined>>
  readonly flags: ReadonlySet<string>
  readonly positionals: readonly string[]
}

export interface Command<Context> {
  /** `verify`, or two words: `audit verify`. */
  readonly name: string
  readonly summary: string
  readonly positionals: readonly {
    readonly name: string
    readonly help: string
    readonly optional?: boolean
  }[]
  readonly options: Readonly<Record<string, OptionRow>>
  /** @returns exit status: 0 done, 1 the answer is no (a verdict, a difference), 2 could not be done */
  readonly run: (input: CommandInput, context: Context, printer: Printer) => Promise<number>
}

/** Options that every command takes. */
const COMMON_OPTIONS: Readonly<Record<string, OptionRow>> = {
  json: { help: 'print JSON, one object per line' },
  data: { value: 'DIR', help: 'data folder (YINXIN_DATA, or ./data)' },
  help: { help: 'show this help' },
}

const usageError = (message: string): CodedError => new CodedError('REQUEST_INVALID', message)

/**
 * Reads the words after the name of a command.
 *
 * @throws {CodedError} REQUEST_INVALID, naming the option
 */
export function readInput(
  command: Pick<Command<never>, 'options' | 'positionals'>,
  words: readonly string[],
): CommandInput {
  const rows = { ...command.options, ...COMMON_OPTIONS }
  const known = Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [
      name,
      { type: row.value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] }
  try {
    parsed = parseArgs({ args: [...words], options: known, allowPositionals: true, strict: true })
  } catch (cause) {
    throw new CodedError(
      'REQUEST_INVALID',
      cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : 'options cannot be read',
      { cause },
    )
  }
  const flags = new Set(Object.keys(parsed.values).filter((name) => parsed.values[name] === true))
  const options: Record<string, string | undefined> = {}
  for (const [name, row] of Object.entries(rows)) {
    if (row.value === undefined) continue
    options[name] = (parsed.values[name] as string | undefined) ?? row.default
    if (row.required && options[name] === undefined && !flags.has('help'))
      throw usageError(`option --${name} is missing`)
  }
  if (!flags.has('help')) checkPositionals(command.positionals, parsed.positionals)
  return { options, flags, positionals: parsed.positionals }
}

function checkPositionals(rows: Command<never>['positionals'], given: readonly string[]): void {
  const missing = rows.filter((row) => !row.optional)[given.length]
  if (missing && given.length < rows.filter((row) => !row.optional).length)
    throw usageError(`${missing.name} is missing`)
  if (given.length > rows.length) throw usageError(`${given[rows.length] ?? ''} is one word too many`)
}

/** Help text of one command. */
export function commandHelp(
  command: Pick<Command<never>, 'name' | 'summary' | 'options' | 'positionals'>,
): string {
  const words = command.positionals.map((row) => (row.optional ? `[${row.name}]` : row.name))
  const line = (left: string, right: string): string => `  ${left.padEnd(26)} ${right}`
  const optionLine = ([name, row]: [string, OptionRow]): string =>
    line(
      `--${name}${row.value === undefined ? '' : ` ${row.value}`}`,
      `${row.help}${row.required ? ' (required)' : ''}${row.default === undefined ? '' : ` [${row.default}]`}`,
    )
  return [
    `yinxin ${command.name} ${['[options]', ...words].join(' ')}`,
    `  ${command.summary}`,
    '',
    ...command.positionals.map((row) => line(row.name, row.help)),
    ...Object.entries({ ...command.options, ...COMMON_OPTIONS }).map(optionLine),
  ].join('\n')
}
