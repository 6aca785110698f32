/** Validation policies: plain data, read from `policies/validation` and `policies/algorithms` by whoever calls. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import {
  type HashName,
  type KeyKind,
  type KeyUsageName,
  CodedError,
  digest,
  toHex,
} from '../../ca/formats.ts'

/** One hash or kind of key, and the first instant at which it is no longer accepted. */
interface Until {
  readonly until: string | null
  readonly source: string
}

/** Algorithms that a policy accepts, and until when. */
export interface AlgorithmPolicy {
  readonly name: string
  readonly version: string
  readonly source: string
  readonly hashes: readonly (Until & { readonly name: HashName })[]
  readonly keys: readonly (Until & { readonly kind: KeyKind; readonly minBits: number })[]
}

/** What a signature must fulfil beside being mathematically right. */
export interface ValidationPolicy {
  readonly name: string
  readonly version: string
  /** Name of the algorithm policy. */
  readonly algorithms: string
  readonly signer: {
    readonly keyUsage: readonly KeyUsageName[]
    readonly extKeyUsage: {
      readonly accepted: readonly string[]
      readonly allowAny: boolean
      readonly required: boolean
    }
    readonly certificatePolicies?: readonly string[]
  }
  readonly revocation: {
    readonly maxAgeSeconds: number
    readonly noRevAvailMaxValiditySeconds: number
    readonly responderMayLackStatus: boolean
  }
  readonly timestamp: { readonly maxClockSkewSeconds: number }
  readonly limits: { readonly signatures: number }
}

/** A validation policy with its algorithms and the hash that a report names. */
export interface Policy {
  readonly validation: ValidationPolicy
  readonly algorithms: AlgorithmPolicy
  /** SHA-256 of both files, one after the other, hex. */
  readonly sha256: string
}

/** Texts of the files that make up one policy, and of the schemas that they must meet. */
export interface PolicyFiles {
  readonly validation: string
  readonly algorithms: string
  readonly validationSchema: string
  readonly algorithmsSchema: string
}

/**
 * Makes a policy from the texts of its files.
 *
 * @throws {CodedError} VALIDATION_POLICY_INVALID naming the file and the rule
 */
export function parsePolicy(files: PolicyFiles): Policy {
  const validation = parseFile<ValidationPolicy>('validation', files.validation, files.validationSchema)
  const algorithms = parseFile<AlgorithmPolicy>('algorithms', files.algorithms, files.algorithmsSchema)
  if (validation.algorithms !== algorithms.name)
    throw invalid(`validation policy asks for algorithms ${validation.algorithms}, not ${algorithms.name}`)
  const encoder = new TextEncoder()
  const sha256 = toHex(digest('SHA-256', encoder.encode(files.validation), encoder.encode(files.algorithms)))
  return { validation, algorithms, sha256 }
}

/**
 * Reads the default policy, or another one by name.
 *
 * @param readFile text of a file by its path inside `policies/`; the caller decides where that folder is
 * @throws {CodedError} VALIDATION_POLICY_INVALID
 */
export async function loadPolicy(
  readFile: (path: string) => Promise<string>,
  name = 'default',
): Promise<Policy> {
  const validation = await readFile(`validation/${name}.json`)
  const wanted = (parseJson('validation', validation) as { algorithms?: unknown } | null)?.algorithms
  if (typeof wanted !== 'string' || !/^[a-z0-9-]+$/.test(wanted))
    throw invalid('validation policy names no algorithms')
  const [algorithms, validationSchema, algorithmsSchema] = await Promise.all([
    readFile(`algorithms/${wanted}.json`),
    readFile('schema/validation.schema.json'),
    readFile('schema/validation-algorithms.schema.json'),
  ])
  return parsePolicy({ validation, algorithms, validationSchema, algorithmsSchema })
}

const invalid = (rule: string): CodedError => new CodedError('VALIDATION_POLICY_INVALID', rule)

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid(`${file} is not JSON`)
  }
}

function parseFile<T>(file: string, text: string, schemaText: string): T {
  const value = parseJson(file, text)
  const ajv = new Ajv2020({ allErrors: false })
  addFormats.default(ajv)
  const check = ajv.compile(parseJson(`schema of ${file}`, schemaText) as object)
  if (!check(value)) {
    const [error] = check.errors ?? []
    throw invalid(`${file}: ${error?.instancePath ?? ''} ${error?.message ?? 'does not meet its schema'}`)
  }
  return value as T
}

/** What a signature uses. */
export interface AlgorithmUse {
  readonly hash?: HashName
  readonly kind: KeyKind
  readonly bits: number
}

const isOver = (until: string | null, at: Date): boolean => until !== null && at >= new Date(until)

/** What of the use the policy does not accept at that time, in words; undefined when it is fine. */
export function findWeakness(policy: AlgorithmPolicy, use: AlgorithmUse, at: Date): string | undefined {
  if (use.hash !== undefined) {
    const hash = policy.hashes.find(({ name }) => name === use.hash)
    if (!hash) return `${use.hash} is not accepted`
    if (isOver(hash.until, at)) return `${use.hash} since ${hash.until}`
  }
  const key = keyRow(policy, use)
  const shown = `${use.kind} of ${use.bits} bits`
  if (!key) return `${shown} is not accepted`
  return isOver(key.until, at) ? `${shown} since ${key.until}` : undefined
}

/** The first instant at which the policy no longer accepts the use; null without an end, undefined when it never does. */
export function acceptableUntil(policy: AlgorithmPolicy, use: AlgorithmUse): string | null | undefined {
  const hash = policy.hashes.find(({ name }) => name === use.hash)
  const key = keyRow(policy, use)
  if (!key || (use.hash !== undefined && !hash)) return undefined
  const ends = [hash?.until ?? null, key.until].filter((end) => end !== null)
  return ends.sort()[0] ?? null
}

function keyRow(policy: AlgorithmPolicy, use: AlgorithmUse): AlgorithmPolicy['keys'][number] | undefined {
  const rows = policy.keys.filter(({ kind, minBits }) => kind === use.kind && use.bits >= minBits)
  return rows.sort((a, b) => b.minBits - a.minBits)[0]
}
