/** The declarative file of a ceremony: reviewed first, run once, hashed into the record. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { KeyAlgorithmName } from './algorithms/key-algorithms.ts'
import { CodedError } from './errors.ts'

interface Named {
  readonly commonName: string
  readonly keyAlgorithm: KeyAlgorithmName
  readonly validitySeconds?: number
}

/** The content of a ceremony file. */
export interface CeremonyFile {
  readonly name: string
  readonly organisation: string
  readonly country: string
  readonly baseUrl: string
  readonly policyArc: string
  readonly instanceByte: number
  readonly root: Named & {
    readonly issuerId: string
    readonly offline?: boolean
    /** From thisUpdate to nextUpdate in the CRLs of an offline root; the list of a root kept here is renewed by the service. */
    readonly crlValiditySeconds?: number
  }
  readonly issuing: readonly (Named & {
    readonly issuerId: string
    readonly shards: number
    readonly ocsp: Named
  })[]
  readonly tsa: Named & { readonly issuerId: string }
}

/** A ceremony file that fits its schema. */
export interface LoadedCeremony extends CeremonyFile {
  /** SHA-256 of the bytes that were reviewed. */
  readonly sha256: string
}

const MAX_CEREMONY_BYTES = 65_536

/**
 * Reads a ceremony file.
 *
 * @throws {CEREMONY_INVALID} with the place that does not fit
 */
export function parseCeremony(bytes: Uint8Array, schemaFile: string): LoadedCeremony {
  if (bytes.length > MAX_CEREMONY_BYTES) throw invalid(`at most ${MAX_CEREMONY_BYTES} bytes`)
  const schema = JSON.parse(readFileSync(schemaFile, 'utf8')) as object
  const validate = new Ajv2020({ strict: true }).compile<CeremonyFile>(schema)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw invalid('is not JSON')
  }
  if (!validate(value)) {
    const [error] = validate.errors ?? []
    throw invalid(`#${error?.instancePath ?? ''} ${error?.message ?? 'does not fit its schema'}`)
  }
  const ids = [value.root.issuerId, ...value.issuing.map((one) => one.issuerId)]
  if (new Set(ids).size !== ids.length) throw invalid('an issuerId occurs twice')
  const { tsa } = value
  if (!value.issuing.some((one) => one.issuerId === tsa.issuerId))
    throw invalid('tsa.issuerId is not an issuing CA')
  return { ...value, sha256: createHash('sha256').update(bytes).digest('hex') }
}

const invalid = (rule: string): CodedError => new CodedError('CEREMONY_INVALID', `ceremony file: ${rule}`)
