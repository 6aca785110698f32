// npm run conformance [-- --json] [--wrong] [--named] [--corpora DIR] [NAME...]: the verifier against third-party test corpora.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { corporaDir } from '../corpora.ts'
import { type Exceptions, type Outcome, openCorpus } from './cases.ts'
import { CORPORA, runCorpus, summarise } from './suites.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    wrong: { type: 'boolean', default: false },
    named: { type: 'boolean', default: false },
    corpora: { type: 'string' },
  },
})

const exceptions = JSON.parse(
  readFileSync(join(import.meta.dirname, 'exceptions.json'), 'utf8'),
) as Exceptions

const dir = values.corpora === undefined ? corporaDir() : resolve(values.corpora)
if (dir === undefined) {
  process.stderr.write('no corpora: set YINXIN_CORPORA or give --corpora DIR\n')
  process.exit(2)
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const row = (cells: readonly (string | number)[]): string =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(16) : String(cell).padStart(8))).join('')

function show(outcome: Outcome, corpus: string): void {
  const { id, kind, expected, said, why } = outcome
  if (values.json) process.stderr.write(`${JSON.stringify({ corpus, id, kind, expected, said, why })}\n`)
  else say(`  ${kind} ${id}: expected ${expected}, said ${said}${why ? ` (${why})` : ''}`)
}

if (!values.json) say(row(['corpus', 'right', 'wrong', 'named', 'skipped']))
let wrong = 0
for (const name of positionals.length > 0 ? positionals : CORPORA) {
  const corpus = openCorpus(dir, name)
  if (!corpus) continue
  const outcomes = runCorpus(corpus, exceptions)
  const summary = summarise(name, outcomes)
  wrong += summary.wrong
  say(
    values.json
      ? JSON.stringify(summary)
      : row([name, summary.right, summary.wrong, summary.named, summary.skipped]),
  )
  for (const outcome of outcomes) {
    if ((values.wrong && outcome.kind === 'wrong') || (values.named && outcome.kind === 'named'))
      show(outcome, name)
  }
}
process.exitCode = wrong === 0 ? 0 : 1
