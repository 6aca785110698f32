/** A library that is loaded before the C library and lets single system calls of a process fail, as it is told while it runs. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findTool, run } from '../judges.ts'

/** Bits of `enum kind` in failing-calls.c. */
const KINDS = { sync: 1, write: 2, rename: 4, truncate: 8, any: 15 } as const

const ERRORS = { EIO: 5, ENOSPC: 28, EROFS: 30 } as const

/** One call that fails. */
export interface CallFault {
  readonly call: keyof typeof KINDS
  /** The how manieth call from now on; 1 is the next. */
  readonly at: number
  /** The call acts, and only its answer is lost. */
  readonly isPersisted: boolean
  readonly error: keyof typeof ERRORS
  /** Every later one fails too, until it is disarmed. */
  readonly isLasting?: boolean
}

/** What a process is started with, and told while it runs. */
export interface FailingCalls {
  /** Environment of the process whose calls fail in files below the folder. */
  readonly env: Readonly<Record<string, string>>
  arm(fault: CallFault): void
  disarm(): void
  /** How often a call failed so far. */
  readonly hits: () => number
  readonly close: () => void
}

/** Builds the library; undefined where there is no compiler, or no linker that preloads. */
export async function buildFailingCalls(scratch: string, folder: string): Promise<FailingCalls | undefined> {
  if (process.platform !== 'linux' || findTool('cc') === undefined) return undefined
  const library = join(scratch, 'failing-calls.so')
  const source = join(import.meta.dirname, 'failing-calls.c')
  const built = await run('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'])
  if (built.status !== 0) return undefined
  const plan = join(scratch, 'plan')
  await writeFile(plan, new Uint8Array(4096))
  const file = openSync(plan, 'r+')
  const words = (): Int32Array => {
    const bytes = new Int32Array(6)
    readSync(file, bytes, 0, bytes.byteLength, 0)
    return bytes
  }
  const set = (kinds: number, left = 0, isPersisted = false, error = 0, isLasting = false): void => {
    // Disarmed first: the process looks at the kinds before anything else.
    writeSync(file, new Int32Array([0]), 0, 4, 0)
    writeSync(file, new Int32Array([left, isPersisted ? 1 : 0, error]), 0, 12, 4)
    writeSync(file, new Int32Array([isLasting ? 1 : 0]), 0, 4, 20)
    writeSync(file, new Int32Array([kinds]), 0, 4, 0)
  }
  return {
    env: { LD_PRELOAD: library, YINXIN_FAULT_PLAN: plan, YINXIN_FAULT_FOLDER: folder },
    arm: ({ call, at, isPersisted, error, isLasting }) =>
      set(KINDS[call], at, isPersisted, ERRORS[error], isLasting),
    disarm: () => set(0),
    hits: () => words()[4] ?? 0,
    close: () => closeSync(file),
  }
}
