// What the runs of all corpora share: where a case's files are, what its verdict was, and the table of exceptions.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Certificate, isCoded, parseCertificate } from '../../../ca/formats.ts'
import { type PemBlock, parsePem } from '../../lib/pem.ts'

/** One entry of a corpus: labels beside these stay readable by name, and each run narrows what it uses. */
export type CorpusCase = {
  readonly id: string
  readonly kind?: string
  readonly files: Readonly<Record<string, string | readonly string[]>>
  readonly expected: unknown
  readonly [label: string]: unknown
}

/** One corpus on disk. */
export type Corpus = {
  readonly name: string
  readonly cases: readonly CorpusCase[]
  readonly read: (path: string) => Uint8Array
}

/** What we said of one case: the verdict in the corpus's own words, and why. */
export type Said = { readonly verdict: string; readonly why?: string }

/** `skipped` is for a case that asks for something this product does not do at all. */
export type Outcome = {
  readonly id: string
  readonly kind: 'right' | 'wrong' | 'named' | 'skipped'
  readonly expected: string
  readonly said: string
  readonly why: string
}

/** Counts of one corpus. */
export type Summary = {
  readonly corpus: string
  readonly right: number
  readonly wrong: number
  readonly named: number
  readonly skipped: number
}

/** Corpus name → case id (or `kind::*` for a family) → why our verdict differs. */
export type Exceptions = Readonly<Record<string, Readonly<Record<string, string>>>>

/** @returns undefined where the folder has no such corpus */
export function openCorpus(dir: string, name: string): Corpus | undefined {
  const folder = join(dir, name)
  const read = (path: string): Uint8Array => new Uint8Array(readFileSync(join(folder, path)))
  let text: string
  try {
    text = new TextDecoder().decode(read('cases.json'))
  } catch {
    return undefined
  }
  return { name, cases: JSON.parse(text) as CorpusCase[], read }
}

/** Paths of a role, however many. */
export function pathsOf(entry: CorpusCase, role: string): readonly string[] {
  const value = entry.files[role]
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

/** The one path of a role. @throws Error when there is none */
export function pathOf(entry: CorpusCase, role: string): string {
  const [path] = pathsOf(entry, role)
  if (path === undefined) throw new Error(`${entry.id} has no file ${role}`)
  return path
}

/** Blocks of a PEM file. */
export const pemBlocks = (corpus: Corpus, path: string): PemBlock[] =>
  parsePem(new TextDecoder('latin1').decode(corpus.read(path)))

/** First block with this label. @throws Error when there is none */
export function blockOf(blocks: readonly PemBlock[], label: string): Uint8Array {
  const found = blocks.find((block) => block.label === label)
  if (!found) throw new Error(`block ${label} is missing`)
  return found.bytes
}

/** A certificate from DER or PEM. */
export function readCertificate(corpus: Corpus, path: string): Certificate {
  const bytes = corpus.read(path)
  if (bytes[0] === 0x30) return parseCertificate(bytes)
  const block = pemBlocks(corpus, path).find(({ label }) => label.endsWith('CERTIFICATE'))
  if (!block) throw new Error(`${path} holds no certificate`)
  return parseCertificate(trusted(block))
}

/** OpenSSL's TRUSTED CERTIFICATE is a certificate with trust settings behind it. */
function trusted({ label, bytes }: PemBlock): Uint8Array {
  if (label !== 'TRUSTED CERTIFICATE') return bytes
  const long = (bytes[1] ?? 0) === 0x82
  return bytes.subarray(0, long ? 4 + (((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)) : 2 + (bytes[1] ?? 0))
}

/** Runs one case; a typed error is an answer (`refused`), anything else is a defect and is thrown on. */
export function sayOrRefuse(refused: string, say: () => Said): Said {
  try {
    return say()
  } catch (error) {
    if (!isCoded(error)) throw error
    return { verdict: refused, why: `${error.code} ${error.message}` }
  }
}
