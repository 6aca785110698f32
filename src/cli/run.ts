/** Finds the command, reads its options, runs it, and turns errors into one line and an exit status. */
import { CodedError } from '../../ca/errors.ts'
import { type Command, commandHelp, readInput } from './command.ts'
import { createPrinter, type Output } from './printer.ts'

export interface CliStreams {
  readonly out: Output
  readonly err: Output
}

function findCommand<C>(
  commands: readonly Command<C>[],
  words: readonly string[],
): { command: Command<C>; rest: readonly string[] } | undefined {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(' ')
    const command = commands.find((candidate) => candidate.name === name)
    if (command) return { command, rest: words.slice(length) }
  }
  return undefined
}

const overview = (commands: readonly Command<never>[]): string =>
  [
    'Yinxin 印信: certification authority and electronic signatures',
    '',
    'yinxin COMMAND [options]',
    '',
    ...commands.map((command) => `  ${command.name.padEnd(18)} ${command.summary}`),
    '',
    'yinxin COMMAND --help shows the options of a command.',
  ].join('\n')

/** A file that is not there or may not be read is the caller's to mend: its message says all of it. */
const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'syscall' in error ? (error as NodeJS.ErrnoException).code : undefined

const SYSTEM_MESSAGES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'this is a folder, not a file',
  EACCES: 'this file may not be read or written',
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { path } = error as NodeJS.ErrnoException
  const words = SYSTEM_MESSAGES[systemCode(error) ?? '']
  if (words === undefined) return error.message
  return path === undefined ? words : `${words}: ${path}`
}

function showError(error: unknown, json: boolean, streams: CliStreams): void {
  const code = error instanceof CodedError ? error.code : (systemCode(error) ?? 'INTERNAL')
  const message = messageOf(error)
  if (json) {
    const extra = error instanceof CodedError ? error.extra : {}
    streams.err.write(`${JSON.stringify({ error: { code, message, ...extra } })}\n`)
    return
  }
  streams.err.write(`yinxin: ${message} (${code})\n`)
  if (code === 'INTERNAL' && error instanceof Error && error.stack) streams.err.write(`${error.stack}\n`)
}

/**
 * @param words what stands after the program's name
 * @returns exit status: 0 done, 1 the answer is no, 2 could not be done
 */
export async function runCli<C>(
  commands: readonly Command<C>[],
  context: C,
  words: readonly string[],
  streams: CliStreams,
): Promise<number> {
  const found = findCommand(commands, words)
  if (!found) {
    const asked = words.length === 0 || words[0] === '--help' || words[0] === 'help'
    if (!asked) streams.err.write(`yinxin: there is no command ${words[0] ?? ''}\n\n`)
    ;(asked ? streams.out : streams.err).write(`${overview(commands)}\n`)
    return asked ? 0 : 2
  }
  const json = found.rest.includes('--json')
  try {
    const input = readInput(found.command, found.rest)
    if (input.flags.has('help')) {
      streams.out.write(`${commandHelp(found.command)}\n`)
      return 0
    }
    return await found.command.run(input, context, createPrinter(json, streams.out, streams.err))
  } catch (error) {
    showError(error, json, streams)
    return 2
  }
}
