/**
 * The one error class of the product (design.md decision 13).
 *
 * Throw it for "could not do it"; a verdict such as "this signature is bad" is data, not an error.
 * `code` is stable: it is never renamed or reused. The message is one sentence that names the field
 * and the rule, and holds no secret and no personal data.
 */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code
  /** Machine-readable facts for the caller, for example `{ pointer: '#/notAfter', source: 'CPS 6.3.2' }`. */
  readonly extra: Readonly<Record<string, unknown>>

  constructor(
    code: Code,
    message: string,
    options: { cause?: unknown; extra?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CodedError'
    this.code = code
    this.extra = options.extra ?? {}
  }
}

/** Codes that the trusted core throws; `src/lib/error-codes.ts` joins them with those of the service. */
export type CaErrorCode =
  | 'INPUT_MALFORMED'
  | 'INPUT_TOO_LARGE'
  | 'ALGORITHM_UNSUPPORTED'
  | 'PROFILE_UNKNOWN'
  | 'PROFILE_VIOLATION'
  | 'CSR_PROOF_OF_POSSESSION'
  | 'KEY_WEAK'
  | 'KEY_BLOCKED'
  | 'KEY_NOT_FOUND'
  | 'KEY_UNAVAILABLE'
  | 'KEY_DESTROYED'
  | 'LINT_FAILED'
  | 'TOKEN_REJECTED'
  | 'SERIAL_COLLISION'
  | 'ISSUANCE_MISMATCH'
  | 'ISSUER_UNKNOWN'
  | 'CERT_NOT_FOUND'
  | 'CERT_NOT_VALID'
  | 'REVOCATION_CONFLICT'
  | 'CRL_UNEXPLAINED_CHANGE'
  | 'CRL_REFUSED'
  | 'ISSUER_REVOKED'
  | 'CA_OVERLOADED'
  | 'CLOCK_WENT_BACK'
  | 'DIGEST_NOT_AUTHORISED'
  | 'CEREMONY_INVALID'
  | 'STORE_UNAVAILABLE'

/** True for a CodedError with this code (any CodedError when `code` is left out). */
export function isCoded(error: unknown, code?: string): error is CodedError {
  return error instanceof CodedError && (code === undefined || error.code === code)
}

/** True for the outcome of an item that was not refused. */
export const isDone = <T extends object>(outcome: T | CodedError): outcome is T =>
  !(outcome instanceof CodedError)
