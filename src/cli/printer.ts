/**
 * Output of commands: for people, or with `--json` one object per line for programs.
 * Results go to standard output; progress goes to standard error, so that a pipe gets results only.
 */
import { toBase64 } from '../lib/bytes.ts'

export interface Printer {
  readonly json: boolean
  /** A line for people; nothing with `--json`. */
  text(line: string): void
  /** The result: an object for programs, and the lines that say it to people. */
  result(value: unknown, ...lines: readonly string[]): void
  /** Where long work stands; replaced by the next on a terminal. */
  progress(label: string, done: number, total?: number): void
}

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** Instants as RFC 3339, octets as Base64, big numbers as text: what JSON.stringify alone would not do. */
const replacer = (_key: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return toBase64(value)
  return typeof value === 'bigint' ? value.toString() : value
}

/** A printer over the two standard streams, or anything like them. */
export function createPrinter(json: boolean, out: Output, err: Output): Printer {
  let open = false
  let lastShown = 0
  const endProgress = (): void => {
    if (open) err.write('\n')
    open = false
  }
  const text = (line: string): void => {
    endProgress()
    if (!json) out.write(`${line}\n`)
  }
  return {
    json,
    text,
    result(value, ...lines) {
      endProgress()
      if (json) out.write(`${JSON.stringify(value, replacer)}\n`)
      else for (const line of lines) out.write(`${line}\n`)
    },
    progress(label, done, total) {
      const share = total === undefined || total === 0 ? '' : ` ${Math.floor((100 * done) / total)} %`
      const line = `${label}: ${done}${total === undefined ? '' : ` / ${total}`}${share}`
      if (err.isTTY) {
        err.write(`\r\u001b[2K${line}`)
        open = true
      } else if (done >= lastShown * 2 || done === total) {
        lastShown = Math.max(done, 1)
        err.write(`${line}\n`)
      }
    },
  }
}
