/** What came of a rotation; apart from what rotates, since it crosses the door of the core. */
import type { CodedError } from './errors.ts'

/** One certificate that was replaced. */
export interface RotatedService {
  /** `ocsp-<issuerId>` or `tsa`. */
  readonly name: string
  readonly oldSerialHex: string
  readonly newSerialHex: string
  readonly notAfter: Date
}

/** One that could not be replaced. */
export interface FailedRotation {
  readonly name: string
  readonly error: CodedError
}
