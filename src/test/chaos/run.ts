// npm run chaos [-- --kills N] [--whole-every N] [--json]: kill -9 under load; exit status 1 when anything was lost.
import { parseArgs } from 'node:util'
import { runChaos } from './chaos.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    'whole-every': { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
})

const count = (name: 'kills' | 'whole-every'): number => {
  const number = Number(values[name])
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} is a whole number from 1`)
  return number
}

const result = await runChaos({
  kills: count('kills'),
  wholeEvery: count('whole-every'),
  onProgress: ({ kills, certificates, revoked, signatures, findings }) =>
    void process.stderr.write(
      `${kills} kills: ${certificates} certificates, ${revoked} revoked, ${signatures} signatures, ${findings.length} findings\n`,
    ),
})

const lines = [
  `${result.kills} kills in ${result.seconds} s, ${result.atStart} of them during a start`,
  `${result.certificates} certificates, ${result.revoked} revocations, ${result.signatures} signatures and ${result.receipts} receipts were answered`,
  `${result.stored} certificates and ${result.serials} serials are stored, ${result.orphaned} serials are spent without one, ${result.records} records are in the log`,
  result.findings.length === 0 ? 'nothing was lost, nothing is there twice' : 'FOUND:',
  ...result.findings.map((finding) => `  ${finding}`),
]
process.stdout.write(`${values.json ? JSON.stringify(result) : lines.join('\n')}\n`)
process.exitCode = result.findings.length === 0 ? 0 : 1
