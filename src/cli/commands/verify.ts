/** `yinxin verify`: the same verifier as the service; offline too, and then without any data folder. */
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { verifyAlone } from '../../services/verification-engine.ts'
import { loadPolicy } from '../../verify/policy.ts'
import type { Report } from '../../verify/report.ts'
import { trustFromPem } from '../../verify/trust.ts'
import type { Command, CommandInput } from '../command.ts'
import { type CliContext, withHouse } from '../context.ts'
import { verdictLines } from '../verdict-lines.ts'

async function readInput(input: CommandInput) {
  const [file = ''] = input.positionals
  const { content, password } = input.options
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
    at: new Date(),
    trust: trustFromPem(await readFile(trust, 'utf8'), basename(trust)),
    policy: await loadPolicy((path) => readFile(join(root, 'policies', path), 'utf8')),
    evidence: await Promise.all(files.map(async (file) => new Uint8Array(await readFile(file)))),
    offline: input.flags.has('offline'),
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
    password: { value: 'TEXT', help: 'of an encrypted PDF' },
  },
  async run(input, context, printer) {
    const report =
      input.options['trust'] === undefined
        ? await withHouse(input, context, async ({ services }, caller) => {
            await services.status.publishDueCrls()
            const asked = { ...(await readInput(input)), fileName: basename(input.positionals[0] ?? '') }
            return (await services.verifyDocument(caller, asked)).report
          })
        : await verifyGiven(input, context.root)
    printer.result(report, ...verdictLines(report))
    return report.indication === 'TOTAL-PASSED' ? 0 : 1
  },
}
