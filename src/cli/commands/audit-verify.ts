/** `yinxin audit verify`: derives tree and counts anew with code that the writer does not share. */
import { readFile } from 'node:fs/promises'
import { CodedError } from '../../../ca/errors.ts'
import { parseVerifierKey } from '../../audit/note.ts'
import type { LeafInput, LogReport } from '../../audit/verify-log.ts'
import { verifyLog } from '../../audit/verify-log.ts'
import { placesOf } from '../../house.ts'
import type { Store } from '../../store/store.ts'
import type { Command } from '../command.ts'
import { type CliContext, withHouse } from '../context.ts'

const STEP = 2048

async function* leavesOf(store: Store, size: number): AsyncGenerator<LeafInput> {
  for (let start = 0; start < size; start += STEP)
    for (const { index, leaf } of await store.log.readLeaves(start, Math.min(size, start + STEP)))
      yield { index, leaf }
}

const linesOf = (report: LogReport): string[] => [
  report.ok
    ? `The log is sound: ${report.size} records hash to the signed checkpoint.`
    : `The log is NOT sound: ${report.findingCount} findings in ${report.size} records.`,
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
    withHouse(input, context, async ({ store, services, config }) => {
      const { checkpoint, key, from, to } = input.options
      if (key !== undefined) checkKey(key)
      const head = await services.log.head()
      const report = await verifyLog({
        leaves: leavesOf(store, head.size),
        checkpoint: new Uint8Array(await readFile(placesOf(config).checkpoint)),
        verifierKey: key ?? services.log.verifierKey,
        ...(checkpoint === undefined
          ? {}
          : { earlierCheckpoints: [new Uint8Array(await readFile(checkpoint))] }),
        readTile: (level, index) => store.log.readTile(level, index),
        ...(from === undefined ? {} : { periods: [{ from, to: to ?? from }] }),
        onProgress: (done) => printer.progress('records', done, head.size),
      })
      printer.result(report, ...linesOf(report))
      return report.ok ? 0 : 1
    }),
}
