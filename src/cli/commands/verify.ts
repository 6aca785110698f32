/** `yinxin verify`: the same verifier as the service; offline too, and then without any data folder. */
import { access, constants, readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { CodedError } from '../../../ca/errors.ts'
import { placesOf } from '../../house.ts'
import { verifyAlone } from '../../services/verification-engine.ts'
import { loadPolicy } from '../../verify/policy.ts'
import type { Report } from '../../verify/report.ts'
import { trustFromPem } from '../../verify/trust.ts'
import type { Command, CommandInput } from '../command.ts'
import { type CliContext, configOf, withArchive, withHouse } from '../context.ts'
import type { Printer } from '../printer.ts'
import { verdictLines } from '../verdict-lines.ts'

/** Of a file a line end at its end is no part: editors add one. */
async function readPassword({ options }: CommandInput): Promise<string | undefined> {
  const { password, 'password-file': file } = options
  if (file === undefined) return password
  if (password !== undefined)
    throw new CodedError('REQUEST_INVALID', 'give one of --password and --password-file')
  return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
}

async function readInput(input: CommandInput) {
  const [file = ''] = input.positionals
  const { content } = input.options
  const password = await readPassword(input)
  return {
    document: new Uint8Array(await readFile(file)),
    ...(content === undefined ? {} : { content: new Uint8Array(await readFile(content)) }),
    ...(password === undefined ? {} : { password }),
  }
}

/** Verifies with the anchors and evidence that were given as files, and with the network unless `--offline`. */
async function verifyGiven(input: CommandInput, root: string): Promise<Report> {
  const { trust = '', evidence = '' } = input.options
  const files = evidence.split(',').filter(Boolean)
  return verifyAlone({
    input: await readInput(input),
    now: () => new Date(),
    trust: trustFromPem(await readFile(trust, 'utf8'), basename(trust)),
    policy: await loadPolicy((path) => readFile(join(root, 'policies', path), 'utf8')),
    evidence: await Promise.all(files.map(async (file) => new Uint8Array(await readFile(file)))),
    offline: input.flags.has('offline'),
  })
}

const isReadable = (file: string): Promise<boolean> =>
  access(file, constants.R_OK).then(
    () => true,
    () => false,
  )

/** With the keys of the data folder as the service would, and recorded; without them from what was published. */
async function verifyOverFolder(input: CommandInput, context: CliContext, printer: Printer): Promise<Report> {
  const config = configOf(input, context)
  const keys = await readdir(placesOf(config).keys).catch(() => [])
  if (keys.length > 0 && (await isReadable(config.passphraseFile)))
    return withHouse(input, context, async ({ services }, caller) => {
      await services.status.publishDueCrls()
      const asked = { ...(await readInput(input)), fileName: basename(input.positionals[0] ?? '') }
      return (await services.verifyDocument(caller, asked)).report
    })
  return withArchive(input, context, { record: false }, async (archive) => {
    const verify = await archive.verifier()
    const report = await verify(await readInput(input))
    printer.text('Opened without keys: not recorded, and as new as the last published CRL.')
    return report
  })
}

export const verifyCommand: Command<CliContext> = {
  name: 'verify',
  summary: 'verify a signed PDF or a .p7s; exit status 0 only for TOTAL-PASSED',
  positionals: [{ name: 'FILE', help: 'PDF, or the .p7s of a detached signature' }],
  options: {
    content: { value: 'FILE', help: 'what a detached signature is about' },
    trust: {
      value: 'PEM',
      help: 'trust these CAs instead of those of the data folder; needs no data folder',
    },
    evidence: {
      value: 'FILES',
      help: 'with --trust: certificates, CRLs and OCSP responses, comma-separated',
    },
    offline: { help: 'with --trust: fetch nothing' },
    password: { value: 'TEXT', help: 'of an encrypted PDF; other users of the machine can see it' },
    'password-file': { value: 'FILE', help: 'the password of an encrypted PDF, in a file' },
  },
  async run(input, context, printer) {
    const report = await (input.options['trust'] === undefined
      ? verifyOverFolder(input, context, printer)
      : verifyGiven(input, context.root))
    printer.result(report, ...verdictLines(report))
    return report.indication === 'TOTAL-PASSED' ? 0 : 1
  },
}
