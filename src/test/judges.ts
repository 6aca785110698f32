// Runs software that nobody here wrote (openssl, pdfsig, qpdf, …) as a judge of what we make.
import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import type { NoteTaker } from './corpora.ts'

/** What a judge said. Output is text; a judge that writes binary is told to write a file. */
export type Run = {
  /** Exit status; -1 when it was ended by a signal (a time-out, or a crash). */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Options of `run`. */
export type RunOptions = {
  readonly input?: Uint8Array | string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds after which the judge is killed; 60,000 unless given. */
  readonly timeoutMs?: number
}

/** What `requireTool` needs of a test. */
export type Judged = NoteTaker & { pass(message?: string): void; fail(message?: string): void }

const jarFolder = '/usr/share/java'
const jars = ['pdfbox2.jar', 'fontbox2.jar', 'bcprov.jar', 'bcpkix.jar', 'bcutil.jar', 'commons-logging.jar']
const outputLimit = 64 * 1024 * 1024

/** The absolute path of a program on the PATH, or undefined. */
export function findTool(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder: look in the next.
    }
  }
  return undefined
}

/**
 * True when the judge is there. Otherwise the test passes with a logged reason on a developer's machine,
 * and fails where CI is set: a build that judged nothing must not look like one that did.
 *
 * @example if (!requireTool(t, 'pdfsig')) return
 */
export function requireTool(t: Judged, name: string): boolean {
  if (findTool(name) !== undefined) return true
  return absent(t, `${name} is not installed`)
}

/** Like `requireTool`, for the Java judge: a Java with its compiler module, PDFBox 2 and BouncyCastle. */
export function requireJavaJudge(t: Judged): boolean {
  if (!requireTool(t, 'java')) return false
  const lacking = jars.filter((jar) => !existsSync(join(jarFolder, jar)))
  return lacking.length === 0 || absent(t, `${lacking.join(', ')} not in ${jarFolder}`)
}

/** Says why a test judges nothing here; where CI is set that is a failure. */
export function absent(t: Judged, reason: string): false {
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') {
    t.fail(`${reason}, and CI is set`)
  } else {
    t.log(`skipped: ${reason}`)
    t.pass()
  }
  return false
}

/**
 * Runs a program to its end. A status other than 0 is an answer, not an error.
 *
 * @throws Error when the program cannot be started
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      // English messages, whatever the machine speaks.
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    })
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    child.on('error', reject)
    child.on('close', (code) => resolve({ status: code ?? -1, stdout: stdout(), stderr: stderr() }))
    // A judge that exits before reading all of its input is no failure of ours.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
  })
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const parts: Uint8Array[] = []
  let size = 0
  stream.on('data', (part: Uint8Array) => {
    size += part.length
    if (size <= outputLimit) parts.push(part)
  })
  return () => Buffer.concat(parts).toString('utf8')
}

/** One signature of a PDF as PDFBox and BouncyCastle see it. `error` is there when they could not judge it. */
export type JavaVerdict = {
  readonly field: string
  readonly filter: string
  readonly subFilter: string
  /** The CMS signature verifies with the certificate in it, and its digest is that of the ByteRange. */
  readonly valid: boolean
  readonly digestMatches: boolean
  /** ByteRange starts at 0, leaves out exactly the Contents string, and ends at the end of the file. */
  readonly coversWholeFile: boolean
  /** The gap of the ByteRange is exactly the hexadecimal Contents string. */
  readonly gapIsContents: boolean
  /** Signed attributes stand in the order DER wants for a SET OF. */
  readonly attributesInOrder: boolean
  readonly signer: string
  readonly serialHex: string
  readonly digestAlgorithm: string
  readonly signatureAlgorithm: string
  /** OIDs of the signed attributes, in the order they stand in. */
  readonly signedAttributes: readonly string[]
  readonly hasTimestamp: boolean
  readonly error?: string
}

/**
 * PDFBox with BouncyCastle on every signature of a PDF, in the order of the form's fields.
 *
 * @param path of the PDF file
 * @returns empty for a PDF without signatures
 * @throws Error when Java or PDFBox cannot read the file
 */
export async function javaVerdicts(path: string): Promise<JavaVerdict[]> {
  const classPath = jars.map((jar) => join(jarFolder, jar)).join(delimiter)
  const source = join(import.meta.dirname, 'interop/VerifyPdf.java')
  const { status, stdout, stderr } = await run('java', ['-cp', classPath, source, path], {
    timeoutMs: 120_000,
  })
  if (status !== 0) throw new Error(`VerifyPdf ended with status ${status}: ${stderr.slice(-2000)}`)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JavaVerdict)
}
