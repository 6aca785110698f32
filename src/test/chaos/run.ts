// npm run chaos [-- --kills N] [--whole-every N] [--calls] [--json]: kill -9 under load, or with --calls failing system
// calls; exit status 1 when anything was lost.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { listCallFaults, runCallFaults } from '../faults/call-faults.ts'
import { runChaos } from './chaos.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    'whole-every': { type: 'string', default: '20' },
    calls: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const count = (name: 'kills' | 'whole-every'): number => {
  const number = Number(values[name])
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} is a whole number from 1`)
  return number
}

/** Which calls of a kind fail: the next ones, and some that come later in the same work. */
const POSITIONS = [1, 2, 3, 5, 8, 13, 21, 34]

/** Prints what came out: the result as one line, or lines. */
function report(result: { readonly findings: readonly string[] }, lines: readonly string[]): void {
  const text = [
    ...lines,
    result.findings.length === 0 ? 'nothing was lost, nothing is there twice' : 'FOUND:',
    ...result.findings.map((finding) => `  ${finding}`),
  ]
  process.stdout.write(`${values.json ? JSON.stringify(result) : text.join('\n')}\n`)
  process.exitCode = result.findings.length === 0 ? 0 : 1
}

async function failCalls(): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'yinxin-calls-'))
  try {
    const faults = listCallFaults(POSITIONS)
    const result = await runCallFaults(scratch, faults, 8)
    if (result === undefined) throw new Error('calls cannot be made to fail here: there is no C compiler')
    report(result, [
      `${result.hits} of ${faults.length} faults struck`,
      `${result.certificates} certificates, ${result.revoked} revocations and ${result.signatures} signatures were answered`,
      `${result.orphaned} serials are spent without a certificate`,
    ])
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function kill(): Promise<void> {
  const result = await runChaos({
    kills: count('kills'),
    wholeEvery: count('whole-every'),
    onProgress: ({ kills, certificates, revoked, signatures, findings }) =>
      void process.stderr.write(
        `${kills} kills: ${certificates} certificates, ${revoked} revoked, ${signatures} signatures, ${findings.length} findings\n`,
      ),
  })
  report(result, [
    `${result.kills} kills in ${result.seconds} s, ${result.atStart} of them during a start`,
    `${result.certificates} certificates, ${result.revoked} revocations, ${result.signatures} signatures and ${result.receipts} receipts were answered`,
    `${result.stored} certificates and ${result.serials} serials are stored, ${result.orphaned} serials are spent without one, ${result.records} records are in the log`,
  ])
}

await (values.calls ? failCalls() : kill())
