// npm run bench [-- NAME...] [--list] [--json] [--runs N] [--quick] [--profile DIR]: ours and a peer, side by side.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { BENCHMARKS } from './all.ts'
import { type Benchmark, runBenchmark } from './benchmark.ts'
import { endChildren } from './processes.ts'
import { renderJson, renderTable } from './render.ts'
import type { BenchmarkResult } from './statistics.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    profile: { type: 'string' },
  },
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const progress = (text: string): void => void process.stderr.write(text)

/** The benchmark of this name, or all of the group: `growth` is every `growth-…`. @throws Error when there is none */
function namesOf(word: string): string[] {
  const names = BENCHMARKS.map(({ name }) => name)
  const found = names.includes(word) ? [word] : names.filter((name) => name.startsWith(`${word}-`))
  if (found.length === 0) throw new Error(`there is no benchmark ${word}; --list names them`)
  return found
}

function chosen(): readonly Benchmark[] {
  if (positionals.length === 0) return BENCHMARKS
  const wanted = new Set(positionals.flatMap(namesOf))
  return BENCHMARKS.filter(({ name }) => wanted.has(name))
}

function runsWanted(): number {
  const runs = Number(values.runs ?? (values.quick ? 1 : 5))
  if (!Number.isInteger(runs) || runs < 1 || runs > 100)
    throw new Error('--runs is a whole number from 1 to 100')
  return runs
}

async function measure(benchmark: Benchmark, runs: number): Promise<BenchmarkResult> {
  const folder = await mkdtemp(join(tmpdir(), 'yinxin-bench-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const onSignal = (): void => {
    endChildren()
    void remove().then(() => process.exit(130))
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    const profileFolder = values.profile === undefined ? undefined : resolve(values.profile)
    if (profileFolder !== undefined) await mkdir(profileFolder, { recursive: true })
    const setting = { folder, isQuick: values.quick, profileFolder }
    return await runBenchmark(benchmark, setting, runs, (run, side) =>
      progress(`${benchmark.name} ${run}/${runs} ${side}\n`),
    )
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    endChildren()
    await remove()
  }
}

async function main(): Promise<number> {
  if (values.list) {
    for (const { name, what } of BENCHMARKS)
      say(values.json ? JSON.stringify({ name, what }) : `${name.padEnd(20)} ${what}`)
    return 0
  }
  const runs = runsWanted()
  const results: BenchmarkResult[] = []
  let failed = 0
  for (const benchmark of chosen()) {
    try {
      const result = await measure(benchmark, runs)
      results.push(result)
      if (values.json) say(renderJson(result))
    } catch (error) {
      failed++
      progress(
        `${benchmark.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      )
    }
  }
  if (!values.json) say(renderTable(results))
  return failed === 0 ? 0 : 1
}

process.exitCode = await main().catch((error: unknown) => {
  progress(`${error instanceof Error ? error.message : String(error)}\n`)
  return 2
})
