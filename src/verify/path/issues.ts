/** What can be wrong with a path. Keys are stable: reports, texts and tests use them. */
import { type Certificate, nameToString } from '../../../ca/formats.ts'

/** Stable key of a rule that a path breaks. */
export type PathIssueKey =
  | 'CERT_EXPIRED'
  | 'CERT_NOT_YET_VALID'
  | 'CERT_MALFORMED'
  | 'CERT_KEY_UNUSABLE'
  | 'CERT_KEY_USAGE'
  | 'CERT_EXT_KEY_USAGE'
  | 'CERT_IS_A_CA'
  | 'CERT_CRITICAL_EXTENSION_UNKNOWN'
  | 'CERT_PROFILE'
  | 'PATH_NOT_FOUND'
  | 'PATH_WORK_LIMIT'
  | 'PATH_SIGNATURE_INVALID'
  | 'PATH_ISSUER_NAME'
  | 'PATH_NOT_A_CA'
  | 'PATH_CA_KEY_USAGE'
  | 'PATH_CA_EXT_KEY_USAGE'
  | 'PATH_LENGTH'
  | 'PATH_NAME_CONSTRAINTS'
  | 'PATH_POLICY'
  | 'ALGORITHM_UNKNOWN'
  | 'ALGORITHM_TOO_WEAK'

/** One broken rule. */
export interface PathIssue {
  readonly key: PathIssueKey
  /** Position on the path; 0 is the target, the last one the trust anchor. */
  readonly index: number
  /** Subject of the certificate at fault. */
  readonly subject: string
  readonly detail?: string
}

/** Makes an issue for one certificate of a path. */
export function issueAt(
  key: PathIssueKey,
  path: readonly Certificate[],
  index: number,
  detail?: string,
): PathIssue {
  const certificate = path[index]
  const subject = certificate ? nameToString(certificate.subject) : ''
  return { key, index, subject, ...(detail === undefined ? {} : { detail }) }
}
