/** `yinxin audit verify`: derives tree and counts anew with code that the writer does not share. */
import { readFile } from 'node:fs/promises'
import { CodedError } from '../../../ca/errors.ts'
import { parseVerifierKey } from '../../audit/note.ts'
import { type LogReport, verifyLog } from '../../audit/verify-log.ts'
import { readPublishedLog } from '../../services/published-log.ts'
import type { Command } from '../command.ts'
import { type CliContext, withArchive } from '../context.ts'
import { counted } from '../counted.ts'

/** A report of the log, and how many records are not in it since they are not published yet. */
type Audit = LogReport & { readonly unsequenced: number }

const linesOf = (report: Audit): string[] => [
  report.ok
    ? `The log is sound: ${counted(report.size, 'record')} ${report.size === 1 ? 'hashes' : 'hash'} to the signed checkpoint.`
    : `The log is NOT sound: ${counted(report.findingCount, 'finding')} in ${counted(report.size, 'record')}.`,
  ...(report.unsequenced === 0
    ? []
    : [
        `  ${counted(report.unsequenced, 'more record')} ${report.unsequenced === 1 ? 'waits' : 'wait'} for a place in the log: not verified, and no checkpoint covers ${report.unsequenced === 1 ? 'it' : 'them'} yet`,
      ]),
  `  root ${report.rootHex}`,
  ...report.findings.map(
    ({ index, en, zh }) => `  - ${index === null ? '' : `record ${index}: `}${en} ${zh}`,
  ),
  ...Object.entries(report.counts).map(([type, count]) => `  ${type.padEnd(28)} ${count}`),
]

/** A text that is no key must not look like a log that is not sound. */
function checkKey(text: string): void {
  try {
    parseVerifierKey(text)
  } catch {
    throw new CodedError(
      'REQUEST_INVALID',
      '--key is the text of a verifier key, NAME+ID+BASE64, as at /log/key',
    )
  }
}

export const auditVerifyCommand: Command<CliContext> = {
  name: 'audit verify',
  summary: 'derive the tree and every count from the records anew; exit status 1 for any difference',
  positionals: [],
  options: {
    checkpoint: { value: 'FILE', help: 'a checkpoint that was kept elsewhere: must be a prefix of this log' },
    key: { value: 'VKEY', help: 'verifier key got by another way; that of the CA when left out' },
    from: { value: 'DAY', help: 'count this period too: first day' },
    to: { value: 'DAY', help: 'last day' },
  },
  run: (input, context, printer) =>
    withArchive(input, context, { record: false }, async ({ store, verifierKey }) => {
      const { checkpoint, key = await verifierKey(), from, to } = input.options
      if (key === undefined)
        throw new CodedError(
          'REQUEST_INVALID',
          'the data folder does not hold the verifier key of its log: give --key',
        )
      checkKey(key)
      const { size, unsequenced, ...log } = await readPublishedLog(store)
      const report = await verifyLog({
        ...log,
        verifierKey: key,
        ...(checkpoint === undefined
          ? {}
          : { earlierCheckpoints: [new Uint8Array(await readFile(checkpoint))] }),
        ...(from === undefined ? {} : { periods: [{ from, to: to ?? from }] }),
        onProgress: (done) => printer.progress('records', done, size),
      })
      const audit: Audit = { ...report, unsequenced }
      printer.result(audit, ...linesOf(audit))
      return report.ok ? 0 : 1
    }),
}
