/**
 * `kill -9`, again and again: a real service on SQLite under load, killed at any moment, its start included; started
 * again, asked whether what it said is still true, and counted from its files by a reader that shares no code with it.
 */
import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../../sdk/client.ts'
import { serveChild, type ServingChild } from '../e2e/child.ts'
import { addEvidence } from '../e2e/objects.ts'
import { prepareDataDir } from '../e2e/start.ts'
import { checkRecent, checkWhole } from './checks.ts'
import { askAgain, load, NAME } from './load.ts'
import { nothingTold, type Told } from './told.ts'

/** How much of it. */
export interface ChaosOptions {
  readonly kills: number
  /** Kills between two whole checks. */
  readonly wholeEvery: number
  readonly onProgress?: (state: ChaosState) => void
}

/** Where it stands. */
export interface ChaosState {
  readonly kills: number
  /** Of these, kills before the service was ready. */
  readonly atStart: number
  readonly certificates: number
  readonly revoked: number
  readonly signatures: number
  readonly receipts: number
  readonly findings: readonly string[]
}

/** What came out; without findings, nothing was lost. */
export interface ChaosResult extends ChaosState {
  /** As counted from the files at the end. */
  readonly stored: number
  readonly serials: number
  readonly orphaned: number
  readonly records: number
  readonly wholeChecks: number
  readonly seconds: number
}

const LOAD_MS = [30, 1_500] as const
/** One kill in so many hits a service that is still starting. */
const START_KILLS = 6
const START_MS = [50, 900] as const

interface Loop {
  readonly dataDir: string
  readonly told: Told
  readonly findings: string[]
  apiKey: string
  evidenceId: string
  kills: number
  atStart: number
}

const between = ([from, to]: readonly [number, number]): number => randomInt(from, to)

/** Starts the service, or kills it while it starts. */
async function startOrKill(loop: Loop, mayKill: boolean): Promise<ServingChild | undefined> {
  const isKilled = mayKill && randomInt(START_KILLS) === 0
  let timer: NodeJS.Timeout | undefined
  const kill = (child: ChildProcess): void => {
    timer = setTimeout(() => child.kill('SIGKILL'), between(START_MS))
  }
  try {
    const child = await serveChild(loop.dataDir, {}, isKilled ? kill : undefined)
    clearTimeout(timer)
    return child
  } catch (error) {
    if (!isKilled) throw error
    loop.kills++
    loop.atStart++
    return undefined
  }
}

/** One life of the service: start, look, work, death. */
async function live(loop: Loop): Promise<void> {
  const child = await startOrKill(loop, true)
  if (child === undefined) return
  const api = createClient({ baseUrl: child.address, apiKey: loop.apiKey })
  loop.findings.push(...(await checkRecent(api, loop.told)))
  await askAgain(api, loop.told)
  const ended = load({ api, evidenceId: loop.evidenceId, told: loop.told })
  await sleep(between(LOAD_MS))
  await child.crash()
  loop.kills++
  for (const error of await ended) loop.findings.push(`a client was answered: ${String(error)}`)
  if (child.errors() !== '') loop.findings.push(`the service complained: ${child.errors().slice(0, 500)}`)
}

/** Lets the service start, finish what is open and stop; then everything is counted. */
async function countWhole(loop: Loop) {
  const child = await serveChild(loop.dataDir)
  await askAgain(createClient({ baseUrl: child.address, apiKey: loop.apiKey }), loop.told)
  const status = await child.stop()
  if (status !== 0) loop.findings.push(`the service ended with status ${status}: ${child.errors()}`)
  const report = await checkWhole(loop.dataDir, loop.told)
  loop.findings.push(...report.findings)
  return report
}

const stateOf = ({ kills, atStart, findings, told }: Loop): ChaosState => ({
  kills,
  atStart,
  certificates: told.certificates.size,
  revoked: told.revoked.size,
  signatures: told.signatures.size,
  receipts: told.receipts.length,
  findings,
})

async function begin(dataDir: string): Promise<Loop> {
  const child = await serveChild(dataDir)
  const apiKey = child.apiKey ?? ''
  const api = createClient({ baseUrl: child.address, apiKey })
  const evidenceId = await addEvidence({ id: '', text: '', api }, NAME)
  await child.crash()
  return { dataDir, told: nothingTold(), findings: [], apiKey, evidenceId, kills: 1, atStart: 0 }
}

/** Runs it on a new data folder, which is removed unless something was found. */
export async function runChaos({ kills, wholeEvery, onProgress }: ChaosOptions): Promise<ChaosResult> {
  const started = performance.now()
  const dataDir = await prepareDataDir('chaos')
  const loop = await begin(dataDir)
  let wholeChecks = 0
  let counted = await countWhole(loop)
  while (loop.kills < kills && loop.findings.length === 0) {
    await live(loop)
    onProgress?.(stateOf(loop))
    if (loop.kills % wholeEvery !== 0 && loop.kills < kills) continue
    counted = await countWhole(loop)
    wholeChecks++
  }
  if (loop.findings.length === 0) await rm(dataDir, { recursive: true, force: true })
  else loop.findings.push(`kept for inspection: ${dataDir}`)
  const { certificates: stored, serials, orphaned, records } = counted
  const seconds = Math.round((performance.now() - started) / 1000)
  return { ...stateOf(loop), stored, serials, orphaned, records, wholeChecks, seconds }
}
