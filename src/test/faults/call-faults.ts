/**
 * The whole service while single system calls of it fail: under load, in either form, then `kill -9`, a start on sound
 * storage, and everything is counted from its files by the independent reader.
 */
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../../sdk/client.ts'
import { checkWhole } from '../chaos/checks.ts'
import { askAgain, load, NAME } from '../chaos/load.ts'
import { nothingTold } from '../chaos/told.ts'
import { serveChild } from '../e2e/child.ts'
import { addEvidence } from '../e2e/objects.ts'
import { prepareDataDir } from '../e2e/start.ts'
import { buildFailingCalls, type CallFault } from './failing-calls.ts'

/** What came of it; without findings, nothing was lost. */
export interface CallFaultResult {
  readonly hits: number
  readonly certificates: number
  readonly signatures: number
  readonly revoked: number
  readonly orphaned: number
  readonly findings: readonly string[]
}

/** How long a fault waits for a call to strike. */
const STRIKE_MS = 1_500
/** How long the load goes on after it. */
const AFTER_MS = 150

/**
 * Runs the faults one after another on one new data folder, `perLife` of them before each kill.
 *
 * @returns undefined where calls cannot be made to fail
 */
export async function runCallFaults(
  scratch: string,
  faults: readonly CallFault[],
  perLife: number,
): Promise<CallFaultResult | undefined> {
  const dataDir = await prepareDataDir('calls')
  const calls = await buildFailingCalls(scratch, dataDir)
  if (calls === undefined) {
    await rm(dataDir, { recursive: true, force: true })
    return undefined
  }
  const told = nothingTold()
  const findings: string[] = []
  let apiKey = ''
  let evidenceId = ''
  let orphaned = 0
  const live = async (some: readonly CallFault[]): Promise<void> => {
    const child = await serveChild(dataDir, { ...calls.env, YINXIN_LOG: 'silent' })
    apiKey ||= child.apiKey ?? ''
    const api = createClient({ baseUrl: child.address, apiKey })
    evidenceId ||= await addEvidence({ id: '', text: '', api }, NAME)
    const ended = load({ api, evidenceId, told })
    for (const fault of some) {
      const before = calls.hits()
      calls.arm(fault)
      for (let waited = 0; calls.hits() === before && waited < STRIKE_MS; waited += 10) await sleep(10)
      calls.disarm()
      await sleep(AFTER_MS)
    }
    await child.crash()
    for (const error of await ended) findings.push(`a client was answered: ${String(error)}`)
  }
  try {
    for (let at = 0; at < faults.length && findings.length === 0; at += perLife) {
      await live(faults.slice(at, at + perLife))
      const sound = await serveChild(dataDir)
      await askAgain(createClient({ baseUrl: sound.address, apiKey }), told)
      const status = await sound.stop()
      if (status !== 0) findings.push(`the service ended with status ${status}: ${sound.errors()}`)
      const report = await checkWhole(dataDir, told)
      orphaned = report.orphaned
      findings.push(...report.findings)
    }
    const { certificates, signatures, revoked } = told
    return {
      hits: calls.hits(),
      certificates: certificates.size,
      signatures: signatures.size,
      revoked: revoked.size,
      orphaned,
      findings,
    }
  } finally {
    calls.close()
    if (findings.length === 0) await rm(dataDir, { recursive: true, force: true })
    else findings.push(`kept for inspection: ${dataDir}`)
  }
}

/** Every kind of call, in both forms and with more than one reason, each at several calls. */
export function listCallFaults(positions: readonly number[]): CallFault[] {
  const forms = [
    ['sync', 'EIO'],
    ['write', 'EIO'],
    ['write', 'ENOSPC'],
    ['rename', 'EIO'],
    ['truncate', 'EIO'],
  ] as const
  return [false, true].flatMap((isPersisted) =>
    positions.flatMap((at) => forms.map(([call, error]): CallFault => ({ call, error, at, isPersisted }))),
  )
}
