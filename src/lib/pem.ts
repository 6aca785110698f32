/** Text encodings of PKIX structures (RFC 7468): the blocks of a PEM file. */
import { CodedError } from '../../ca/errors.ts'
import { toBase64 } from './bytes.ts'

/** One block. */
export interface PemBlock {
  /** For example `CERTIFICATE`. */
  readonly label: string
  readonly bytes: Uint8Array
}

/** Larger than the trust list of any operating system. */
const MAX_PEM_CHARACTERS = 16 * 1024 * 1024

const pattern = /^-----BEGIN ([A-Z0-9 ._]{1,64})-----\s([^-]*)-----END \1-----/gm

/**
 * Blocks of a PEM text in their order; text between them is left out.
 *
 * @throws {CodedError} INPUT_MALFORMED when a block is not base64, INPUT_TOO_LARGE
 */
export function parsePem(text: string): PemBlock[] {
  if (text.length > MAX_PEM_CHARACTERS)
    throw new CodedError('INPUT_TOO_LARGE', `PEM text is longer than ${MAX_PEM_CHARACTERS} characters`)
  return [...text.matchAll(pattern)].map(([, label = '', body = '']) => ({
    label,
    bytes: decodeBase64(body, label),
  }))
}

/** PEM armour of one DER structure (RFC 7468). */
export function toPem(label: string, der: Uint8Array): string {
  const body = toBase64(der).replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
}

function decodeBase64(body: string, label: string): Uint8Array {
  try {
    const binary = atob(body.replace(/\s+/g, ''))
    return Uint8Array.from(binary, (character) => character.charCodeAt(0))
  } catch (cause) {
    throw new CodedError('INPUT_MALFORMED', `PEM block ${label} is not base64`, { cause })
  }
}
