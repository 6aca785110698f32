// Finds the third-party test corpora, which are never part of the repository.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** One entry of a corpus: labels beside these stay readable by name, and each test narrows what it uses. */
export type CorpusCase = {
  readonly id: string
  readonly kind?: string
  /** Role (for example `chain`) → path or paths relative to the corpus folder. */
  readonly files?: Readonly<Record<string, string | readonly string[]>>
  readonly expected: unknown
  readonly [label: string]: unknown
}

/** What a test has to offer to have a skip shown in its output. */
export type NoteTaker = { log(...values: unknown[]): void }

/**
 * The folder of all corpora: `YINXIN_CORPORA` where it is set, else `../shared/corpora` beside the checkout.
 *
 * @returns absolute path, or undefined where there are none on this machine
 */
export function corporaDir(): string | undefined {
  const folder = process.env['YINXIN_CORPORA'] ?? join(root, '../shared/corpora')
  return existsSync(folder) ? resolve(folder) : undefined
}

/**
 * The cases of one corpus.
 *
 * @param folder name such as `pkits`
 * @returns undefined where the corpora, or this one, are absent
 * @throws SyntaxError when cases.json is not JSON: a broken corpus is no reason to skip
 */
export function loadCases(folder: string): readonly CorpusCase[] | undefined {
  const dir = corporaDir()
  if (dir === undefined) return undefined
  const path = join(dir, folder, 'cases.json')
  if (!existsSync(path)) return undefined
  const cases: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (!Array.isArray(cases)) throw new TypeError(`${folder}/cases.json is not a list`)
  return cases as readonly CorpusCase[]
}

/**
 * The bytes of one file of a corpus.
 *
 * @param path relative to the corpus folder, as in `files`
 * @throws Error when the corpora are absent or the file is
 */
export function readCorpusFile(folder: string, path: string): Uint8Array {
  const dir = corporaDir()
  if (dir === undefined) throw new Error('corpora are absent; ask corporaDir() first')
  return new Uint8Array(readFileSync(join(dir, folder, path)))
}

/** Says in the test's output how many cases were not run, so that a skipped family is seen in review. */
export function skipNote(t: NoteTaker, count: number, why: string): void {
  t.log(`skipped ${count} ${count === 1 ? 'case' : 'cases'}: ${why}`)
}
